//! The rule.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// So many in a second in the long run, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// What comes back in a second, from 1 to 1,000,000.
    pub per_second: u32,
    /// What may come at once, at least 1.
    pub burst: u32,
}

/// What was decided, as the `RateLimit` headers tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// Whether it passes.
    pub allowed: bool,
    /// What may come at once.
    pub limit: u32,
    /// What may still come at once.
    pub remaining: u32,
    /// Until all of `limit` may come at once again.
    pub reset: Duration,
    /// When it does not pass: until one may.
    pub retry_after: Duration,
}

impl Passage {
    /// The header's whole seconds, rounded up.
    pub fn reset_seconds(&self) -> u64 {
        seconds(self.reset)
    }

    /// `Retry-After`, rounded up.
    pub fn retry_after_seconds(&self) -> u64 {
        seconds(self.retry_after).max(1)
    }

    /// The one that leaves less.
    #[must_use]
    pub fn tighter(self, other: Self) -> Self {
        let key = |one: &Self| (one.allowed, one.remaining);
        if key(&other) < key(&self) { other } else { self }
    }
}

fn seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

impl Rate {
    /// So many in a second and at once.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: per_second.clamp(1, 1_000_000),
            burst: burst.max(1),
        }
    }

    /// Nanoseconds in which one comes back.
    fn interval(self) -> u64 {
        1_000_000_000 / u64::from(self.per_second.max(1))
    }

    /// Whether one more passes at `now`, where the bucket would be full again at `full_at` (both in nanoseconds of one
    /// clock; 0 is full), and when it will be then.
    pub fn decide(self, full_at: u64, now: u64) -> (u64, Passage) {
        let interval = self.interval();
        let depth = interval * u64::from(self.burst.max(1));
        // A state from before the rate was lowered, or from a clock ahead, must not lock its holder out for long.
        let wait = full_at.saturating_sub(now).min(depth);
        let wanted = wait + interval;
        let allowed = wanted <= depth;
        let after = if allowed { wanted } else { wait };
        let remaining = (depth - after) / interval;
        let passage = Passage {
            allowed,
            limit: self.burst,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset: Duration::from_nanos(after),
            retry_after: Duration::from_nanos(if allowed { 0 } else { wanted - depth }),
        };
        (now + after, passage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_and_then_the_rate() {
        let rate = Rate::new(10, 3);
        let (mut state, start) = (0, 100 * SECOND);
        for remaining in [2, 1, 0] {
            let (next, passage) = rate.decide(state, start);
            assert!(passage.allowed);
            assert_eq!(passage.remaining, remaining);
            state = next;
        }
        let (same, refused) = rate.decide(state, start);
        assert_eq!((same, refused.allowed, refused.remaining), (state, false, 0));
        assert_eq!(refused.retry_after, Duration::from_millis(100));
        assert_eq!(refused.reset, Duration::from_millis(300));
        assert_eq!((refused.retry_after_seconds(), refused.reset_seconds()), (1, 1));
        let (_, later) = rate.decide(state, start + SECOND / 10);
        assert!(later.allowed);
        let (_, too_early) = rate.decide(state, start + SECOND / 10 - 1);
        assert!(!too_early.allowed);
    }

    proptest! {
        /// In any span no more pass than the burst and what comes back in it, and a patient caller always passes.
        #[test]
        fn never_more_than_burst_and_rate(per_second in 1_u32..2000, burst in 1_u32..50, gaps in proptest::collection::vec(0_u64..SECOND / 4, 1..200)) {
            let rate = Rate::new(per_second, burst);
            let (mut state, mut now) = (0, SECOND);
            let mut passed = Vec::new();
            for gap in gaps {
                now += gap;
                let (next, passage) = rate.decide(state, now);
                state = next;
                if passage.allowed {
                    passed.push(now);
                } else {
                    let wait = u64::try_from(passage.retry_after.as_nanos()).expect("short");
                    prop_assert!(rate.decide(state, now + wait).1.allowed);
                    prop_assert!(!rate.decide(state, now + wait - 1).1.allowed);
                }
            }
            for (index, first) in passed.iter().enumerate() {
                for (more, last) in passed[index..].iter().enumerate() {
                    let came_back = (last - first) / rate.interval();
                    prop_assert!(more as u64 <= u64::from(burst) - 1 + came_back + 1);
                }
            }
        }
    }
}
