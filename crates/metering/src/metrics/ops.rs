//! Declaring metrics, and looking up what a tenant has.

use std::collections::HashMap;

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::TenantId;

use super::built_in::BuiltIn;
use super::model::{Aggregation, Metric, MetricName, NewMetric};
use crate::TOPIC;

/// A metric could not be declared or removed.
#[derive(Debug, thiserror::Error)]
pub enum DeclareError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// There is such a metric, and how it is aggregated cannot change: what was counted would change its meaning.
    #[error("the metric exists with another aggregation")]
    OtherAggregation,
    /// A dimension that was declared cannot be taken away.
    #[error("a declared dimension cannot be removed")]
    DimensionRemoved,
    /// The tenant has as many as it may.
    #[error("a tenant has at most {0} metrics of its own")]
    TooMany(i64),
    /// There is no such metric, or it is built in.
    #[error("no such metric")]
    NotFound,
}

/// A tenant's own metrics.
const MOST: i64 = 200;

struct Row {
    name: String,
    aggregation: Aggregation,
    unit: String,
    dimensions: Vec<String>,
    series: i32,
}

impl Row {
    fn metric(self) -> Option<Metric> {
        Some(Metric {
            name: self.name.parse().ok()?,
            aggregation: self.aggregation,
            unit: self.unit,
            dimensions: self.dimensions,
            series: u32::try_from(self.series).ok()?,
        })
    }
}

/// The metrics that the tenant declared, by name.
pub async fn declared(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<Metric>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select name, aggregation as "aggregation: Aggregation", unit, dimensions, series
           from control.metrics where tenant_id = $1 order by name"#,
        tenant as _
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().filter_map(Row::metric).collect())
}

/// Every metric that the tenant has, by name.
pub async fn known(tx: &mut ControlTx, tenant: TenantId) -> Result<HashMap<MetricName, Metric>, sqlx::Error> {
    let own = declared(tx, tenant).await?;
    let built_in = BuiltIn::ALL.iter().map(|metric| metric.metric());
    Ok(built_in
        .chain(own)
        .map(|metric| (metric.name.clone(), metric))
        .collect())
}

/// Declares a metric, or changes unit, bound and further dimensions of one that there is.
pub async fn declare(tx: &mut ControlTx, tenant: TenantId, new: &NewMetric) -> Result<Metric, DeclareError> {
    let metric = new.metric();
    let own = declared(tx, tenant).await?;
    let before = own.iter().find(|own| own.name == metric.name);
    match before {
        Some(before) if before.aggregation != metric.aggregation => {
            return Err(DeclareError::OtherAggregation);
        }
        Some(before)
            if before
                .dimensions
                .iter()
                .any(|one| !metric.dimensions.contains(one)) =>
        {
            return Err(DeclareError::DimensionRemoved);
        }
        None if i64::try_from(own.len()).unwrap_or(MOST) >= MOST => return Err(DeclareError::TooMany(MOST)),
        _ => {}
    }
    let now = tx.now();
    let series = i32::try_from(metric.series).unwrap_or(i32::MAX);
    let kept = sqlx::query_scalar!(
        r#"insert into control.metrics (tenant_id, name, aggregation, unit, dimensions, series, created_at, updated_at)
           values ($1, $2, $3, $4, $5, $6, $7, $7)
           on conflict (tenant_id, name) do update
               set unit = excluded.unit, dimensions = excluded.dimensions, series = excluded.series,
                   version = metrics.version + 1, updated_at = excluded.updated_at
               where metrics.aggregation = excluded.aggregation and metrics.dimensions <@ excluded.dimensions
           returning version"#,
        tenant as _,
        metric.name.as_str(),
        metric.aggregation as _,
        &metric.unit,
        &metric.dimensions,
        series,
        now as _
    )
    .fetch_optional(tx.conn())
    .await?;
    kept.ok_or(DeclareError::OtherAggregation)?;
    let event = Event::new(EventType::MetricDeclared)
        .of_tenant(tenant)
        .resource_named("metric", metric.name.as_str(), None)
        .change(
            "unit",
            before.map(|before| before.unit.clone()).unwrap_or_default(),
            metric.unit.clone(),
        )
        .change(
            "dimensions",
            before
                .map(|before| before.dimensions.join(","))
                .unwrap_or_default(),
            metric.dimensions.join(","),
        );
    audit::record(tx, event).await?;
    tx.announce(TOPIC, &tenant.to_string()).await?;
    Ok(metric.clone())
}

/// Forgets a metric that the tenant declared. What was counted stays until its retention ends.
pub async fn remove(tx: &mut ControlTx, tenant: TenantId, name: &MetricName) -> Result<(), DeclareError> {
    let removed = sqlx::query!(
        "delete from control.metrics where tenant_id = $1 and name = $2",
        tenant as _,
        name.as_str()
    )
    .execute(tx.conn())
    .await?;
    if removed.rows_affected() == 0 {
        return Err(DeclareError::NotFound);
    }
    let event = Event::new(EventType::MetricRemoved)
        .of_tenant(tenant)
        .resource_named("metric", name.as_str(), None);
    audit::record(tx, event).await?;
    Ok(tx.announce(TOPIC, &tenant.to_string()).await?)
}
