//! A tenant as both APIs show it.

use isolation::IsolationStrategy;
use kernel::{TenantId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::model::{BillingCycle, Tenant};
use super::settings::Settings;
use super::status::Status;
use crate::plans::{Features, Limits, PlanId};

/// A tenant.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Tenant)]
pub struct TenantView {
    /// Which one.
    pub id: TenantId,
    /// What people call it.
    #[schema(example = "Acme Corp")]
    pub name: String,
    /// What it is called in addresses.
    #[schema(example = "acme")]
    pub slug: String,
    /// Where it stands.
    pub status: Status,
    /// What it is on.
    pub plan: PlanId,
    /// How often it pays.
    pub billing_cycle: BillingCycle,
    /// How its data is walled off.
    pub isolation_strategy: IsolationStrategy,
    /// The first host name of its own, as A-labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "acme.com")]
    pub custom_domain: Option<String>,
    /// Its features and its application's settings.
    pub config: TenantConfig,
    /// How much it may: the plan's limits with its own deviations.
    pub limits: Limits,
    /// Where it wants its data to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When this record last changed.
    pub updated_at: Timestamp,
    /// When its trial ends or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial_ends_at: Option<Timestamp>,
    /// Since when it is suspended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspended_at: Option<Timestamp>,
    /// Why it is suspended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "trial_expired")]
    pub suspension_reason: Option<String>,
    /// Its deletion, where one is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion: Option<DeletionView>,
    /// Counts the changes of this record.
    pub version: i64,
}

/// What a tenant's application is told about it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TenantConfig {
    /// Every feature and whether the tenant has it.
    pub features: Features,
    /// The application's own settings.
    pub settings: Settings,
}

/// A deletion that can still be undone, or has been carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletionView {
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When everything is removed.
    pub purge_at: Timestamp,
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        let (features, limits) = (tenant.features(), tenant.limits());
        let deletion = tenant.deletion_requested_at.zip(tenant.purge_at);
        Self {
            id: tenant.id,
            name: tenant.name.into(),
            slug: tenant.slug.into(),
            status: tenant.status,
            plan: tenant.plan,
            billing_cycle: tenant.billing_cycle,
            isolation_strategy: tenant.isolation_strategy,
            custom_domain: tenant.custom_domain,
            config: TenantConfig {
                features,
                settings: tenant.settings,
            },
            limits,
            region: tenant.region.map(Into::into),
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
            trial_ends_at: tenant.trial_ends_at,
            suspended_at: tenant.suspended_at,
            suspension_reason: tenant.suspension_reason.map(Into::into),
            deletion: deletion.map(|(requested_at, purge_at)| DeletionView {
                requested_at,
                purge_at,
            }),
            version: tenant.version,
        }
    }
}
