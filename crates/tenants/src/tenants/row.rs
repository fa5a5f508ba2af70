//! A tenant as the database holds it.

use isolation::IsolationStrategy;
use kernel::{TenantId, Timestamp};
use sqlx::FromRow;
use sqlx::types::Json;

use super::model::{BillingCycle, Tenant};
use super::settings::Settings;
use super::slug::Slug;
use super::status::Status;
use super::text::{Region, SuspensionReason, TenantName};
use crate::plans::{FeatureOverrides, LimitOverrides, PlanId};

#[derive(FromRow)]
pub(super) struct Row {
    pub(super) id: TenantId,
    pub(super) name: TenantName,
    pub(super) slug: Slug,
    pub(super) status: Status,
    pub(super) plan: PlanId,
    pub(super) billing_cycle: BillingCycle,
    pub(super) isolation_strategy: IsolationStrategy,
    pub(super) custom_domain: Option<String>,
    pub(super) region: Option<Region>,
    pub(super) feature_overrides: Json<FeatureOverrides>,
    pub(super) limit_overrides: Json<LimitOverrides>,
    pub(super) settings: Json<Settings>,
    pub(super) version: i64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) trial_ends_at: Option<Timestamp>,
    pub(super) suspended_at: Option<Timestamp>,
    pub(super) suspension_reason: Option<SuspensionReason>,
    pub(super) canceled_at: Option<Timestamp>,
    pub(super) subscription_ends_at: Option<Timestamp>,
    pub(super) deletion_requested_at: Option<Timestamp>,
    pub(super) purge_at: Option<Timestamp>,
    pub(super) deleted_at: Option<Timestamp>,
    pub(super) resume_status: Option<Status>,
}

/// `select_tenant!("where …", parameters)`: a checked query for [`Row`]s.
macro_rules! select_tenant {
    ($rest:literal $(, $parameter:expr)*) => {
        sqlx::query_as!(
            $crate::tenants::row::Row,
            r#"select t.id as "id: _", t.name as "name: _", t.slug as "slug: _", t.status as "status: _", t.plan as "plan: _",
                      t.billing_cycle as "billing_cycle: _", t.isolation_strategy as "isolation_strategy: _",
                      t.custom_domain, t.region as "region: _", t.feature_overrides as "feature_overrides: _",
                      t.limit_overrides as "limit_overrides: _", t.settings as "settings: _", t.version,
                      t.created_at as "created_at: _", t.updated_at as "updated_at: _",
                      t.trial_ends_at as "trial_ends_at: _", t.suspended_at as "suspended_at: _",
                      t.suspension_reason as "suspension_reason: _", t.canceled_at as "canceled_at: _",
                      t.subscription_ends_at as "subscription_ends_at: _",
                      t.deletion_requested_at as "deletion_requested_at: _", t.purge_at as "purge_at: _",
                      t.deleted_at as "deleted_at: _", t.resume_status as "resume_status: _"
               from control.tenants t "# + $rest
            $(, $parameter)*
        )
    };
}
pub(super) use select_tenant;

impl From<Row> for Tenant {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            slug: row.slug,
            status: row.status,
            plan: row.plan,
            billing_cycle: row.billing_cycle,
            isolation_strategy: row.isolation_strategy,
            custom_domain: row.custom_domain,
            region: row.region,
            feature_overrides: row.feature_overrides.0,
            limit_overrides: row.limit_overrides.0,
            settings: row.settings.0,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
            trial_ends_at: row.trial_ends_at,
            suspended_at: row.suspended_at,
            suspension_reason: row.suspension_reason,
            canceled_at: row.canceled_at,
            subscription_ends_at: row.subscription_ends_at,
            deletion_requested_at: row.deletion_requested_at,
            purge_at: row.purge_at,
            deleted_at: row.deleted_at,
            resume_status: row.resume_status,
        }
    }
}
