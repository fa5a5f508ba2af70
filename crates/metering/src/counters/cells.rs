//! One tenant's counts since they were last taken out.

use std::sync::{Mutex, MutexGuard, PoisonError};

use kernel::Timestamp;

use super::latency::{self, LATENCY_BUCKETS};
use super::meter::Outcome;
use crate::metrics::BuiltIn;

/// A quarter of an hour. Every day of every calendar begins at one of its borders, so what was counted within one belongs
/// to one bucket of each kind.
const QUARTER: i64 = 900_000_000;
const METRICS: usize = BuiltIn::ALL.len();

/// Counts by quarter of an hour, the present one last. A tenant of which all is taken out keeps none.
#[derive(Debug, Default)]
pub(super) struct Cells(Mutex<Vec<Counts>>);

/// What was counted in a quarter of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    /// The first instant of the quarter.
    pub(super) at: Timestamp,
    /// How often, and how much.
    metrics: [(u32, u64); METRICS],
    /// Answers by class.
    pub(super) statuses: [u32; 5],
    /// Requests by latency.
    pub(super) latencies: [u32; LATENCY_BUCKETS],
}

impl Counts {
    fn new(at: Timestamp) -> Self {
        Self {
            at,
            metrics: [(0, 0); METRICS],
            statuses: [0; 5],
            latencies: [0; LATENCY_BUCKETS],
        }
    }

    /// What was counted at all.
    pub(super) fn metrics(&self) -> impl Iterator<Item = (BuiltIn, u32, u64)> {
        let pairs = BuiltIn::ALL.iter().zip(self.metrics);
        pairs
            .map(|(metric, (count, sum))| (*metric, count, sum))
            .filter(|(_, count, _)| *count > 0)
    }

    fn add(&mut self, metric: BuiltIn, amount: u64) {
        let (count, sum) = &mut self.metrics[metric as usize];
        *count = count.saturating_add(1);
        *sum = sum.saturating_add(amount);
    }
}

impl Cells {
    /// Counts one event of so much.
    pub(super) fn add(&self, metric: BuiltIn, amount: u64, now: Timestamp) {
        self.present(now, |counts| counts.add(metric, amount));
    }

    /// Counts what a request was.
    pub(super) fn answered(&self, outcome: &Outcome, now: Timestamp) {
        self.present(now, |counts| {
            counts.add(BuiltIn::Requests, 1);
            counts.add(BuiltIn::Bandwidth, outcome.bytes);
            let class = usize::from(outcome.status / 100).clamp(1, 5) - 1;
            counts.statuses[class] = counts.statuses[class].saturating_add(1);
            let bucket = latency::bucket(outcome.latency);
            counts.latencies[bucket] = counts.latencies[bucket].saturating_add(1);
        });
    }

    /// Everything that is counted and not taken out yet.
    pub(super) fn drain(&self) -> Vec<Counts> {
        std::mem::take(&mut *self.lock())
    }

    /// Counts into the present quarter; a caller whose clock is behind by a moment, into the one that has begun.
    fn present(&self, now: Timestamp, count: impl FnOnce(&mut Counts)) {
        let begun = Timestamp::from_micros(now.as_micros().div_euclid(QUARTER) * QUARTER);
        let mut quarters = self.lock();
        if quarters.last().is_none_or(|last| last.at < begun) {
            // One is nearly always all that there is before they are taken out.
            quarters.reserve_exact(1);
            quarters.push(Counts::new(begun));
        }
        if let Some(present) = quarters.last_mut() {
            count(present);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Counts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
