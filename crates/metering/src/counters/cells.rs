//! One tenant's counts since they were last taken out.

use std::sync::atomic::{
    AtomicI64, AtomicU32, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed,
};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kernel::Timestamp;

use super::latency::{self, LATENCY_BUCKETS};
use crate::metrics::BuiltIn;

/// A quarter of an hour. Every day of every calendar begins at one of its borders, so what was counted within one belongs
/// to one bucket of each kind.
const QUARTER: i64 = 900_000_000;
const METRICS: usize = BuiltIn::ALL.len();

/// Counts of one quarter of an hour.
#[derive(Debug)]
pub(super) struct Cells {
    quarter: AtomicI64,
    counts: [AtomicU32; METRICS],
    sums: [AtomicU64; METRICS],
    statuses: [AtomicU32; 5],
    latencies: [AtomicU32; LATENCY_BUCKETS],
    /// What was counted in earlier quarters and is not taken out yet. Held while a quarter begins.
    earlier: Mutex<Vec<Counts>>,
}

/// Counts that were taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    /// The first instant of the quarter.
    pub(super) at: Timestamp,
    /// How often, and how much.
    pub(super) metrics: [(u32, u64); METRICS],
    /// Answers by class.
    pub(super) statuses: [u32; 5],
    /// Requests by latency.
    pub(super) latencies: [u32; LATENCY_BUCKETS],
}

impl Counts {
    pub(super) fn metrics(&self) -> impl Iterator<Item = (BuiltIn, u32, u64)> {
        let pairs = BuiltIn::ALL.iter().zip(self.metrics);
        pairs
            .map(|(metric, (count, sum))| (*metric, count, sum))
            .filter(|(_, count, _)| *count > 0)
    }

    fn is_empty(&self) -> bool {
        self.metrics.iter().all(|(count, _)| *count == 0) && self.latencies.iter().all(|count| *count == 0)
    }
}

impl Cells {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            quarter: AtomicI64::new(now.as_micros().div_euclid(QUARTER)),
            counts: [const { AtomicU32::new(0) }; METRICS],
            sums: [const { AtomicU64::new(0) }; METRICS],
            statuses: [const { AtomicU32::new(0) }; 5],
            latencies: [const { AtomicU32::new(0) }; LATENCY_BUCKETS],
            earlier: Mutex::new(Vec::new()),
        }
    }

    /// Counts one event of so much.
    pub(super) fn add(&self, metric: BuiltIn, amount: u64, now: Timestamp) {
        self.keep_up(now);
        self.sums[metric as usize].fetch_add(amount, Relaxed);
        self.counts[metric as usize].fetch_add(1, Relaxed);
    }

    /// Counts an answer.
    pub(super) fn answered(&self, status: u16, latency: Duration, now: Timestamp) {
        self.keep_up(now);
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.statuses[class].fetch_add(1, Relaxed);
        self.latencies[latency::bucket(latency)].fetch_add(1, Relaxed);
    }

    /// Everything that is counted and not taken out yet. What is being added at this moment is in this or in the next.
    pub(super) fn drain(&self) -> Vec<Counts> {
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let quarter = self.quarter.load(Acquire);
        self.put_aside(&mut earlier, quarter);
        std::mem::take(&mut *earlier)
    }

    /// Puts the counts of the quarter before aside when a new one begins. A caller whose clock is behind by a moment
    /// counts into the new one.
    fn keep_up(&self, now: Timestamp) {
        let present = now.as_micros().div_euclid(QUARTER);
        if self.quarter.load(Acquire) >= present {
            return;
        }
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.quarter.load(Acquire);
        if before < present {
            self.put_aside(&mut earlier, before);
            self.quarter.store(present, std::sync::atomic::Ordering::Release);
        }
    }

    fn put_aside(&self, earlier: &mut Vec<Counts>, quarter: i64) {
        // The count is taken first and the sum second, as they are added in the other order: a sum whose count is still
        // to come waits for it.
        let metrics = std::array::from_fn(|at| {
            let count = self.counts[at].swap(0, AcqRel);
            let sum = if count > 0 {
                self.sums[at].swap(0, AcqRel)
            } else {
                0
            };
            (count, sum)
        });
        let counts = Counts {
            at: Timestamp::from_micros(quarter * QUARTER),
            metrics,
            statuses: std::array::from_fn(|at| self.statuses[at].swap(0, AcqRel)),
            latencies: std::array::from_fn(|at| self.latencies[at].swap(0, AcqRel)),
        };
        if !counts.is_empty() {
            earlier.push(counts);
        }
    }
}
