//! One tenant's meter: what a request is asked before, and what it counts after.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use kernel::{TenantId, Timestamp};
use tenants::plans::Limit;
use uuid::Uuid;

use super::cells::Cells;
use super::measured::Measured;
use super::visitors::Visitors;
use crate::alerts::{Marks, Thresholds};
use crate::metrics::{Aggregation, BuiltIn, Kind, MetricName};
use crate::periods::{Calendar, Period};
use crate::quotas::{Gauge, Hold, QuotaCheck, Status};
use crate::rate_limits::{Cell, Passage, Rate};
use crate::rollups::{Bucket, Spread};

/// Who comes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visitor {
    /// From where.
    pub address: Option<IpAddr>,
    /// With which API key.
    pub key: Option<Uuid>,
}

/// What was found before a request is served.
#[derive(Debug)]
pub struct Admission {
    /// The tightest of the rate limits that were asked, for the `RateLimit` headers.
    pub pace: Pace,
    /// Where the tenant stands with its calls, for the quota headers; none where they are not limited.
    pub calls: Option<Standing>,
    /// Why it is not to be served.
    pub refusal: Option<Refusal>,
}

/// Whose rate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Of one address.
    Address,
    /// Of one API key.
    Key,
    /// Of one tenant.
    Tenant,
}

impl Scope {
    /// As the `RateLimit` headers name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Key => "api-key",
            Self::Tenant => "tenant",
        }
    }
}

/// How a rate limit was passed, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Whose rate.
    pub scope: Scope,
    /// The rate.
    pub rate: Rate,
    /// What was decided.
    pub passage: Passage,
}

impl Pace {
    /// The one that leaves less.
    #[must_use]
    pub fn tighter(self, other: Self) -> Self {
        if self.passage.tighter(other.passage) == self.passage {
            self
        } else {
            other
        }
    }
}

/// Why a request is not to be served.
#[derive(Debug)]
pub enum Refusal {
    /// It came too fast; `Retry-After` is in the passage.
    TooFast(Pace),
    /// A quota is used up; `Retry-After` follows from its reset.
    Quota(Box<QuotaCheck>),
    /// Whether other nodes have left anything of a quota could not be learnt: the database does not answer.
    Undecided,
}

/// Where a tenant stands with a quota, without a copy of the quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How often it starts anew.
    pub period: Period,
    /// How much it may use.
    pub limit: Limit,
    /// How much it has used.
    pub used: u64,
    /// Where that stands.
    pub status: Status,
    /// When it starts anew; none when it never does.
    pub reset_at: Option<Timestamp>,
}

/// What a request was, once it is answered.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// The answer's status.
    pub status: u16,
    /// Bytes of request and answer.
    pub bytes: u64,
    /// From the first byte in to the answer's head.
    pub latency: Duration,
    /// The person who came.
    pub person: Option<Uuid>,
}

/// What holds for the tenant, with what it has used.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) calendar: Arc<Calendar>,
    pub(super) gauges: Box<[Gauge]>,
    pub(super) rate: Rate,
    /// At how much of them it is told.
    pub(super) thresholds: Arc<Thresholds>,
}

/// One tenant's counters, quotas and pace.
#[derive(Debug)]
pub struct Meter {
    pub(super) tenant: TenantId,
    pub(super) terms: RwLock<Terms>,
    pub(super) pace: Cell,
    pub(super) cells: Cells,
    pub(super) visitors: Visitors,
    /// Built-in gauges whose level changed, one bit each.
    pub(super) levels: AtomicU16,
    /// What it was told of.
    pub(super) marks: Marks,
    /// Whether all its quotas are to be looked at when it is next flushed.
    pub(super) recheck: AtomicBool,
    /// Whether it waits to be flushed.
    pub(super) dirty: AtomicBool,
    /// Whether its terms must be read anew.
    pub(super) stale: AtomicBool,
    /// Whether it knows the levels that others keep.
    pub(super) measured: Measured,
    /// When it was last used, in microseconds.
    pub(super) used_at: AtomicI64,
}

impl Meter {
    pub(super) fn new(tenant: TenantId, terms: Terms, now: Timestamp) -> Self {
        Self {
            tenant,
            terms: RwLock::new(terms),
            pace: Cell::default(),
            cells: Cells::default(),
            visitors: Visitors::default(),
            levels: AtomicU16::new(0),
            marks: Marks::default(),
            recheck: AtomicBool::new(false),
            dirty: AtomicBool::new(false),
            stale: AtomicBool::new(false),
            measured: Measured::default(),
            used_at: AtomicI64::new(now.as_micros()),
        }
    }

    /// Whose it is.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Where its days and months begin.
    pub fn calendar(&self) -> Arc<Calendar> {
        Arc::clone(&self.terms().calendar)
    }

    /// Every quota and its use.
    pub fn checks(&self, now: Timestamp) -> Vec<QuotaCheck> {
        let terms = self.terms();
        terms
            .gauges
            .iter()
            .map(|gauge| gauge.check(now, &terms.calendar))
            .collect()
    }

    /// Tells of every quota where the tenant stands with it, without allocating.
    pub fn each_standing(&self, now: Timestamp, mut tell: impl FnMut(&MetricName, Standing)) {
        let terms = self.terms();
        for gauge in &terms.gauges {
            gauge.used_at(now, &terms.calendar);
            tell(&gauge.quota().metric, standing(gauge));
        }
    }

    pub(super) fn terms(&self) -> RwLockReadGuard<'_, Terms> {
        self.terms.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: every quota of calls gives one, or none does.
    pub(super) fn call(&self, now: Timestamp) -> Result<Option<Standing>, Box<QuotaCheck>> {
        let terms = self.terms();
        terms.has_left(BuiltIn::Bandwidth, now)?;
        terms.take(BuiltIn::ApiCalls, 1, now, |_, _| ())?;
        self.cells.add(BuiltIn::ApiCalls, 1, now);
        let mut calls = terms.of(BuiltIn::ApiCalls.name()).map(standing);
        // Of several quotas the headers tell of the one that is nearer to its end.
        let first = calls.next();
        Ok(calls.fold(first, |one, other| one.map(|one| one.nearer(other))))
    }

    /// Counts what a request was.
    pub(super) fn settle(&self, outcome: &Outcome, now: Timestamp) {
        self.cells.answered(outcome, now);
        self.charge(BuiltIn::Requests, 1, now);
        self.charge(BuiltIn::Bandwidth, outcome.bytes, now);
        if let Some(person) = outcome.person {
            self.visitors.saw(person, now);
        }
    }

    /// Tells the quotas what was used already.
    pub(super) fn charge(&self, metric: BuiltIn, amount: u64, now: Timestamp) {
        let terms = self.terms();
        for gauge in terms.of(metric.name()) {
            gauge.add(amount, now, &terms.calendar);
        }
    }

    /// Tells the quotas what a committed batch of events counted.
    pub(super) fn observe(&self, counted: &Spread, now: Timestamp) {
        let terms = self.terms();
        for (row, totals) in &counted.0 {
            if row.tenant != self.tenant {
                continue;
            }
            for gauge in &terms.gauges {
                let (quota, aggregation) = (gauge.quota(), gauge.aggregation());
                let bucket = Bucket::for_period(quota.period, &terms.calendar).unwrap_or(Bucket::Month);
                let of_it = quota.metric == row.metric && bucket == row.bucket;
                let present = quota.period == Period::Total
                    || bucket.span(now, &terms.calendar).starts_at == row.starts_at;
                if !of_it || !present {
                    continue;
                }
                match aggregation {
                    Aggregation::Unique if !row.dimensions.is_none() => {}
                    Aggregation::Max | Aggregation::Last => {
                        let level = aggregation
                            .of(totals)
                            .map(|level| u64::try_from(level.floor()).unwrap_or(0));
                        match level {
                            Some(level) if aggregation == Aggregation::Max => {
                                gauge.raise(level, now, &terms.calendar);
                            }
                            Some(level) => gauge.set(level),
                            None => {}
                        }
                    }
                    _ => gauge.charge(aggregation.of(totals).unwrap_or_default(), now, &terms.calendar),
                }
            }
        }
    }
}

impl Terms {
    pub(super) fn of(&self, metric: &str) -> impl Iterator<Item = &Gauge> {
        let of_it = move |gauge: &&Gauge| gauge.quota().metric.as_str() == metric;
        self.gauges.iter().filter(of_it)
    }

    /// Takes from every quota of the metric, or from none.
    pub(super) fn take(
        &self,
        metric: BuiltIn,
        amount: u64,
        now: Timestamp,
        mut held: impl FnMut(Period, Hold),
    ) -> Result<(), Box<QuotaCheck>> {
        // A metric has a quota of each period at most.
        let mut taken: [Option<(&Gauge, Hold)>; 3] = [None; 3];
        for (place, gauge) in taken.iter_mut().zip(self.of(metric.name())) {
            let taking = if metric.kind() == Kind::Gauge {
                gauge.hold(amount, now, &self.calendar)
            } else {
                gauge.take(amount, now, &self.calendar)
            };
            match taking {
                Ok(taking) => *place = Some((gauge, taking)),
                Err(check) => {
                    taken
                        .into_iter()
                        .flatten()
                        .for_each(|(gauge, hold)| gauge.release(hold));
                    return Err(check);
                }
            }
        }
        taken
            .into_iter()
            .flatten()
            .for_each(|(gauge, hold)| held(gauge.quota().period, hold));
        Ok(())
    }

    /// Whether a hard quota has anything left: for what is known only afterwards.
    fn has_left(&self, metric: BuiltIn, now: Timestamp) -> Result<(), Box<QuotaCheck>> {
        for gauge in self.of(metric.name()) {
            if !gauge.has_left(now, &self.calendar) {
                return Err(Box::new(gauge.check(now, &self.calendar)));
            }
        }
        Ok(())
    }

    pub(super) fn matching(&self, metric: &MetricName, period: Period) -> Option<&Gauge> {
        self.of(metric.as_str())
            .find(|gauge| gauge.quota().period == period)
    }
}

fn standing(gauge: &Gauge) -> Standing {
    let (quota, used) = (gauge.quota(), gauge.used());
    Standing {
        period: quota.period,
        limit: quota.limit,
        used,
        status: Status::of(used, quota.limit, quota.soft_limit),
        reset_at: (quota.period != Period::Total).then(|| gauge.span().ends_at),
    }
}

impl Standing {
    /// How much is left; none where it is unlimited.
    pub fn remaining(&self) -> Option<u64> {
        self.limit.at_most().map(|limit| limit.saturating_sub(self.used))
    }

    fn nearer(self, other: Self) -> Self {
        let left = |one: &Self| one.remaining().unwrap_or(u64::MAX);
        if left(&other) < left(&self) { other } else { self }
    }
}

impl Meter {
    pub(super) fn touch(&self, now: Timestamp) {
        // Not at every request: the line would move between processors for nothing.
        let seen = self.used_at.load(Relaxed);
        if now.as_micros() - seen > 1_000_000 {
            self.used_at.store(now.as_micros(), Relaxed);
        }
    }
}
