//! Reading one tenant, by one query, as the platform.

use std::sync::Arc;

use isolation::{ControlTx, Databases, IsolationStrategy, Store, Tx};
use kernel::{TenantId, Timestamp};
use sqlx::types::Json;

use super::snapshot::TenantSnapshot;
use crate::plans::{FeatureOverrides, LimitOverrides, PlanId};
use crate::tenants::{Access, Slug, Status, SuspensionReason, TenantName};

/// Who holds a slug, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlugHolder {
    pub(super) tenant: TenantId,
    /// Set once it is given up.
    given_up: bool,
    redirect_until: Option<Timestamp>,
}

impl SlugHolder {
    /// Whether the slug leads to its holder, and if so, whether as one that was given up.
    pub(super) fn leads_at(self, now: Timestamp) -> Option<bool> {
        let leads = !self.given_up || self.redirect_until.is_some_and(|end| now < end);
        leads.then_some(self.given_up)
    }
}

struct Row {
    id: TenantId,
    slug: Slug,
    name: TenantName,
    status: Status,
    suspension_reason: Option<SuspensionReason>,
    access: Access,
    plan: PlanId,
    feature_overrides: Json<FeatureOverrides>,
    limit_overrides: Json<LimitOverrides>,
    version: i64,
    strategy: IsolationStrategy,
    placement: Option<String>,
}

impl From<Row> for TenantSnapshot {
    fn from(row: Row) -> Self {
        let plan = row.plan.plan();
        let placement = row
            .placement
            .unwrap_or_else(|| Store::DEFAULT_PLACEMENT.to_owned());
        Self {
            id: row.id,
            slug: row.slug,
            name: row.name,
            status: row.status,
            suspension_reason: row.suspension_reason,
            access: row.access,
            plan: row.plan,
            store: Arc::new(Store {
                placement,
                ..Store::new(row.id, row.strategy)
            }),
            features: plan.features.overridden(&row.feature_overrides.0),
            limits: plan.limits.overridden(&row.limit_overrides.0),
            version: row.version,
        }
    }
}

async fn begin(databases: &Databases) -> Result<ControlTx, sqlx::Error> {
    databases.system("directory").control().await
}

pub(super) async fn by_id(
    databases: &Databases,
    id: TenantId,
) -> Result<Option<TenantSnapshot>, sqlx::Error> {
    let mut tx = begin(databases).await?;
    let row = sqlx::query_as!(
        Row,
        r#"select t.id as "id: _", t.slug as "slug: _", t.name as "name: _", t.status as "status: _",
                  t.suspension_reason as "suspension_reason: _", t.access as "access: _", t.plan as "plan: _",
                  t.feature_overrides as "feature_overrides: _", t.limit_overrides as "limit_overrides: _", t.version,
                  coalesce(s.strategy, t.isolation_strategy) as "strategy!: _", s.placement as "placement?"
           from control.tenants t left join control.stores s on s.tenant_id = t.id
           where t.id = $1"#,
        id as _
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(TenantSnapshot::from))
}

pub(super) async fn by_slug(
    databases: &Databases,
    slug: &Slug,
) -> Result<Option<(SlugHolder, TenantSnapshot)>, sqlx::Error> {
    let mut tx = begin(databases).await?;
    let row = sqlx::query!(
        r#"select g.claimable_at is not null as "given_up!", g.redirect_until as "redirect_until: Timestamp",
                  t.id as "id: TenantId", t.slug as "slug: Slug", t.name as "name: TenantName", t.status as "status: Status",
                  t.suspension_reason as "suspension_reason: SuspensionReason", t.access as "access: Access",
                  t.plan as "plan: PlanId",
                  t.feature_overrides as "feature_overrides: Json<FeatureOverrides>",
                  t.limit_overrides as "limit_overrides: Json<LimitOverrides>", t.version,
                  coalesce(s.strategy, t.isolation_strategy) as "strategy!: IsolationStrategy", s.placement as "placement?"
           from control.slugs g
           join control.tenants t on t.id = g.tenant_id
           left join control.stores s on s.tenant_id = t.id
           where g.slug = $1"#,
        slug as _
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| {
        let holder = SlugHolder {
            tenant: row.id,
            given_up: row.given_up,
            redirect_until: row.redirect_until,
        };
        let tenant = Row {
            id: row.id,
            slug: row.slug,
            name: row.name,
            status: row.status,
            suspension_reason: row.suspension_reason,
            access: row.access,
            plan: row.plan,
            feature_overrides: row.feature_overrides,
            limit_overrides: row.limit_overrides,
            version: row.version,
            strategy: row.strategy,
            placement: row.placement,
        };
        (holder, tenant.into())
    }))
}
