//! Where every metric stands.

use std::collections::HashMap;

use isolation::{ControlTx, Tx};
use kernel::TenantId;
use serde::Serialize;

use crate::amount::Amount;
use crate::metrics::{Aggregation, Metric};
use crate::periods::{Calendar, Span};
use crate::rollups::{Bucket, Totals};

/// A metric and how much of it was used lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricUsage {
    /// The metric.
    #[serde(flatten)]
    pub metric: Metric,
    /// Today (UTC).
    pub today: Amount,
    /// This month (UTC); of a gauge, the latest level.
    pub month: Amount,
    /// Events of this month whose dimensions went beyond the bound.
    pub other: i64,
    /// When the month starts and ends.
    pub period: Span,
}

struct Row {
    metric: String,
    bucket: String,
    other: i64,
    totals: Totals,
}

/// Every metric that the tenant has, used or not.
pub async fn metrics(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<MetricUsage>, sqlx::Error> {
    let known = crate::metrics::known(tx, tenant).await?;
    let (now, utc) = (tx.now(), Calendar::utc());
    let (day, month) = (Bucket::Day.span(now, &utc), Bucket::Month.span(now, &utc));
    let mut rows: HashMap<(String, String), Row> = HashMap::new();
    for row in rows_of(tx, tenant, day, month).await? {
        rows.insert((row.metric.clone(), row.bucket.clone()), row);
    }
    let mut usages = Vec::with_capacity(known.len());
    for metric in known.into_values() {
        let of = |bucket: &str| rows.get(&(metric.name.as_str().to_owned(), bucket.to_owned()));
        let number = |bucket| of(bucket).and_then(|row| metric.aggregation.of(&row.totals));
        let mut this_month = number("month");
        if this_month.is_none() && metric.aggregation == Aggregation::Last {
            this_month = latest(tx, tenant, metric.name.as_str()).await?;
        }
        usages.push(MetricUsage {
            today: number("day").unwrap_or_default(),
            month: this_month.unwrap_or_default(),
            other: of("month").map_or(0, |row| row.other),
            period: month,
            metric,
        });
    }
    usages.sort_unstable_by(|one, other| one.metric.name.cmp(&other.metric.name));
    Ok(usages)
}

async fn rows_of(
    tx: &mut ControlTx,
    tenant: TenantId,
    day: Span,
    month: Span,
) -> Result<Vec<Row>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select metric as "metric!", bucket as "bucket!", sum(count)::bigint as "count!", sum(sum)::text as "sum!",
                  max(max)::text as max,
                  (array_agg(last order by last_at desc, last desc) filter (where last_at is not null))[1]::text as last,
                  coalesce(sum(uniques) filter (where dimensions = '{}'), 0)::bigint as "uniques!",
                  coalesce(sum(count) filter (where dimensions <> '{}'
                      and not exists (select from jsonb_each_text(dimensions) d where d.value <> 'other')), 0)::bigint as "other!"
           from (select 'day' as bucket, * from control.usage_days where tenant_id = $1 and starts_at = $2
                 union all
                 select 'month', * from control.usage_months where tenant_id = $1 and starts_at = $3) present
           group by metric, bucket"#,
        tenant as _,
        day.starts_at as _,
        month.starts_at as _
    )
    .fetch_all(tx.conn())
    .await?;
    let parsed = |text: Option<String>| text.and_then(|text| text.parse().ok());
    let rows = rows.into_iter().map(|row| Row {
        totals: Totals {
            count: row.count,
            sum: parsed(Some(row.sum)).unwrap_or_default(),
            max: parsed(row.max),
            last: parsed(row.last),
            last_at: None,
            uniques: row.uniques,
        },
        metric: row.metric,
        bucket: row.bucket,
        other: row.other,
    });
    Ok(rows.collect())
}

/// A level that was not reported this month is what it was.
async fn latest(tx: &mut ControlTx, tenant: TenantId, metric: &str) -> Result<Option<Amount>, sqlx::Error> {
    let last = sqlx::query_scalar!(
        r#"select last::text from control.usage_months where tenant_id = $1 and metric = $2 and last_at is not null
           order by starts_at desc, last_at desc, last desc limit 1"#,
        tenant as _,
        metric
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(last.flatten().and_then(|text| text.parse().ok()))
}
