//! Noticing that a use reaches a threshold, in the transaction of the count.

use std::sync::{Mutex, PoisonError};

use isolation::{ControlTx, Tx};
use jobs::Queue;
use kernel::{TenantId, Timestamp};

use super::model::UsageAlerted;
use super::steps::{Step, basis, steps};
use super::thresholds::{self, Thresholds};
use super::{reached, sql};
use crate::metrics::{Aggregation, BuiltIn, MetricName};
use crate::periods::{Calendar, Period, Span};
use crate::quotas::{self, Quota};
use crate::rollups::{Bucket, Dimensions, Row, Spread};

/// What a process knows to be raised, so that it does not ask again. Nothing of it is needed: an alert that is raised
/// again is not there twice.
#[derive(Debug, Default)]
pub(crate) struct Marks(Mutex<Vec<Mark>>);

#[derive(Debug)]
struct Mark {
    metric: MetricName,
    period: Period,
    starts_at: Timestamp,
    percent: u32,
}

impl Marks {
    fn raised(&self, quota: &Quota, span: Span) -> u32 {
        let marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_it = |mark: &&Mark| {
            mark.metric == quota.metric && mark.period == quota.period && mark.starts_at == span.starts_at
        };
        marks.iter().find(of_it).map_or(0, |mark| mark.percent)
    }

    /// It was raised, and that is committed.
    pub(crate) fn raise(&self, quota: &Quota, span: Span, percent: u32) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        marks.retain(|mark| mark.metric != quota.metric || mark.period != quota.period);
        marks.push(Mark {
            metric: quota.metric.clone(),
            period: quota.period,
            starts_at: span.starts_at,
            percent,
        });
    }
}

/// A quota whose use may have reached a threshold.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(super) tenant: TenantId,
    pub(super) quota: Quota,
    pub(super) aggregation: Aggregation,
    /// Where the use is read; none where it is that of all time.
    pub(super) bucket: Option<(Bucket, Timestamp)>,
    /// The span that is told of.
    pub(super) span: Span,
    /// What is not raised yet, lowest first; never empty.
    pub(super) steps: Vec<Step>,
    pub(super) basis: u64,
}

impl Watch {
    /// What is to be watched of a quota that was just counted; none where nothing can be reached.
    pub(crate) fn of(
        tenant: TenantId,
        quota: &Quota,
        aggregation: Aggregation,
        calendar: &Calendar,
        thresholds: &Thresholds,
        marks: Option<&Marks>,
        now: Timestamp,
    ) -> Option<Self> {
        let basis = basis(quota)?;
        let told = if quota.period == Period::Total {
            Period::Monthly
        } else {
            quota.period
        };
        let span = calendar.span(told, now);
        let raised = marks.map_or(0, |marks| marks.raised(quota, span));
        let mut steps = steps(quota, thresholds.of(&quota.metric));
        steps.retain(|step| step.percent > raised);
        let bucket = match Bucket::for_period(quota.period, calendar) {
            Some(bucket) => Some((bucket, bucket.span(now, calendar).starts_at)),
            None if aggregation == Aggregation::Last => {
                Some((Bucket::Month, Bucket::Month.span(now, calendar).starts_at))
            }
            None => None,
        };
        (!steps.is_empty()).then(|| Self {
            tenant,
            quota: quota.clone(),
            aggregation,
            bucket,
            span,
            steps,
            basis,
        })
    }

    /// Whether it is one of this metric.
    pub(crate) fn is_of(&self, metric: BuiltIn) -> bool {
        self.quota.metric.as_str() == metric.name()
    }

    /// Whether the spread has something of it.
    pub(crate) fn is_touched(&self, spread: &Spread) -> bool {
        let (bucket, starts_at) = match self.bucket {
            Some(place) => place,
            None => (
                Bucket::Month,
                Bucket::Month
                    .span(self.span.starts_at, &Calendar::utc())
                    .starts_at,
            ),
        };
        let least = Row {
            bucket,
            tenant: self.tenant,
            metric: self.quota.metric.clone(),
            starts_at,
            dimensions: Dimensions::least(),
        };
        let of_it = |row: &Row| {
            (row.bucket, row.tenant, row.starts_at) == (bucket, self.tenant, starts_at)
                && row.metric == self.quota.metric
        };
        spread.0.range(least..).next().is_some_and(|(row, _)| of_it(row))
    }
}

/// An alert of this quota at this step, with this use.
#[derive(Debug)]
pub(super) struct Crossing<'a> {
    pub(super) watch: &'a Watch,
    pub(super) step: Step,
    pub(super) used: i64,
}

/// What was raised, to be remembered once it is committed.
#[derive(Debug, Default)]
#[must_use = "what is raised is remembered after the commit"]
pub(crate) struct Raised(Vec<(Watch, u32)>);

impl Raised {
    /// After the commit: of which tenant which quota was raised in which span, up to so many percent.
    pub(crate) fn each(&self) -> impl Iterator<Item = (TenantId, &Quota, Span, u32)> {
        let raised = self.0.iter();
        raised.map(|(watch, percent)| (watch.tenant, &watch.quota, watch.span, *percent))
    }
}

/// Raises everything that these quotas have reached, after their counts were written in the same transaction: whoever
/// else counts the same waits for its end, so that of several the one that reaches the threshold sees it.
pub(crate) async fn raise(tx: &mut ControlTx, watches: &[Watch]) -> Result<Raised, sqlx::Error> {
    let mut raised = Raised::default();
    if watches.is_empty() {
        return Ok(raised);
    }
    let mut crossings = Vec::new();
    for (watch, used) in reached::reached(tx, watches).await? {
        let whole = u64::try_from(used).unwrap_or(0);
        let reached = watch.steps.iter().filter(|step| step.at <= whole);
        if let Some(highest) = reached.clone().next_back() {
            raised.0.push((watch.clone(), highest.percent));
        }
        crossings.extend(reached.map(|step| Crossing {
            watch,
            step: *step,
            used,
        }));
    }
    for (alert, tenant) in sql::insert(tx, &crossings).await? {
        tx.enqueue(&UsageAlerted { alert, tenant }).await?;
    }
    Ok(raised)
}

/// Raises what a batch of one tenant's events has reached.
pub(crate) async fn after_ingest(
    tx: &mut ControlTx,
    tenant: TenantId,
    calendar: &Calendar,
    metrics: &std::collections::HashMap<MetricName, crate::metrics::Metric>,
    spread: &Spread,
) -> Result<(), sqlx::Error> {
    if spread.is_empty() {
        return Ok(());
    }
    let Some(record) = tenants::get(tx, tenant).await? else {
        return Ok(());
    };
    let held = quotas::terms(tx, tenant, &record.limits()).await?;
    let now = tx.now();
    let thresholds = thresholds::get(tx, tenant).await?;
    let watches: Vec<Watch> = held
        .quotas
        .iter()
        .filter_map(|quota| {
            let aggregation = metrics.get(&quota.metric)?.aggregation;
            Watch::of(tenant, quota, aggregation, calendar, &thresholds, None, now)
        })
        .filter(|watch| watch.is_touched(spread))
        .collect();
    // Nothing is remembered: an ingest has no meter.
    let _ = raise(tx, &watches).await?;
    Ok(())
}
