//! How much was used between two instants: what an invoice charges for.

use std::collections::HashMap;

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};

use crate::amount::Amount;
use crate::metrics::{Metric, MetricName};
use crate::periods::{Calendar, Span};
use crate::rollups::{Bucket, Totals};

/// What each of these metrics came to in a span of whole hours (UTC): a counter's sum, a largest value, how many different
/// members; of a level the last one known at the end. What was not used at all is 0. Days that are wholly in the span are
/// read as days, so that the cost follows the length of the span and nothing else.
pub async fn window(
    tx: &mut ControlTx,
    tenant: TenantId,
    metrics: &[Metric],
    span: Span,
) -> Result<HashMap<MetricName, Amount>, sqlx::Error> {
    let names: Vec<String> = metrics
        .iter()
        .map(|metric| metric.name.as_str().to_owned())
        .collect();
    let days = whole_days(span);
    let rows = sqlx::query!(
        r#"select name as "name!", coalesce(sum(count), 0)::bigint as "count!", coalesce(sum(sum), 0)::text as "sum!",
                  max(max)::text as max,
                  (select last::text from (
                       (select last, last_at from control.usage_hours h where h.tenant_id = $1 and h.metric = name
                            and h.starts_at < $4 and h.last_at is not null order by h.starts_at desc, h.last_at desc limit 1)
                       union all
                       (select last, last_at from control.usage_months m where m.tenant_id = $1 and m.metric = name
                            and m.starts_at < date_trunc('month', $4::timestamptz, 'UTC') and m.last_at is not null
                        order by m.starts_at desc, m.last_at desc limit 1)) known
                   order by last_at desc, last desc limit 1) as last,
                  (select count(distinct member) from control.usage_members u
                   where u.tenant_id = $1 and u.metric = name and u.grain = 'hour' and u.starts_at >= $3
                     and u.starts_at < $4 and u.dimensions = '{}') as "uniques!"
           from unnest($2::text[]) name left join lateral (
               select count, sum, max from control.usage_days where tenant_id = $1 and metric = name
                   and starts_at >= $5 and starts_at < $6
               union all
               select count, sum, max from control.usage_hours where tenant_id = $1 and metric = name
                   and starts_at >= $3 and starts_at < least($4, $5)
               union all
               select count, sum, max from control.usage_hours where tenant_id = $1 and metric = name
                   and starts_at >= greatest($3, $6) and starts_at < $4) used on true
           group by name"#,
        tenant as _,
        &names,
        span.starts_at as _,
        span.ends_at as _,
        days.starts_at as _,
        days.ends_at as _
    )
    .fetch_all(tx.conn())
    .await?;
    let parsed = |text: Option<String>| text.and_then(|text| text.parse().ok());
    let mut amounts = HashMap::with_capacity(rows.len());
    for row in rows {
        let Some(metric) = metrics.iter().find(|metric| metric.name.as_str() == row.name) else {
            continue;
        };
        let totals = Totals {
            count: row.count,
            sum: parsed(Some(row.sum)).unwrap_or_default(),
            max: parsed(row.max),
            last: parsed(row.last),
            last_at: None,
            uniques: row.uniques,
        };
        let amount = metric.aggregation.of(&totals).unwrap_or_default();
        amounts.insert(metric.name.clone(), amount);
    }
    Ok(amounts)
}

/// The days that are wholly in the span; where there are none, nothing at its end, so that all of it is read as hours.
fn whole_days(span: Span) -> Span {
    let day = |instant: Timestamp| Bucket::Day.span(instant, &Calendar::utc());
    let first = day(span.starts_at);
    let starts_at = if first.starts_at == span.starts_at {
        first.starts_at
    } else {
        first.ends_at
    };
    let ends_at = day(span.ends_at).starts_at;
    if starts_at < ends_at {
        Span { starts_at, ends_at }
    } else {
        Span {
            starts_at: span.ends_at,
            ends_at: span.ends_at,
        }
    }
}
