//! Metering for an application that is built on the library: count, set, ask, reserve.

use std::sync::Arc;
use std::sync::atomic::Ordering::AcqRel;

use kernel::Timestamp;

use super::meter::Meter;
use super::metering::Metering;
use crate::metrics::{BuiltIn, Kind};
use crate::periods::Period;
use crate::quotas::{Gauge, Hold, Mode, QuotaCheck};

impl Metering {
    /// Counts one, unless a hard quota is used up.
    pub fn increment(&self, meter: &Arc<Meter>, metric: BuiltIn) -> Result<(), Box<QuotaCheck>> {
        self.take(meter, metric, 1)
    }

    /// Counts so much, unless a hard quota would be exceeded: of any number of callers for the last unit one passes.
    pub fn take(&self, meter: &Arc<Meter>, metric: BuiltIn, amount: u64) -> Result<(), Box<QuotaCheck>> {
        self.reserve(meter, metric, amount)
            .map(|reservation| reservation.commit(amount))
    }

    /// Counts so much that was used already, whatever the quotas say.
    pub fn track(&self, meter: &Arc<Meter>, metric: BuiltIn, amount: u64) {
        let now = self.now();
        meter.charge(metric, amount, now);
        self.note(meter, metric, amount, now);
    }

    /// Takes so much from what there is now. Counters do not go back: what was counted wrongly is corrected by an event.
    pub fn decrement(&self, meter: &Arc<Meter>, metric: BuiltIn, amount: u64) {
        if metric.kind() == Kind::Gauge {
            let terms = meter.terms();
            terms.of(metric.name()).for_each(|gauge| gauge.untake(amount));
            drop(terms);
            self.note(meter, metric, amount, self.now());
        }
    }

    /// There is so much now. Only of gauges.
    pub fn set(&self, meter: &Arc<Meter>, metric: BuiltIn, level: u64) {
        if metric.kind() == Kind::Gauge {
            let terms = meter.terms();
            terms.of(metric.name()).for_each(|gauge| gauge.set(level));
            drop(terms);
            self.note(meter, metric, level, self.now());
        }
    }

    /// The same as [`set`](Self::set), unless a later reading of what there is was told before.
    pub fn set_as_of(&self, meter: &Arc<Meter>, metric: BuiltIn, level: u64, reading: i64) {
        if metric.kind() == Kind::Gauge {
            let terms = meter.terms();
            let told = terms
                .of(metric.name())
                .map(|gauge| gauge.set_as_of(level, reading))
                .fold(false, |any, told| any | told);
            drop(terms);
            if told {
                self.note(meter, metric, level, self.now());
            }
        }
    }

    /// How many there may be of what the metric counts now; none where nothing bounds them.
    pub fn most(&self, meter: &Meter, metric: BuiltIn) -> Option<u64> {
        let terms = meter.terms();
        let hard = terms
            .of(metric.name())
            .map(Gauge::quota)
            .filter(|quota| quota.mode == Mode::Hard);
        hard.filter_map(|quota| quota.limit.at_most()).min()
    }

    /// How much is used in the present period of its quota, the first of them where there are several.
    pub fn usage(&self, meter: &Meter, metric: BuiltIn) -> Option<QuotaCheck> {
        let (terms, now) = (meter.terms(), self.now());
        terms
            .of(metric.name())
            .next()
            .map(|gauge| gauge.check(now, &terms.calendar))
    }

    /// Whether so much would be let through now. Only [`take`](Self::take) and [`reserve`](Self::reserve) make it so.
    pub fn can_perform(&self, meter: &Meter, metric: BuiltIn, amount: u64) -> Result<(), Box<QuotaCheck>> {
        let (terms, now) = (meter.terms(), self.now());
        for gauge in terms.of(metric.name()) {
            if gauge.share().saturating_sub(gauge.used_at(now, &terms.calendar)) < amount {
                return Err(Box::new(QuotaCheck {
                    allowed: false,
                    ..gauge.check(now, &terms.calendar)
                }));
            }
        }
        Ok(())
    }

    /// Holds so much for work whose size is known later, such as an upload.
    pub fn reserve(
        &self,
        meter: &Arc<Meter>,
        metric: BuiltIn,
        amount: u64,
    ) -> Result<Reservation, Box<QuotaCheck>> {
        let now = self.now();
        meter.touch(now);
        let mut holds = Vec::new();
        meter
            .terms()
            .take(metric, amount, now, |period, hold| holds.push((period, hold)))?;
        Ok(Reservation {
            metering: self.clone(),
            meter: Arc::clone(meter),
            metric,
            holds,
        })
    }

    /// Has it written at the next flush.
    fn note(&self, meter: &Arc<Meter>, metric: BuiltIn, amount: u64, now: Timestamp) {
        meter.touch(now);
        if metric.kind() == Kind::Gauge {
            meter.levels.fetch_or(1 << (metric as u16), AcqRel);
        } else {
            meter.cells.add(metric, amount, now);
        }
        self.soil(meter);
    }
}

/// So much is held. Dropping it gives it back.
#[derive(Debug)]
#[must_use = "dropping it gives back what it holds"]
pub struct Reservation {
    metering: Metering,
    meter: Arc<Meter>,
    metric: BuiltIn,
    holds: Vec<(Period, Hold)>,
}

impl Reservation {
    /// It was so much in the end, and is counted now.
    pub fn commit(mut self, amount: u64) {
        let terms = self.meter.terms();
        let name = self.metric.into();
        for (period, hold) in std::mem::take(&mut self.holds) {
            if let Some(gauge) = terms.matching(&name, period) {
                gauge.commit(hold, amount);
            }
        }
        drop(terms);
        self.metering
            .note(&self.meter, self.metric, amount, self.metering.now());
    }

    /// It came to nothing.
    pub fn release(self) {
        drop(self);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let terms = self.meter.terms();
        let name = self.metric.into();
        for (period, hold) in self.holds.drain(..) {
            if let Some(gauge) = terms.matching(&name, period) {
                gauge.release(hold);
            }
        }
    }
}
