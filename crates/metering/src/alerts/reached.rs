//! Reading what the uses of quotas are, as far as they have reached something.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};

use super::watch::Watch;
use crate::amount::Amount;
use crate::metrics::Aggregation;

const fn how(aggregation: Aggregation) -> &'static str {
    match aggregation {
        Aggregation::Count => "count",
        Aggregation::Sum | Aggregation::WeightedSum => "sum",
        Aggregation::Max => "max",
        Aggregation::Last => "last",
        Aggregation::Unique => "unique",
    }
}

/// The watches as columns, as `unnest` takes them.
#[derive(Default)]
struct Columns {
    place: Vec<i64>,
    tenant: Vec<TenantId>,
    metric: Vec<String>,
    bucket: Vec<String>,
    starts_at: Vec<Timestamp>,
    how: Vec<String>,
    least: Vec<i64>,
}

impl Columns {
    fn of(watches: &[Watch]) -> Self {
        let mut columns = Self::default();
        for (place, watch) in (0_i64..).zip(watches) {
            let least = watch.steps.first().map_or(u64::MAX, |step| step.at);
            columns.place.push(place);
            columns.tenant.push(watch.tenant);
            columns.metric.push(watch.quota.metric.to_string());
            let bucket = watch.bucket.map_or("ever", |(bucket, _)| bucket.name());
            columns.bucket.push(bucket.to_owned());
            let starts_at = watch
                .bucket
                .map_or(watch.span.starts_at, |(_, starts_at)| starts_at);
            columns.starts_at.push(starts_at);
            columns.how.push(how(watch.aggregation).to_owned());
            columns.least.push(i64::try_from(least).unwrap_or(i64::MAX));
        }
        columns
    }
}

/// Those whose use is at least their lowest step, with the use.
pub(super) async fn reached<'w>(
    tx: &mut ControlTx,
    watches: &'w [Watch],
) -> Result<Vec<(&'w Watch, i64)>, sqlx::Error> {
    let columns = Columns::of(watches);
    let rows = sqlx::query!(
        r#"select w.place as "place!", u.used::text as "used!"
           from unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::bigint[])
               as w(place, tenant_id, metric, bucket, starts_at, how, least)
           cross join lateral (
               select case w.how
                   when 'count' then sum(r.count)
                   when 'unique' then sum(r.uniques) filter (where r.dimensions = '{}')
                   when 'max' then max(r.max)
                   when 'last' then (array_agg(r.last order by r.last_at desc, r.last desc) filter (where r.last_at is not null))[1]
                   else sum(r.sum) end as used
               from (
                   select d.count, d.sum, d.uniques, d.max, d.last, d.last_at, d.dimensions from control.usage_days d
                   where w.bucket = 'day' and d.tenant_id = w.tenant_id and d.metric = w.metric and d.starts_at = w.starts_at
                   union all
                   select m.count, m.sum, m.uniques, m.max, m.last, m.last_at, m.dimensions from control.usage_months m
                   where w.bucket = 'month' and m.tenant_id = w.tenant_id and m.metric = w.metric and m.starts_at = w.starts_at
                   union all
                   select m.count, m.sum, m.uniques, m.max, m.last, m.last_at, m.dimensions from control.usage_months m
                   where w.bucket = 'ever' and m.tenant_id = w.tenant_id and m.metric = w.metric
                   union all
                   select p.count, p.sum, p.uniques, null, null, null, '{}' from control.usage_periods p
                   where p.period = w.bucket and p.tenant_id = w.tenant_id and p.metric = w.metric and p.starts_at = w.starts_at
               ) r
           ) u
           where u.used >= w.least"#,
        &columns.place,
        &columns.tenant as _,
        &columns.metric,
        &columns.bucket,
        &columns.starts_at as _,
        &columns.how,
        &columns.least
    )
    .fetch_all(tx.conn())
    .await?;
    let found = rows.into_iter().filter_map(|row| {
        let used: Amount = row.used.parse().ok()?;
        Some((watches.get(usize::try_from(row.place).ok()?)?, used.floor()))
    });
    Ok(found.collect())
}
