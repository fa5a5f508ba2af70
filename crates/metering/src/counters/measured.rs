//! Whether a meter knows the levels that others keep (people, projects, bytes of files), so that they need not be asked.
//!
//! Whoever changes a level on this node tells the meter, and a change of the people is announced to every node. What another
//! node does to projects and files is not, because a tenant's store may be another database: a measurement is good for a
//! minute.

use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use kernel::Timestamp;

use super::meter::Meter;

/// How long a measurement is good for, in microseconds.
const GOOD_FOR: i64 = 60_000_000;
const NEVER: i64 = i64::MIN;

/// When the levels were measured.
#[derive(Debug)]
pub(super) struct Measured {
    at: AtomicI64,
    /// Moved by every change that was announced.
    epoch: AtomicU64,
}

impl Default for Measured {
    fn default() -> Self {
        Self {
            at: AtomicI64::new(NEVER),
            epoch: AtomicU64::new(0),
        }
    }
}

/// Taken before measuring; says which changes the measurement may have missed.
#[derive(Debug, Clone, Copy)]
pub struct Measuring(u64);

impl Meter {
    /// Whether the levels were measured lately, and have not changed since but by what the meter was told.
    pub fn knows_levels(&self, now: Timestamp) -> bool {
        let at = self.measured.at.load(SeqCst);
        at != NEVER && (0..GOOD_FOR).contains(&now.as_micros().saturating_sub(at))
    }

    /// To be called before the levels are read.
    pub fn measuring(&self) -> Measuring {
        Measuring(self.measured.epoch.load(SeqCst))
    }

    /// The levels were read and told. A change that was announced meanwhile makes it void.
    pub fn measured(&self, measuring: Measuring, now: Timestamp) {
        self.measured.at.store(now.as_micros(), SeqCst);
        if self.measured.epoch.load(SeqCst) != measuring.0 {
            self.measured.at.store(NEVER, SeqCst);
        }
    }

    /// A level has changed elsewhere.
    pub(super) fn forget_levels(&self) {
        self.measured.epoch.fetch_add(1, SeqCst);
        self.measured.at.store(NEVER, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::meter::Terms;
    use crate::periods::Calendar;
    use crate::rate_limits::Rate;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn meter() -> Meter {
        let terms = Terms {
            calendar: Calendar::utc().into(),
            gauges: Box::default(),
            rate: Rate::new(1, 1),
            thresholds: std::sync::Arc::default(),
        };
        Meter::new(kernel::Seams::real().new_id(), terms, at(0))
    }

    #[test]
    fn a_measurement_is_good_for_a_minute_or_until_news() {
        let meter = meter();
        assert!(!meter.knows_levels(at(1)));
        meter.measured(meter.measuring(), at(1));
        assert!(meter.knows_levels(at(60)) && !meter.knows_levels(at(61)));
        meter.forget_levels();
        assert!(!meter.knows_levels(at(2)));
        let overtaken = meter.measuring();
        meter.forget_levels();
        meter.measured(overtaken, at(3));
        assert!(!meter.knows_levels(at(3)));
    }
}
