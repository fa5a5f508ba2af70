//! How a tenant's requests went.

use isolation::{ControlTx, Tx};
use kernel::TenantId;
use serde::Serialize;

use crate::counters::{LATENCY_BUCKETS, Latencies};
use crate::periods::Span;

/// How requests went.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Performance {
    /// Requests.
    pub requests: i64,
    /// Answers by class: 1xx to 5xx.
    pub statuses: [i64; 5],
    /// The share of answers that say that we failed (5xx), from 0 to 1.
    pub error_rate: f64,
    /// Half of the requests took no longer, in milliseconds, known to some 20 %.
    pub p50_millis: Option<f64>,
    /// 95 % took no longer.
    pub p95_millis: Option<f64>,
    /// 99 % took no longer.
    pub p99_millis: Option<f64>,
}

/// How the tenant's requests went in the hours that begin in the span.
#[expect(clippy::cast_precision_loss, reason = "figures that are only shown")]
pub async fn performance(
    tx: &mut ControlTx,
    tenant: TenantId,
    span: Span,
) -> Result<Performance, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select 'status' as "kind!", place as "place!", sum(n)::bigint as "n!" from control.usage_performance,
                unnest(statuses) with ordinality as counted(n, place)
           where tenant_id = $1 and starts_at >= $2 and starts_at < $3 group by place
           union all
           select 'latency', place, sum(n)::bigint from control.usage_performance,
                unnest(latencies) with ordinality as counted(n, place)
           where tenant_id = $1 and starts_at >= $2 and starts_at < $3 group by place"#,
        tenant as _,
        span.starts_at as _,
        span.ends_at as _
    )
    .fetch_all(tx.conn())
    .await?;
    let (mut statuses, mut latencies) = ([0; 5], Latencies([0; LATENCY_BUCKETS]));
    for row in rows {
        let place = usize::try_from(row.place - 1).unwrap_or(usize::MAX);
        let counts: &mut [i64] = if row.kind == "status" {
            &mut statuses
        } else {
            &mut latencies.0
        };
        if let Some(count) = counts.get_mut(place) {
            *count = row.n;
        }
    }
    let requests: i64 = statuses.iter().sum();
    let millis = |share| latencies.quantile(share).map(|micros| micros as f64 / 1000.0);
    Ok(Performance {
        requests,
        statuses,
        error_rate: statuses[4] as f64 / requests.max(1) as f64,
        p50_millis: millis(0.5),
        p95_millis: millis(0.95),
        p99_millis: millis(0.99),
    })
}
