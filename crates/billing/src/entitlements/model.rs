//! Features and limits with their use.

use std::collections::BTreeMap;

use kernel::{TenantId, Timestamp};
use metering::Meter;
use metering::metrics::{BuiltIn, MetricName};
use metering::periods::Period;
use metering::quotas::{Mode, QuotaCheck, Status};
use serde::Serialize;
use tenants::directory::TenantSnapshot;
use tenants::plans::{Features, Limit, LimitName, Name, PlanId};

/// What a tenant may do, and how much of it is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entitlements {
    /// Whose.
    pub tenant_id: TenantId,
    /// The plan that they come from, where nothing else was granted.
    pub plan: PlanId,
    /// Every feature and whether the tenant has it.
    pub features: Features,
    /// The plan's limits, by name.
    #[schema(value_type = HashMap<String, LimitUse>)]
    pub limits: BTreeMap<&'static str, LimitUse>,
    /// Every other quota that was set for the tenant.
    pub quotas: Vec<LimitUse>,
}

/// A limit and its use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitUse {
    /// What is counted.
    pub metric: MetricName,
    /// How much there may be; -1 is unlimited.
    pub limit: Limit,
    /// How much is used.
    pub used: u64,
    /// How much is left; absent where it is unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u64>,
    /// How often it starts anew.
    pub period: Period,
    /// When it starts anew next; absent when it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_at: Option<Timestamp>,
    /// What happens at the limit.
    pub mode: Mode,
    /// Where the use stands.
    pub status: Status,
}

impl From<QuotaCheck> for LimitUse {
    fn from(check: QuotaCheck) -> Self {
        Self {
            remaining: check
                .quota
                .limit
                .at_most()
                .map(|limit| limit.saturating_sub(check.current)),
            metric: check.quota.metric,
            limit: check.quota.limit,
            used: check.current,
            period: check.quota.period,
            reset_at: check.reset_at,
            mode: check.quota.mode,
            status: check.status,
        }
    }
}

/// What the tenant may do now, and how much of it is left.
pub fn entitlements(tenant: &TenantSnapshot, meter: &Meter, now: Timestamp) -> Entitlements {
    let (mut limits, mut quotas) = (BTreeMap::new(), Vec::new());
    for check in meter.checks(now) {
        match of_plan(&check) {
            Some(limit) => {
                limits.insert(limit.name(), check.into());
            }
            None => quotas.push(LimitUse::from(check)),
        }
    }
    quotas.sort_by(|one, other| (&one.metric, one.period).cmp(&(&other.metric, other.period)));
    Entitlements {
        tenant_id: tenant.id,
        plan: tenant.plan,
        features: tenant.features,
        limits,
        quotas,
    }
}

/// The plan's limit that this quota is, or replaces.
fn of_plan(check: &QuotaCheck) -> Option<LimitName> {
    let is = |metric: BuiltIn, period| {
        check.quota.metric.as_str() == metric.name() && check.quota.period == period
    };
    LimitName::ALL.iter().copied().find(|limit| match limit {
        LimitName::Users => is(BuiltIn::Users, Period::Total),
        LimitName::Projects => is(BuiltIn::Projects, Period::Total),
        LimitName::StorageBytes => is(BuiltIn::Storage, Period::Total),
        LimitName::ApiCallsPerDay => is(BuiltIn::ApiCalls, Period::Daily),
        LimitName::BandwidthBytesPerMonth => is(BuiltIn::Bandwidth, Period::Monthly),
        // What is kept, not what is used.
        LimitName::UsageHistoryDays => false,
    })
}
