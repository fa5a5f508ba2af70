//! Looking for the largest and the latest anew, after one that may have been it was taken back.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};

use crate::rollups::Dimensions;

/// An hour in which the largest or latest value may have gone.
pub(super) type Hour = (String, Timestamp, Dimensions);

/// The hours as columns.
struct Touched {
    tenant: TenantId,
    metrics: Vec<String>,
    starts: Vec<Timestamp>,
    dimensions: Vec<String>,
}

/// Compares anew: in the hours the events, in their days the hours, in their months the days.
pub(super) async fn compare_anew(
    tx: &mut ControlTx,
    tenant: TenantId,
    hours: &[Hour],
) -> Result<(), sqlx::Error> {
    if hours.is_empty() {
        return Ok(());
    }
    let touched = Touched {
        tenant,
        metrics: hours.iter().map(|(metric, ..)| metric.clone()).collect(),
        starts: hours.iter().map(|(_, start, _)| *start).collect(),
        dimensions: hours
            .iter()
            .map(|(.., dimensions)| dimensions.as_str().to_owned())
            .collect(),
    };
    compare_in_hours(tx, &touched).await?;
    compare_in_days(tx, &touched).await?;
    compare_in_months(tx, &touched).await
}

/// Among the events.
async fn compare_in_hours(tx: &mut ControlTx, touched: &Touched) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.usage_hours t set (max, last, last_at) = (
             select max(e.amount), (array_agg(e.amount order by e.time desc, e.amount desc))[1], max(e.time)
             from control.usage_events e
             where e.tenant_id = t.tenant_id and e.metric = t.metric and e.member is null and e.time >= t.starts_at
               and e.time < t.starts_at + interval '1 hour' and e.dimensions = t.dimensions
               and e.comparable and e.corrected_by is null and not e.revokes)
         from unnest($2::text[], $3::timestamptz[], $4::text[]) as touched(metric, starts_at, dimensions)
         where t.tenant_id = $1 and t.metric = touched.metric and t.starts_at = touched.starts_at
           and t.dimensions = touched.dimensions::jsonb",
        touched.tenant as _,
        &touched.metrics,
        &touched.starts as _,
        &touched.dimensions
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Among the hours.
async fn compare_in_days(tx: &mut ControlTx, touched: &Touched) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.usage_days t set (max, last, last_at) = (
             select max(h.max), (array_agg(h.last order by h.last_at desc nulls last, h.last desc))[1], max(h.last_at)
             from control.usage_hours h
             where h.tenant_id = t.tenant_id and h.metric = t.metric and h.dimensions = t.dimensions
               and h.starts_at >= t.starts_at and h.starts_at < t.starts_at + interval '24 hours')
         from (select distinct metric, date_trunc('day', starts_at, 'UTC') as starts_at, dimensions::jsonb as dimensions
               from unnest($2::text[], $3::timestamptz[], $4::text[]) as given(metric, starts_at, dimensions)) touched
         where t.tenant_id = $1 and t.metric = touched.metric and t.starts_at = touched.starts_at
           and t.dimensions = touched.dimensions",
        touched.tenant as _,
        &touched.metrics,
        &touched.starts as _,
        &touched.dimensions
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Among the days.
async fn compare_in_months(tx: &mut ControlTx, touched: &Touched) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.usage_months t set (max, last, last_at) = (
             select max(d.max), (array_agg(d.last order by d.last_at desc nulls last, d.last desc))[1], max(d.last_at)
             from control.usage_days d
             where d.tenant_id = t.tenant_id and d.metric = t.metric and d.dimensions = t.dimensions
               and d.starts_at >= t.starts_at
               and d.starts_at < date_trunc('month', t.starts_at + interval '32 days', 'UTC'))
         from (select distinct metric, date_trunc('month', starts_at, 'UTC') as starts_at, dimensions::jsonb as dimensions
               from unnest($2::text[], $3::timestamptz[], $4::text[]) as given(metric, starts_at, dimensions)) touched
         where t.tenant_id = $1 and t.metric = touched.metric and t.starts_at = touched.starts_at
           and t.dimensions = touched.dimensions",
        touched.tenant as _,
        &touched.metrics,
        &touched.starts as _,
        &touched.dimensions
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
