//! When to try again.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use kernel::{Seams, Timestamp};

/// Pauses between attempts, as the specification proposes them; with the first attempt there are ten, in three days and
/// three hours.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// Attempts before a delivery has failed.
pub const ATTEMPTS: usize = PAUSES.len() + 1;

/// The longest that an endpoint is left alone because it asks for it.
const LONGEST_HOLD: Duration = Duration::from_hours(24);

/// When the attempt after this one is due; none after the last. Up to a tenth more, so that what failed together does
/// not come back together.
pub(super) fn next(seams: &Seams, attempts: i32, now: Timestamp) -> Option<Timestamp> {
    let pause = PAUSES.get(usize::try_from(attempts - 1).ok()?)?;
    let [jitter] = seams.random::<1>();
    Some(now.plus(*pause + *pause * u32::from(jitter) / 2560))
}

/// Until when the endpoint wants to be left alone (RFC 9110 §10.2.3), as far as that is granted.
pub(super) fn hold(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let until = match text.parse::<u32>() {
        Ok(seconds) => now.plus(Duration::from_secs(seconds.into())),
        Err(_) => Timestamp::new(jiff::fmt::rfc2822::parse(text).ok()?.timestamp()),
    };
    (until > now).then(|| until.min(now.plus(LONGEST_HOLD)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_take_three_days_and_never_come_early() {
        let (seams, start) = (Seams::real(), Timestamp::from_micros(0));
        let (mut now, mut attempts) = (start, 1);
        while let Some(next) = next(&seams, attempts, now) {
            let pause = PAUSES[usize::try_from(attempts - 1).unwrap()];
            assert!(next >= now.plus(pause) && next <= now.plus(pause + pause / 10));
            (now, attempts) = (next, attempts + 1);
        }
        assert_eq!(usize::try_from(attempts), Ok(ATTEMPTS));
        assert!(now >= start.plus_days(3) && now < start.plus_days(4), "{now}");
    }

    #[test]
    fn reads_both_forms_of_retry_after() {
        let now: Timestamp = "2026-03-05T10:42:00Z".parse().unwrap();
        let asked = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            hold(&headers, now)
        };
        assert_eq!(asked("120"), Some(now.plus(Duration::from_mins(2))));
        assert_eq!(
            asked("Thu, 05 Mar 2026 10:43:00 GMT"),
            Some(now.plus(Duration::from_mins(1)))
        );
        assert_eq!(asked("4000000000"), Some(now.plus_days(1)), "not for ever");
        for nothing in ["0", "-1", "soon", "Thu, 05 Mar 2026 10:41:00 GMT"] {
            assert_eq!(asked(nothing), None, "{nothing}");
        }
        assert_eq!(hold(&HeaderMap::new(), now), None);
    }
}
