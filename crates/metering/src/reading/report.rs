//! What a tenant's usage comes to: everything at a glance, compared with before, extrapolated, and how its requests went.

use isolation::{ControlTx, Tx};
use serde::Serialize;

use super::forecast::{Forecast, Trend, forecast, trend};
use super::history::HistoryError;
use super::overview::{Overview, overview};
use super::performance::{Performance, performance};
use crate::counters::Meter;
use crate::metrics::MetricName;
use crate::periods::{Calendar, Span};
use crate::rollups::Bucket;

/// How a metric changed.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricTrend {
    /// Which metric.
    pub metric: MetricName,
    /// How it changed.
    #[serde(flatten)]
    pub trend: Trend,
}

/// What a metric will come to.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricForecast {
    /// Which metric.
    pub metric: MetricName,
    /// What it will come to.
    #[serde(flatten)]
    pub forecast: Forecast,
}

/// What a tenant's usage comes to.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The days (UTC) that trends and performance are of; trends compare them with as many before.
    pub period: Span,
    /// Metrics and quotas.
    #[serde(flatten)]
    pub overview: Overview,
    /// Of each metric that was used in either span.
    pub trends: Vec<MetricTrend>,
    /// For the end of the present month (UTC), of each metric that can be forecast and was used.
    pub forecasts: Vec<MetricForecast>,
    /// How the tenant's requests went.
    pub performance: Performance,
}

/// Reads it, of the last `days` with today.
pub async fn report(tx: &mut ControlTx, meter: &Meter, days: i64) -> Result<Report, HistoryError> {
    let overview = overview(tx, meter).await?;
    let today = Bucket::Day.span(tx.now(), &Calendar::utc());
    let period = Span {
        starts_at: today.starts_at.plus_days(1 - days),
        ends_at: today.ends_at,
    };
    let (mut trends, mut forecasts) = (Vec::new(), Vec::new());
    for usage in &overview.metrics {
        let (tenant, metric) = (meter.tenant(), &usage.metric);
        let trend = trend(tx, tenant, metric, days).await?;
        if trend.current == 0.0 && trend.previous == 0.0 {
            continue;
        }
        if let Some(forecast) = forecast(tx, tenant, metric).await? {
            forecasts.push(MetricForecast {
                metric: metric.name.clone(),
                forecast,
            });
        }
        trends.push(MetricTrend {
            metric: metric.name.clone(),
            trend,
        });
    }
    Ok(Report {
        period,
        trends,
        forecasts,
        performance: performance(tx, meter.tenant(), period).await?,
        overview,
    })
}
