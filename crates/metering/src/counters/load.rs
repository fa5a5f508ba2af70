//! Reading what holds for a tenant and what it has used.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use tenants::directory::TenantSnapshot;

use super::meter::{Meter, Terms};
use super::metering::Inner;
use crate::amount::Amount;
use crate::metrics::{Aggregation, BuiltIn};
use crate::periods::{Calendar, Period};
use crate::quotas::{self, Gauge, Limited, Quota};
use crate::rollups::Bucket;

/// The meter of a tenant that none was in memory for.
pub(super) async fn meter(inner: &Inner, tenant: TenantId) -> Result<Option<Meter>, sqlx::Error> {
    let Some(snapshot) = inner.directory.by_id(tenant).await? else {
        return Ok(None);
    };
    let (terms, now) = terms(inner, &snapshot).await?;
    Ok(Some(Meter::new(tenant, terms, now)))
}

async fn terms(inner: &Inner, snapshot: &TenantSnapshot) -> Result<(Terms, Timestamp), sqlx::Error> {
    let mut tx = inner.databases.system("metering").control().await?;
    let now = tx.now();
    let held = quotas::terms(&mut tx, snapshot.id, &snapshot.limits).await?;
    let metrics = crate::metrics::known(&mut tx, snapshot.id).await?;
    let mut gauges = Vec::with_capacity(held.quotas.len());
    for quota in held.quotas {
        let Some(metric) = metrics.get(&quota.metric) else {
            continue;
        };
        let used = used(
            &mut tx,
            snapshot.id,
            &quota,
            metric.aggregation,
            &held.calendar,
            now,
        )
        .await?;
        let span = held.calendar.span(quota.period, now);
        let limited = inner.alike.limited.share(Limited {
            quota,
            aggregation: metric.aggregation,
        });
        gauges.push(Gauge::new(limited, span, used));
    }
    let thresholds = crate::alerts::thresholds(&mut tx, snapshot.id).await?;
    let terms = Terms {
        calendar: inner.alike.calendars.share(held.calendar),
        gauges: gauges.into(),
        rate: inner.settings.rate(snapshot.plan),
        thresholds: inner.alike.thresholds.share(thresholds),
    };
    Ok((terms, now))
}

/// Reads the terms of a meter anew. What it counted in a period that goes on stays as it is in memory, which is ahead of
/// the database by what is not flushed yet.
pub(super) async fn refresh(inner: &Inner, meter: &Meter) -> Result<(), sqlx::Error> {
    // Before reading: what changes from here on makes it stale again.
    meter.stale.store(false, Relaxed);
    let Some(snapshot) = inner.directory.by_id(meter.tenant).await? else {
        return Ok(());
    };
    let loaded = terms(inner, &snapshot)
        .await
        .inspect_err(|_| meter.stale.store(true, Relaxed))?;
    let mut held = meter.terms.write().unwrap_or_else(PoisonError::into_inner);
    let same_calendar = held.calendar == loaded.0.calendar;
    let mut before = std::mem::replace(&mut *held, loaded.0).gauges.into_vec();
    // Of a declared metric nothing is in memory only, and a correction may have taken its highest or latest value back.
    let declared = |gauge: &Gauge| BuiltIn::from_name(gauge.quota().metric.as_str()).is_none();
    let compares = |gauge: &Gauge| matches!(gauge.aggregation(), Aggregation::Max | Aggregation::Last);
    for gauge in &mut held.gauges {
        if declared(gauge) && compares(gauge) {
            continue;
        }
        let same = |old: &Gauge| old.is_of(gauge.quota()) && old.aggregation() == gauge.aggregation();
        let place = before.iter().position(same);
        if let Some(place) = place.filter(|_| same_calendar || gauge.quota().period == Period::Total) {
            gauge.go_on_from(before.swap_remove(place));
        }
    }
    Ok(())
}

/// How much of a quota is used in its present period, as far as it is written.
pub(crate) async fn used(
    tx: &mut ControlTx,
    tenant: TenantId,
    quota: &Quota,
    aggregation: Aggregation,
    calendar: &Calendar,
    now: Timestamp,
) -> Result<Amount, sqlx::Error> {
    let Some(bucket) = Bucket::for_period(quota.period, calendar) else {
        return ever(tx, tenant, quota.metric.as_str(), aggregation).await;
    };
    let starts_at = bucket.span(now, calendar).starts_at;
    let row = sqlx::query!(
        r#"select coalesce(sum(count), 0)::bigint as "count!", coalesce(sum(sum), 0)::text as "sum!",
                  coalesce(sum(uniques) filter (where dimensions = '{}'), 0)::bigint as "uniques!"
           from (select count, sum, uniques, dimensions from control.usage_days
                 where $1 = 'day' and tenant_id = $2 and metric = $3 and starts_at = $4
                 union all
                 select count, sum, uniques, dimensions from control.usage_months
                 where $1 = 'month' and tenant_id = $2 and metric = $3 and starts_at = $4
                 union all
                 select count, sum, uniques, '{}' from control.usage_periods
                 where period = $1 and tenant_id = $2 and metric = $3 and starts_at = $4) present"#,
        bucket.name(),
        tenant as _,
        quota.metric.as_str(),
        starts_at as _
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(match aggregation {
        Aggregation::Count => Amount::whole(row.count),
        Aggregation::Unique => Amount::whole(row.uniques),
        _ => row.sum.parse().unwrap_or_default(),
    })
}

/// Over all months that there are.
async fn ever(
    tx: &mut ControlTx,
    tenant: TenantId,
    metric: &str,
    aggregation: Aggregation,
) -> Result<Amount, sqlx::Error> {
    let row = sqlx::query!(
        r#"select coalesce(sum(count), 0)::bigint as "count!", coalesce(sum(sum), 0)::text as "sum!", max(max)::text as max,
                  (array_agg(last order by last_at desc, last desc) filter (where last_at is not null))[1]::text as last
           from control.usage_months where tenant_id = $1 and metric = $2"#,
        tenant as _,
        metric
    )
    .fetch_one(tx.conn())
    .await?;
    let parsed = |text: Option<String>| text.and_then(|text| text.parse().ok()).unwrap_or_default();
    Ok(match aggregation {
        Aggregation::Count => Amount::whole(row.count),
        Aggregation::Max => parsed(row.max),
        Aggregation::Last => parsed(row.last),
        _ => parsed(Some(row.sum)),
    })
}
