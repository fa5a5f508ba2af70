//! How a rate is written: `50/s burst 250`.

use metering::rate_limits::Rate;
use toml::Value;

use super::setting::Setting;

/// So many a second in the long run, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit(pub Rate);

const MOST_PER_SECOND: u32 = 1_000_000;
const LARGEST_BURST: u32 = 1_000_000_000;

impl Setting for RateLimit {
    const WANTED: &'static str = "a rate, such as \"50/s burst 250\", of at most 1000000/s";

    fn from_text(text: &str) -> Option<Self> {
        let (per_second, burst) = text.trim().split_once("/s")?;
        let burst = burst.strip_prefix(' ')?.trim_start().strip_prefix("burst ")?;
        let per_second = number(per_second).filter(|rate| *rate <= MOST_PER_SECOND)?;
        let burst = number(burst).filter(|burst| *burst <= LARGEST_BURST)?;
        Some(Self(Rate::new(per_second, burst)))
    }

    fn shown(&self) -> Option<Value> {
        let Rate { per_second, burst } = self.0;
        Some(format!("{per_second}/s burst {burst}").into())
    }
}

fn number(text: &str) -> Option<u32> {
    let digits = text.trim().replace('_', "");
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|number| plain && *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_is_written() {
        let rate = RateLimit::from_text("50/s burst 250").expect("a rate");
        assert_eq!(rate.0, Rate::new(50, 250));
        assert_eq!(rate.shown(), Some("50/s burst 250".into()));
        assert_eq!(
            RateLimit::from_text(" 1_000/s  burst 5_000 "),
            Some(RateLimit(Rate::new(1000, 5000)))
        );
        for wrong in [
            "",
            "50",
            "50/s",
            "50/s burst",
            "50/s burst 0",
            "0/s burst 1",
            "50/m burst 3",
            "50/sburst 3",
            "-1/s burst 3",
            "+1/s burst 3",
            "1.5/s burst 3",
            "1000001/s burst 3",
            "1/s burst 5000000000",
            "1/s burst 3 4",
        ] {
            assert_eq!(RateLimit::from_text(wrong), None, "{wrong}");
        }
    }
}
