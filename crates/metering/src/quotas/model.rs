//! A quota and what it says about a use.

use kernel::{FieldError, Timestamp};
use serde::{Deserialize, Serialize};
use tenants::plans::Limit;

use crate::metrics::MetricName;
use crate::periods::{Period, Span};

/// What happens at the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Mode {
    /// What would exceed it is refused.
    Hard,
    /// It is let through and told.
    Soft,
}

/// Where a use stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = QuotaStatus)]
pub enum Status {
    /// Below 80 % and below the soft limit.
    Ok,
    /// From 80 % or the soft limit.
    Warning,
    /// From 100 %.
    Exceeded,
    /// From 120 %.
    Critical,
}

impl Status {
    /// The name used in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Exceeded => "exceeded",
            Self::Critical => "critical",
        }
    }

    /// Where `used` stands against a limit.
    pub fn of(used: u64, limit: Limit, soft_limit: Option<u64>) -> Self {
        let soft = soft_limit.is_some_and(|soft| used >= soft);
        let share = limit
            .at_most()
            .map(|limit| (u128::from(used) * 100, u128::from(limit)));
        match share {
            Some((used, limit)) if used >= limit * 120 && used > 0 => Self::Critical,
            Some((used, limit)) if used >= limit * 100 => Self::Exceeded,
            Some((used, limit)) if used >= limit * 80 => Self::Warning,
            _ if soft => Self::Warning,
            _ => Self::Ok,
        }
    }
}

/// How much of a metric a tenant may use in a period.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Of what.
    pub metric: MetricName,
    /// How much; -1 is unlimited.
    pub limit: Limit,
    /// How often it starts anew.
    pub period: Period,
    /// From where on it warns, where that is not 80 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft_limit: Option<u64>,
    /// What happens at the limit.
    pub mode: Mode,
}

/// It cannot be a quota.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum InvalidQuota {
    /// It would warn after it refuses.
    #[error("must not be above the limit")]
    SoftAboveLimit,
    /// There is no use that it could limit.
    #[error("a metric that counts distinct members can be limited by the day or month only")]
    TotalOfDistinct,
    /// What there is now does not start anew.
    #[error("a metric of what there is now can be limited in total only")]
    PeriodOfGauge,
}

impl InvalidQuota {
    /// As the refusal of a field.
    pub fn field(self) -> FieldError {
        let pointer = if self == Self::SoftAboveLimit {
            "/softLimit"
        } else {
            "/period"
        };
        FieldError::new(pointer, self.to_string())
    }
}

/// A quota and its use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotaCheck {
    /// The quota.
    #[serde(flatten)]
    pub quota: Quota,
    /// How much of it is used.
    pub current: u64,
    /// Where that stands.
    pub status: Status,
    /// Whether one more would be let through.
    pub allowed: bool,
    /// When it starts anew; absent when it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_at: Option<Timestamp>,
}

impl Quota {
    /// What the quota says about this use in this span.
    pub fn check(&self, current: u64, span: Span) -> QuotaCheck {
        QuotaCheck {
            quota: self.clone(),
            current,
            status: Status::of(current, self.limit, self.soft_limit),
            allowed: self.mode == Mode::Soft || self.limit.allows(current.saturating_add(1)),
            reset_at: (self.period != Period::Total).then_some(span.ends_at),
        }
    }
}
