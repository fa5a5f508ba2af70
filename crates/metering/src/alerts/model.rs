//! An alert.

use jobs::Job;
use kernel::{Entity, Id, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::metrics::MetricName;
use crate::periods::Period;

/// Marker of alerts.
#[derive(Debug)]
pub enum AlertEntity {}
impl Entity for AlertEntity {
    const PREFIX: &'static str = "alert";
}
/// An alert's identifier.
pub type AlertId = Id<AlertEntity>;

/// A use that reached a threshold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UsageAlert)]
pub struct Alert {
    /// Which one.
    pub id: AlertId,
    /// Whose use.
    pub tenant_id: TenantId,
    /// Of what.
    pub metric: MetricName,
    /// In which period of its quota.
    pub period: Period,
    /// Where the period begins; of a total, the month in which it was noticed.
    pub starts_at: Timestamp,
    /// Where it ends.
    pub ends_at: Timestamp,
    /// The threshold, in percent of the limit.
    #[schema(example = 80)]
    pub percent: i32,
    /// The limit.
    pub limit: i64,
    /// How much was used when it was noticed.
    pub used: i64,
    /// When that was.
    pub raised_at: Timestamp,
    /// When somebody took note of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// Who that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
}

/// Which alerts to list; what is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Of this metric.
    pub metric: Option<MetricName>,
    /// That somebody took note of, or that nobody did.
    pub acknowledged: Option<bool>,
}

/// Everybody whom an alert concerns is to be told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UsageAlerted {
    /// Which alert.
    pub alert: AlertId,
    /// Whose.
    pub tenant: TenantId,
}

impl Job for UsageAlerted {
    const KIND: &'static str = "usage.alerted";
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }
}
