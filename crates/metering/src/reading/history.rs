//! A metric over time.

use std::collections::BTreeMap;

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::amount::Amount;
use crate::metrics::{Aggregation, Kind, Metric};
use crate::periods::{Calendar, Span};
use crate::rollups::{Bucket, Dimensions, Granularity, Totals};

/// Points that one answer may have.
pub const MOST_POINTS: usize = 10_000;

/// What is asked.
#[derive(Debug, Clone)]
pub struct HistoryQuery {
    /// From when to when. The buckets that the two are in are part of the answer, but for one that begins with the end.
    pub span: Span,
    /// How fine.
    pub granularity: Granularity,
    /// Only what has these dimensions.
    pub filter: BTreeMap<String, String>,
    /// Told apart by these.
    pub group_by: Vec<String>,
}

/// It cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The answer would be too long.
    #[error("the answer would have more than {MOST_POINTS} points; ask for less time, coarser, or export")]
    TooMany,
    /// The metric is not told apart by it.
    #[error("the metric has no dimension `{0}`")]
    UnknownDimension(String),
}

/// One bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    /// When it starts.
    pub starts_at: Timestamp,
    /// What it is of, where the answer tells apart.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dimensions: BTreeMap<String, String>,
    /// The metric's number.
    pub value: Amount,
    /// Events in it.
    pub count: i64,
}

/// A metric over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// The metric.
    pub metric: Metric,
    /// How fine.
    pub granularity: Granularity,
    /// In order of time. Without groups every bucket is there: a counter's empty ones are 0, a gauge's go on as they were.
    pub points: Vec<Point>,
}

/// Reads the metric's history.
pub async fn history(
    tx: &mut ControlTx,
    tenant: TenantId,
    metric: &Metric,
    query: &HistoryQuery,
) -> Result<History, HistoryError> {
    let asked = query.filter.keys().chain(&query.group_by);
    if let Some(unknown) = asked.into_iter().find(|name| !metric.dimensions.contains(name)) {
        return Err(HistoryError::UnknownDimension(unknown.clone()));
    }
    let buckets = buckets(query)?;
    let told_apart = !(query.filter.is_empty() && query.group_by.is_empty());
    let rows = if metric.aggregation == Aggregation::Unique && told_apart {
        counted(
            members(tx, tenant, metric, query).await?,
            totals(tx, tenant, metric, query).await?,
        )
    } else {
        totals(tx, tenant, metric, query).await?
    };
    if rows.len() > MOST_POINTS {
        return Err(HistoryError::TooMany);
    }
    let mut points: Vec<Point> = rows
        .into_iter()
        .filter_map(|(start, group, totals)| {
            Some(Point {
                starts_at: start,
                dimensions: group,
                value: metric.aggregation.of(&totals)?,
                count: totals.count,
            })
        })
        .collect();
    if query.group_by.is_empty() {
        let before = match metric.aggregation.kind() {
            Kind::Gauge => level_before(tx, tenant, metric, query).await?,
            Kind::Counter | Kind::Distinct => None,
        };
        points = filled(points, &buckets, metric.aggregation, before);
    }
    Ok(History {
        metric: metric.clone(),
        granularity: query.granularity,
        points,
    })
}

/// The start of every bucket of the answer.
fn buckets(query: &HistoryQuery) -> Result<Vec<Timestamp>, HistoryError> {
    let (utc, bucket) = (Calendar::utc(), query.granularity.bucket());
    let mut starts = Vec::new();
    let mut span = bucket.span(query.span.starts_at, &utc);
    while span.starts_at < query.span.ends_at {
        if starts.len() >= MOST_POINTS {
            return Err(HistoryError::TooMany);
        }
        starts.push(span.starts_at);
        span = bucket.span(span.ends_at, &utc);
    }
    Ok(starts)
}

fn filled(
    points: Vec<Point>,
    buckets: &[Timestamp],
    aggregation: Aggregation,
    before: Option<Amount>,
) -> Vec<Point> {
    let mut known = points.into_iter().peekable();
    // A largest value is of its bucket; only a level goes on.
    let goes_on = aggregation == Aggregation::Last;
    let mut level = before.unwrap_or_default();
    let point = |&starts_at: &Timestamp| {
        if let Some(point) = known.next_if(|point| point.starts_at == starts_at) {
            level = point.value;
            return point;
        }
        Point {
            starts_at,
            dimensions: BTreeMap::new(),
            value: if goes_on { level } else { Amount::ZERO },
            count: 0,
        }
    };
    buckets.iter().map(point).collect()
}

type Row = (Timestamp, BTreeMap<String, String>, Totals);

fn group(value: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

/// One more than may be answered is read, to know that it is too much.
fn limit() -> i64 {
    i64::try_from(MOST_POINTS + 1).unwrap_or(i64::MAX)
}

fn first(query: &HistoryQuery) -> Timestamp {
    query
        .granularity
        .bucket()
        .span(query.span.starts_at, &Calendar::utc())
        .starts_at
}

async fn totals(
    tx: &mut ControlTx,
    tenant: TenantId,
    metric: &Metric,
    query: &HistoryQuery,
) -> Result<Vec<Row>, sqlx::Error> {
    // Distinct members do not add up: the row without dimensions has them all. Events are in the row of their dimensions.
    let rows = sqlx::query!(
        r#"select starts_at as "starts_at!: Timestamp", grouped as "grouped!: Value",
                  sum(count)::bigint as "count!", sum(sum)::text as "sum!", max(max)::text as max,
                  (array_agg(last order by last_at desc, last desc) filter (where last_at is not null))[1]::text as last,
                  coalesce(sum(uniques) filter (where dimensions = '{}'), 0)::bigint as "uniques!"
           from (select 'hour' as bucket, * from control.usage_hours where $1 = 'hour'
                     and tenant_id = $2 and metric = $3 and starts_at >= $4 and starts_at < $5
                 union all
                 select 'day', * from control.usage_days where $1 = 'day'
                     and tenant_id = $2 and metric = $3 and starts_at >= $4 and starts_at < $5
                 union all
                 select 'month', * from control.usage_months where $1 = 'month'
                     and tenant_id = $2 and metric = $3 and starts_at >= $4 and starts_at < $5) rows,
                lateral (select coalesce(jsonb_object_agg(name, dimensions -> name), '{}') as grouped
                         from unnest($6::text[]) name where dimensions ? name) told
           where dimensions @> $7
           group by starts_at, grouped having sum(count) <> 0 or sum(uniques) <> 0
           order by starts_at, grouped limit $8"#,
        query.granularity.bucket().name(),
        tenant as _,
        metric.name.as_str(),
        first(query) as _,
        query.span.ends_at as _,
        &query.group_by,
        serde_json::json!(query.filter),
        limit()
    )
    .fetch_all(tx.conn())
    .await?;
    let parsed = |text: Option<String>| text.and_then(|text| text.parse().ok());
    let rows = rows.into_iter().map(|row| {
        let totals = Totals {
            count: row.count,
            sum: parsed(Some(row.sum)).unwrap_or_default(),
            max: parsed(row.max),
            last: parsed(row.last),
            last_at: None,
            uniques: row.uniques,
        };
        (row.starts_at, group(&row.grouped), totals)
    });
    Ok(rows.collect())
}

/// Distinct members do not add up over dimensions, so they are counted.
async fn members(
    tx: &mut ControlTx,
    tenant: TenantId,
    metric: &Metric,
    query: &HistoryQuery,
) -> Result<Vec<Row>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select starts_at as "starts_at!: Timestamp", grouped as "grouped!: Value", count(distinct member) as "uniques!"
           from control.usage_members,
                lateral (select coalesce(jsonb_object_agg(name, dimensions -> name), '{}') as grouped
                         from unnest($6::text[]) name where dimensions ? name) told
           where tenant_id = $2 and metric = $3 and grain = $1 and starts_at >= $4 and starts_at < $5
             and dimensions @> $7 and dimensions <> '{}'
           group by starts_at, grouped order by starts_at, grouped limit $8"#,
        query.granularity.bucket().name(),
        tenant as _,
        metric.name.as_str(),
        first(query) as _,
        query.span.ends_at as _,
        &query.group_by,
        serde_json::json!(query.filter),
        limit()
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| {
        let totals = Totals {
            uniques: row.uniques,
            ..Totals::default()
        };
        (row.starts_at, group(&row.grouped), totals)
    });
    Ok(rows.collect())
}

/// Distinct members with the number of events that brought them.
fn counted(mut members: Vec<Row>, totals: Vec<Row>) -> Vec<Row> {
    let counts: BTreeMap<_, i64> = totals
        .into_iter()
        .map(|(start, group, totals)| ((start, group), totals.count))
        .collect();
    for (start, group, totals) in &mut members {
        let count = counts.get(&(*start, group.clone()));
        totals.count = count.copied().unwrap_or_default();
    }
    members
}

/// The level with which the answer begins.
async fn level_before(
    tx: &mut ControlTx,
    tenant: TenantId,
    metric: &Metric,
    query: &HistoryQuery,
) -> Result<Option<Amount>, sqlx::Error> {
    let at = Bucket::Hour.span(first(query), &Calendar::utc()).starts_at;
    let last = sqlx::query_scalar!(
        r#"select last::text from (
               (select last, last_at from control.usage_hours where tenant_id = $1 and metric = $2 and starts_at < $3
                    and last_at is not null and dimensions @> $4 order by starts_at desc, last_at desc limit 1)
               union all
               (select last, last_at from control.usage_months where tenant_id = $1 and metric = $2
                    and starts_at < date_trunc('month', $3::timestamptz, 'UTC')
                    and last_at is not null and dimensions @> $4 order by starts_at desc, last_at desc limit 1)) known
           order by last_at desc, last desc limit 1"#,
        tenant as _,
        metric.name.as_str(),
        at as _,
        serde_json::from_str::<Value>(Dimensions::new(&query.filter).as_str()).unwrap_or_default()
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(last.flatten().and_then(|text| text.parse().ok()))
}
