//! At how much of its limits a tenant is told.

use std::collections::BTreeMap;

use audit::{Event, EventType, Value};
use isolation::{ControlTx, Tx};
use kernel::{FieldError, TenantId, Validate};
use serde::{Deserialize, Serialize};

use crate::TOPIC;
use crate::metrics::MetricName;

/// Thresholds where a tenant has set none.
const DEFAULT: [u32; 2] = [80, 100];
/// Thresholds of one metric.
const MOST: usize = 10;
/// Metrics with thresholds of their own.
const MOST_METRICS: usize = 100;
/// The row of every metric that has none of its own.
const EVERY: &str = "*";

/// At how many percent of its limits a tenant is told.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UsageAlertThresholds, example = json!({"default": [80, 100], "metrics": {"api_calls": [50, 90, 100]}}))]
pub struct Thresholds {
    /// Of every metric that is not named: 1 to 1000; none: nobody is told.
    #[schema(max_items = 10)]
    pub default: Vec<u32>,
    /// Of single metrics.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Vec<u32>>)]
    pub metrics: BTreeMap<MetricName, Vec<u32>>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            default: DEFAULT.to_vec(),
            metrics: BTreeMap::new(),
        }
    }
}

impl Thresholds {
    /// Those of this metric.
    pub fn of(&self, metric: &MetricName) -> &[u32] {
        self.metrics.get(metric).unwrap_or(&self.default)
    }
}

impl Validate for Thresholds {
    fn check(&self, errors: &mut Vec<FieldError>) {
        check("/default", &self.default, errors);
        for (metric, percents) in &self.metrics {
            check(&format!("/metrics/{metric}"), percents, errors);
        }
        if self.metrics.len() > MOST_METRICS {
            errors.push(FieldError::new("/metrics", "must be at most 100"));
        }
    }
}

fn check(pointer: &str, percents: &[u32], errors: &mut Vec<FieldError>) {
    let twice = (1..percents.len()).any(|at| percents[..at].contains(&percents[at]));
    if twice || percents.len() > MOST || percents.iter().any(|percent| !(1..=1000).contains(percent)) {
        errors.push(FieldError::new(
            pointer,
            "must be at most 10 different numbers from 1 to 1000",
        ));
    }
}

/// Thresholds could not be set.
#[derive(Debug, thiserror::Error)]
pub enum InvalidThresholds {
    /// The tenant has no such metric.
    #[error("there is no metric {0}")]
    UnknownMetric(MetricName),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The tenant's thresholds.
pub async fn get(tx: &mut ControlTx, tenant: TenantId) -> Result<Thresholds, sqlx::Error> {
    let rows = sqlx::query!(
        "select metric, percents from control.usage_alert_thresholds where tenant_id = $1",
        tenant as _
    )
    .fetch_all(tx.conn())
    .await?;
    let mut thresholds = Thresholds::default();
    for row in rows {
        let percents = row.percents.into_iter().filter_map(|one| u32::try_from(one).ok());
        let percents: Vec<u32> = percents.collect();
        match row.metric.parse() {
            Ok(metric) => drop(thresholds.metrics.insert(metric, percents)),
            Err(_) => thresholds.default = percents,
        }
    }
    Ok(thresholds)
}

/// Replaces all of them. What is reached already is told when it is next counted.
pub async fn put(
    tx: &mut ControlTx,
    tenant: TenantId,
    mut thresholds: Thresholds,
) -> Result<Thresholds, InvalidThresholds> {
    let known = crate::metrics::known(tx, tenant).await?;
    if let Some(unknown) = thresholds
        .metrics
        .keys()
        .find(|metric| !known.contains_key(*metric))
    {
        return Err(InvalidThresholds::UnknownMetric(unknown.clone()));
    }
    thresholds.default.sort_unstable();
    thresholds
        .metrics
        .values_mut()
        .for_each(|percents| percents.sort_unstable());
    let before = get(tx, tenant).await?;
    sqlx::query!(
        "delete from control.usage_alert_thresholds where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    let named = thresholds
        .metrics
        .iter()
        .map(|(metric, percents)| (metric.as_str(), percents));
    for (metric, percents) in named.chain([(EVERY, &thresholds.default)]) {
        let percents: Vec<i32> = percents
            .iter()
            .filter_map(|one| i32::try_from(*one).ok())
            .collect();
        sqlx::query!(
            "insert into control.usage_alert_thresholds (tenant_id, metric, percents) values ($1, $2, $3)
             on conflict (tenant_id, metric) do update set percents = excluded.percents",
            tenant as _,
            metric,
            &percents
        )
        .execute(tx.conn())
        .await?;
    }
    let event = Event::new(EventType::AlertThresholdsSet)
        .of_tenant(tenant)
        .resource_named("usage_alert_thresholds", &tenant.to_string(), None)
        .change("thresholds", Value::plain(&before), Value::plain(&thresholds));
    audit::record(tx, event).await?;
    tx.announce(TOPIC, &tenant.to_string()).await?;
    Ok(thresholds)
}
