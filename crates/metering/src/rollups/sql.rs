//! Adding to the roll-ups.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};

use super::spread::Spread;

/// The rows as columns, as `unnest` takes them.
#[derive(Default)]
struct Columns {
    bucket: Vec<String>,
    tenant: Vec<TenantId>,
    metric: Vec<String>,
    starts_at: Vec<Timestamp>,
    dimensions: Vec<String>,
    count: Vec<i64>,
    sum: Vec<String>,
    max: Vec<Option<String>>,
    last: Vec<Option<String>>,
    last_at: Vec<Option<Timestamp>>,
    uniques: Vec<i64>,
}

impl Columns {
    fn of(spread: &Spread) -> Self {
        let mut columns = Self::default();
        for (row, totals) in &spread.0 {
            columns.bucket.push(row.bucket.name().to_owned());
            columns.tenant.push(row.tenant);
            columns.metric.push(row.metric.as_str().to_owned());
            columns.starts_at.push(row.starts_at);
            columns.dimensions.push(row.dimensions.as_str().to_owned());
            columns.count.push(totals.count);
            columns.sum.push(totals.sum.to_string());
            columns.max.push(totals.max.map(|max| max.to_string()));
            columns.last.push(totals.last.map(|last| last.to_string()));
            columns.last_at.push(totals.last_at);
            columns.uniques.push(totals.uniques);
        }
        columns
    }
}

/// Adds all of it in one statement, whatever the number of tenants. The last thing before a commit: from here on the
/// rows are locked.
pub(crate) async fn write(tx: &mut ControlTx, spread: &Spread) -> Result<(), sqlx::Error> {
    if spread.is_empty() {
        return Ok(());
    }
    let columns = Columns::of(spread);
    sqlx::query!(
        r#"with added as materialized (
            select bucket, tenant_id, metric, starts_at, dimensions::jsonb as dimensions, count, sum::numeric as sum,
                   last::numeric as last, last_at, max::numeric as max, uniques
            from unnest($1::text[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::bigint[], $7::text[],
                        $8::text[], $9::timestamptz[], $10::text[], $11::bigint[])
                as given(bucket, tenant_id, metric, starts_at, dimensions, count, sum, last, last_at, max, uniques)
        ), hours as (
            insert into control.usage_hours as t
            select tenant_id, metric, starts_at, dimensions, count, sum, last, last_at, max, uniques from added where bucket = 'hour'
            on conflict (tenant_id, metric, starts_at, dimensions) do update set
                count = t.count + excluded.count, sum = t.sum + excluded.sum, uniques = t.uniques + excluded.uniques,
                max = greatest(t.max, excluded.max), last_at = greatest(t.last_at, excluded.last_at),
                last = case when t.last_at is null or (excluded.last_at, excluded.last) > (t.last_at, t.last)
                            then excluded.last else t.last end
        ), days as (
            insert into control.usage_days as t
            select tenant_id, metric, starts_at, dimensions, count, sum, last, last_at, max, uniques from added where bucket = 'day'
            on conflict (tenant_id, metric, starts_at, dimensions) do update set
                count = t.count + excluded.count, sum = t.sum + excluded.sum, uniques = t.uniques + excluded.uniques,
                max = greatest(t.max, excluded.max), last_at = greatest(t.last_at, excluded.last_at),
                last = case when t.last_at is null or (excluded.last_at, excluded.last) > (t.last_at, t.last)
                            then excluded.last else t.last end
        ), months as (
            insert into control.usage_months as t
            select tenant_id, metric, starts_at, dimensions, count, sum, last, last_at, max, uniques from added where bucket = 'month'
            on conflict (tenant_id, metric, starts_at, dimensions) do update set
                count = t.count + excluded.count, sum = t.sum + excluded.sum, uniques = t.uniques + excluded.uniques,
                max = greatest(t.max, excluded.max), last_at = greatest(t.last_at, excluded.last_at),
                last = case when t.last_at is null or (excluded.last_at, excluded.last) > (t.last_at, t.last)
                            then excluded.last else t.last end
        )
        insert into control.usage_periods as t
        select tenant_id, metric, bucket, starts_at, count, sum, uniques from added where bucket in ('daily', 'monthly')
        on conflict (tenant_id, metric, period, starts_at) do update set
            count = t.count + excluded.count, sum = t.sum + excluded.sum, uniques = t.uniques + excluded.uniques"#,
        &columns.bucket,
        &columns.tenant as _,
        &columns.metric,
        &columns.starts_at as _,
        &columns.dimensions,
        &columns.count,
        &columns.sum,
        &columns.last as _,
        &columns.last_at as _,
        &columns.max as _,
        &columns.uniques
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
