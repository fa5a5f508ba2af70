//! Latencies in 32 buckets, two to an octave from a quarter of a millisecond: a percentile is known to some 20 %.

use std::time::Duration;

/// Buckets; the last has everything above 8.2 s.
pub const LATENCY_BUCKETS: usize = 32;

/// Upper bounds in microseconds: 250 times the powers of the square root of two.
const BOUNDS: [u64; LATENCY_BUCKETS - 1] = {
    let mut bounds = [0; LATENCY_BUCKETS - 1];
    let mut at = 0;
    while at < bounds.len() {
        let octave = 250_u64 << (at / 2);
        bounds[at] = if at % 2 == 0 {
            octave
        } else {
            octave * 1_414_214 / 1_000_000
        };
        at += 1;
    }
    bounds
};

/// The bucket of a latency.
pub(super) fn bucket(latency: Duration) -> usize {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    BOUNDS.partition_point(|bound| *bound < micros)
}

/// How many requests there were in each bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latencies(pub [i64; LATENCY_BUCKETS]);

impl Latencies {
    /// The latency that this share of requests stays within, in microseconds; none without requests. Inside a bucket it
    /// is taken to grow evenly.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let total: i64 = self.0.iter().sum();
        let wanted = share.clamp(0.0, 1.0) * total as f64;
        let mut below = 0_i64;
        for (at, &count) in self.0.iter().enumerate() {
            if count > 0 && (below + count) as f64 >= wanted {
                let from = if at == 0 { 0 } else { BOUNDS[at - 1] };
                let to = BOUNDS.get(at).copied().unwrap_or(from);
                let within = ((wanted - below as f64) / count as f64).clamp(0.0, 1.0);
                return Some(from + ((to - from) as f64 * within) as u64);
            }
            below += count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_percentiles() {
        assert_eq!(bucket(Duration::ZERO), 0);
        assert_eq!(bucket(Duration::from_micros(250)), 0);
        assert_eq!(bucket(Duration::from_micros(251)), 1);
        assert_eq!(bucket(Duration::from_secs(8)), 30);
        assert_eq!(bucket(Duration::from_secs(9)), 31);
        assert!(BOUNDS.is_sorted());
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), None);
        for millis in 1..=1000 {
            latencies.0[bucket(Duration::from_millis(millis))] += 1;
        }
        for (share, micros) in [(0.5, 500_000), (0.95, 950_000), (0.99, 990_000)] {
            let found = latencies.quantile(share).expect("there are some");
            assert!(found.abs_diff(micros) < micros / 5, "{share}: {found}");
        }
    }
}
