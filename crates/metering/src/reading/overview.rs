//! Everything at a glance: every metric with what was used of it lately, and every quota with its use.

use isolation::{ControlTx, Tx};
use serde::Serialize;

use super::present::{MetricUsage, metrics};
use crate::amount::Amount;
use crate::counters::Meter;
use crate::metrics::Kind;
use crate::periods::Calendar;
use crate::quotas::QuotaCheck;

/// Where days and months begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CalendarView {
    /// The time zone's name in the IANA database.
    #[schema(example = "Europe/Berlin")]
    pub time_zone: String,
    /// The day on which months begin; the last one of months that do not have it.
    #[schema(minimum = 1, maximum = 31)]
    pub anchor_day: i8,
}

impl From<&Calendar> for CalendarView {
    fn from(calendar: &Calendar) -> Self {
        Self {
            time_zone: calendar.zone().to_owned(),
            anchor_day: calendar.anchor_day(),
        }
    }
}

/// Everything at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// Where the days and months of quotas begin.
    pub calendar: CalendarView,
    /// Every metric, used or not, by name.
    pub metrics: Vec<MetricUsage>,
    /// Every quota and its use, by metric and period.
    pub quotas: Vec<QuotaCheck>,
}

/// Reads it. Quotas are as they are at this moment; what was used is ahead of what is written by a flush at most.
pub async fn overview(tx: &mut ControlTx, meter: &Meter) -> Result<Overview, sqlx::Error> {
    let mut metrics = metrics(tx, meter.tenant()).await?;
    let mut quotas = meter.checks(tx.now());
    quotas.sort_by(|one, other| {
        let key = |check: &QuotaCheck| (check.quota.metric.clone(), check.quota.period);
        key(one).cmp(&key(other))
    });
    for usage in metrics
        .iter_mut()
        .filter(|usage| usage.metric.aggregation.kind() == Kind::Gauge)
    {
        let known = quotas
            .iter()
            .find(|check| check.quota.metric == usage.metric.name);
        if let Some(check) = known {
            let level = Amount::whole(i64::try_from(check.current).unwrap_or(i64::MAX));
            (usage.today, usage.month) = (level, level);
        }
    }
    Ok(Overview {
        calendar: CalendarView::from(&*meter.calendar()),
        metrics,
        quotas,
    })
}
