//! Everything that was counted in a span, of any length, without holding it in memory.

use futures_util::Stream;
use futures_util::stream::{self, TryStreamExt};
use isolation::{ControlTx, TenantCtx, Tx};
use kernel::{TenantId, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::amount::Amount;
use crate::periods::Span;
use crate::rollups::Granularity;

/// Rows that are read at a time, each time in a transaction of its own.
const PAGE: i64 = 5000;

/// One row.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportRow {
    /// Of which metric.
    pub metric: String,
    /// When the bucket starts.
    pub starts_at: Timestamp,
    /// What it was told apart by.
    #[schema(value_type = Object)]
    pub dimensions: Value,
    /// Events.
    pub count: i64,
    /// The sum of what they added.
    pub sum: Amount,
    /// The largest value.
    pub max: Option<Amount>,
    /// The latest value.
    pub last: Option<Amount>,
    /// Different members.
    pub uniques: i64,
}

/// After which row to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportPosition {
    metric: String,
    starts_at: Timestamp,
    dimensions: Value,
}

impl ExportRow {
    /// The columns of [`csv`](Self::csv).
    pub const CSV_HEAD: &'static str = "metric,startsAt,dimensions,count,sum,max,last,uniques\r\n";

    /// The row as RFC 4180 has it.
    pub fn csv(&self) -> String {
        let Self {
            metric,
            starts_at,
            count,
            sum,
            uniques,
            ..
        } = self;
        let dimensions = self.dimensions.to_string().replace('"', "\"\"");
        let shown = |amount: Option<Amount>| amount.map(|amount| amount.to_string()).unwrap_or_default();
        let (max, last) = (shown(self.max), shown(self.last));
        format!("{metric},{starts_at},\"{dimensions}\",{count},{sum},{max},{last},{uniques}\r\n")
    }

    /// Where to go on.
    pub fn position(&self) -> ExportPosition {
        ExportPosition {
            metric: self.metric.clone(),
            starts_at: self.starts_at,
            dimensions: self.dimensions.clone(),
        }
    }
}

/// Everything of the span, in order of metric, time and dimensions.
pub fn export(
    ctx: TenantCtx,
    granularity: Granularity,
    span: Span,
) -> impl Stream<Item = Result<ExportRow, sqlx::Error>> + Send {
    let pages = stream::try_unfold((ctx, None, false), move |(ctx, after, done)| async move {
        if done {
            return Ok::<_, sqlx::Error>(None);
        }
        let mut tx = ctx.control().await?;
        let page = export_page(&mut tx, ctx.tenant_id(), granularity, span, after).await?;
        drop(tx);
        let next = page.last().map(ExportRow::position);
        let done = i64::try_from(page.len()).unwrap_or(PAGE) < PAGE;
        let rows = stream::iter(page.into_iter().map(Ok::<_, sqlx::Error>));
        Ok(Some((rows, (ctx, next, done))))
    });
    pages.try_flatten()
}

/// The next rows of the span.
pub async fn export_page(
    tx: &mut ControlTx,
    tenant: TenantId,
    granularity: Granularity,
    span: Span,
    after: Option<ExportPosition>,
) -> Result<Vec<ExportRow>, sqlx::Error> {
    let after = after.unwrap_or(ExportPosition {
        metric: String::new(),
        starts_at: span.starts_at,
        dimensions: Value::Null,
    });
    let rows = sqlx::query!(
        r#"select metric as "metric!", starts_at as "starts_at!: Timestamp", dimensions as "dimensions!: Value",
                  count as "count!", sum::text as "sum!", max::text as max, last::text as last, uniques as "uniques!"
           from (select 'hour' as bucket, * from control.usage_hours where $1 = 'hour' and tenant_id = $2
                     and starts_at >= $3 and starts_at < $4 and (metric, starts_at, dimensions) > ($5, $6, $7::jsonb)
                 union all
                 select 'day', * from control.usage_days where $1 = 'day' and tenant_id = $2
                     and starts_at >= $3 and starts_at < $4 and (metric, starts_at, dimensions) > ($5, $6, $7::jsonb)
                 union all
                 select 'month', * from control.usage_months where $1 = 'month' and tenant_id = $2
                     and starts_at >= $3 and starts_at < $4 and (metric, starts_at, dimensions) > ($5, $6, $7::jsonb)) rows
           order by metric, starts_at, dimensions limit $8"#,
        granularity.bucket().name(),
        tenant as _,
        span.starts_at as _,
        span.ends_at as _,
        after.metric,
        after.starts_at as _,
        after.dimensions,
        PAGE
    )
    .fetch_all(tx.conn())
    .await?;
    let parsed = |text: Option<String>| text.and_then(|text| text.parse().ok());
    let rows = rows.into_iter().map(|row| ExportRow {
        metric: row.metric,
        starts_at: row.starts_at,
        dimensions: row.dimensions,
        count: row.count,
        sum: parsed(Some(row.sum)).unwrap_or_default(),
        max: parsed(row.max),
        last: parsed(row.last),
        uniques: row.uniques,
    });
    Ok(rows.collect())
}
