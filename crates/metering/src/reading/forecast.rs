//! Compared with before, and what it will come to.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use serde::Serialize;

use super::history::{History, HistoryError, HistoryQuery, Point, history};
use crate::amount::Amount;
use crate::metrics::{Kind, Metric};
use crate::periods::{Calendar, Span};
use crate::rollups::{Bucket, Granularity};

const DAY: i64 = 86_400_000_000;
/// Whole days that a forecast looks back on: four of each weekday.
const LOOKS_BACK: i64 = 28;

/// A span compared with the span of the same length before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trend {
    /// Now: the sum of a counter's buckets, the mean of others'.
    pub current: f64,
    /// Before.
    pub previous: f64,
    /// By how many percent it changed; absent where there was nothing before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_percent: Option<f64>,
}

/// How a forecast was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// What there is of the month, and for each day to come the mean of the same weekday in the last 28 whole days.
    WeekdayMean,
    /// The straight line through the last 28 whole days (least squares), at the month's end.
    LinearTrend,
}

/// What the present month (UTC) will come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// How it was made.
    pub method: Method,
    /// What it says.
    pub value: f64,
    /// For when.
    pub ends_at: Timestamp,
    /// Whole days that it looks back on; the fewer, the less it says.
    pub days_seen: usize,
}

async fn days(
    tx: &mut ControlTx,
    tenant: TenantId,
    metric: &Metric,
    span: Span,
) -> Result<History, HistoryError> {
    let query = HistoryQuery {
        span,
        granularity: Granularity::Day,
        filter: std::collections::BTreeMap::new(),
        group_by: Vec::new(),
    };
    history(tx, tenant, metric, &query).await
}

/// Compares so many days up to now with as many before.
pub async fn trend(
    tx: &mut ControlTx,
    tenant: TenantId,
    metric: &Metric,
    length: i64,
) -> Result<Trend, HistoryError> {
    let now = tx.now();
    let today = Bucket::Day.span(now, &Calendar::utc());
    let span = Span {
        starts_at: today.starts_at.plus_days(1 - 2 * length),
        ends_at: today.ends_at,
    };
    let points = days(tx, tenant, metric, span).await?.points;
    let (before, after) = points.split_at(points.len() / 2);
    Ok(compare(metric.aggregation.kind(), before, after))
}

#[expect(clippy::cast_precision_loss, reason = "a figure that is only shown")]
fn compare(kind: Kind, before: &[Point], after: &[Point]) -> Trend {
    let sum = |points: &[Point]| {
        points
            .iter()
            .map(|point| point.value)
            .sum::<Amount>()
            .approximate()
    };
    let figure = |points: &[Point]| match kind {
        Kind::Counter => sum(points),
        Kind::Gauge | Kind::Distinct => sum(points) / points.len().max(1) as f64,
    };
    let (current, previous) = (figure(after), figure(before));
    Trend {
        current,
        previous,
        change_percent: (previous.abs() > f64::EPSILON)
            .then(|| (current - previous) / previous.abs() * 100.0),
    }
}

/// What the present month will come to. Members of a month are not the sum of the days', so they are not forecast.
pub async fn forecast(
    tx: &mut ControlTx,
    tenant: TenantId,
    metric: &Metric,
) -> Result<Option<Forecast>, HistoryError> {
    let (now, utc) = (tx.now(), Calendar::utc());
    let month = Bucket::Month.span(now, &utc);
    let today = Bucket::Day.span(now, &utc);
    let starts_at = today.starts_at.plus_days(-LOOKS_BACK).min(month.starts_at);
    let span = Span {
        starts_at,
        ends_at: today.ends_at,
    };
    let points = match metric.aggregation.kind() {
        Kind::Distinct => return Ok(None),
        Kind::Counter | Kind::Gauge => days(tx, tenant, metric, span).await?.points,
    };
    Ok(Some(extrapolate(metric.aggregation.kind(), &points, month, now)))
}

#[expect(clippy::cast_precision_loss, reason = "a figure that is only shown")]
fn extrapolate(kind: Kind, points: &[Point], month: Span, now: Timestamp) -> Forecast {
    let today = now.as_micros().div_euclid(DAY);
    let day = |point: &Point| point.starts_at.as_micros().div_euclid(DAY);
    let first_used = points
        .iter()
        .position(|point| point.count != 0)
        .unwrap_or(points.len());
    let whole: Vec<(i64, f64)> = points[first_used..]
        .iter()
        .filter(|point| (today - LOOKS_BACK..today).contains(&day(point)))
        .map(|point| (day(point), point.value.approximate()))
        .collect();
    let last_day = month.ends_at.as_micros().div_euclid(DAY) - 1;
    let (method, value) = match kind {
        Kind::Counter | Kind::Distinct => {
            let so_far = points
                .iter()
                .filter(|point| point.starts_at >= month.starts_at)
                .map(|point| point.value)
                .sum::<Amount>();
            let rest_of_today = 1.0 - (now.as_micros().rem_euclid(DAY)) as f64 / DAY as f64;
            let to_come: f64 = (today + 1..=last_day)
                .map(|day| mean_of_weekday(&whole, day))
                .sum();
            let today_still = mean_of_weekday(&whole, today) * rest_of_today;
            (Method::WeekdayMean, so_far.approximate() + today_still + to_come)
        }
        Kind::Gauge => {
            let present = points.last().map_or(0.0, |point| point.value.approximate());
            (Method::LinearTrend, line(&whole, last_day).unwrap_or(present))
        }
    };
    Forecast {
        method,
        value,
        ends_at: month.ends_at,
        days_seen: whole.len(),
    }
}

/// The mean of the days that are whole weeks from `day`, or of all days where there is none.
fn mean_of_weekday(whole: &[(i64, f64)], day: i64) -> f64 {
    let same: Vec<f64> = whole
        .iter()
        .filter(|(other, _)| (day - other) % 7 == 0)
        .map(|(_, value)| *value)
        .collect();
    mean(&same)
        .or_else(|| mean(&whole.iter().map(|(_, value)| *value).collect::<Vec<_>>()))
        .unwrap_or(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "a figure that is only shown")]
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Least squares through the days, at `at`.
#[expect(clippy::cast_precision_loss, reason = "a figure that is only shown")]
fn line(days: &[(i64, f64)], at: i64) -> Option<f64> {
    if days.len() < 2 {
        return None;
    }
    let count = days.len() as f64;
    let origin = days[0].0;
    let x = |day: i64| (day - origin) as f64;
    let mean_x = days.iter().map(|(day, _)| x(*day)).sum::<f64>() / count;
    let mean_y = days.iter().map(|(_, value)| value).sum::<f64>() / count;
    let spread: f64 = days.iter().map(|(day, _)| (x(*day) - mean_x).powi(2)).sum();
    let joint: f64 = days
        .iter()
        .map(|(day, value)| (x(*day) - mean_x) * (value - mean_y))
        .sum();
    Some(mean_y + joint / spread * (x(at) - mean_x))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(from: &str, values: impl IntoIterator<Item = i64>) -> Vec<Point> {
        let start: Timestamp = from.parse().expect(from);
        let point = |(index, value)| Point {
            starts_at: start.plus_days(index),
            dimensions: std::collections::BTreeMap::new(),
            value: Amount::whole(value),
            count: value,
        };
        (0..).zip(values).map(point).collect()
    }

    fn march() -> Span {
        Bucket::Month.span("2026-03-15T12:00:00Z".parse().expect("a time"), &Calendar::utc())
    }

    #[test]
    fn a_counter_goes_on_as_its_weekdays_do() {
        // 1 February 2026 is a Sunday: weekends have 0, other days 10; 5 came today until noon.
        let days = (0..42).map(|day| if day % 7 == 0 || day % 7 == 6 { 0 } else { 10 });
        let mut points = points("2026-02-01T00:00:00Z", days);
        points.extend(self::points("2026-03-15T00:00:00Z", [0]));
        let now = "2026-03-15T12:00:00Z".parse().expect("a time");
        let forecast = extrapolate(Kind::Counter, &points, march(), now);
        // March 2026 has 22 working days.
        assert!((forecast.value - 220.0).abs() < 1e-6, "{forecast:?}");
        assert_eq!((forecast.method, forecast.days_seen), (Method::WeekdayMean, 28));
    }

    #[test]
    fn a_gauge_follows_its_line() {
        let points = points("2026-02-15T00:00:00Z", (1..=28).map(|day| day * 3));
        let now = "2026-03-15T12:00:00Z".parse().expect("a time");
        let forecast = extrapolate(Kind::Gauge, &points, march(), now);
        // The 31st is the 45th day.
        assert!((forecast.value - 135.0).abs() < 1e-6, "{forecast:?}");
        let nothing = extrapolate(Kind::Gauge, &[], march(), now);
        assert!(nothing.value.abs() < f64::EPSILON && nothing.days_seen == 0);
    }

    #[test]
    fn compares_spans() {
        let before = points("2026-03-01T00:00:00Z", [1, 2, 3]);
        let after = points("2026-03-04T00:00:00Z", [3, 3, 3]);
        let counter = compare(Kind::Counter, &before, &after);
        assert_eq!(
            (counter.current, counter.previous, counter.change_percent),
            (9.0, 6.0, Some(50.0))
        );
        let gauge = compare(Kind::Gauge, &[], &after);
        assert_eq!((gauge.current, gauge.change_percent), (3.0, None));
    }
}
