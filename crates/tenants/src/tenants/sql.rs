//! The statements on `control.tenants`.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use sqlx::types::Json;

use super::access::Access;
use super::model::Tenant;
use super::row::select_tenant;
use super::slug::Slug;

pub(super) async fn get(tx: &mut ControlTx, id: TenantId) -> Result<Option<Tenant>, sqlx::Error> {
    let row = select_tenant!("where t.id = $1", id as _)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(Tenant::from))
}

/// The row, for this transaction alone until it ends. References to it may still be made.
pub(super) async fn lock(tx: &mut ControlTx, id: TenantId) -> Result<Option<Tenant>, sqlx::Error> {
    let row = select_tenant!("where t.id = $1 for no key update", id as _)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(Tenant::from))
}

/// Who uses the slug now; one that only leads to him, or is in quarantine, does not count.
pub(super) async fn find_by_slug(tx: &mut ControlTx, slug: &Slug) -> Result<Option<Tenant>, sqlx::Error> {
    let row = select_tenant!(
        "join control.slugs s on s.tenant_id = t.id where s.slug = $1 and s.claimable_at is null",
        slug as _
    );
    Ok(row.fetch_optional(tx.conn()).await?.map(Tenant::from))
}

pub(super) async fn insert(tx: &mut ControlTx, tenant: &Tenant) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into control.tenants
             (id, name, slug, status, plan, billing_cycle, isolation_strategy, region, feature_overrides,
              limit_overrides, settings, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        tenant.id as _,
        &tenant.name as _,
        &tenant.slug as _,
        tenant.status as _,
        tenant.plan as _,
        tenant.billing_cycle as _,
        tenant.isolation_strategy as _,
        tenant.region.as_ref() as _,
        Json(&tenant.feature_overrides) as _,
        Json(&tenant.limit_overrides) as _,
        Json(&tenant.settings) as _,
        tenant.version,
        tenant.created_at as _,
        tenant.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Everything that can change.
pub(super) async fn save(tx: &mut ControlTx, tenant: &Tenant) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.tenants set
             name = $2, slug = $3, status = $4, plan = $5, billing_cycle = $6, custom_domain = $7, region = $8,
             feature_overrides = $9, limit_overrides = $10, settings = $11, version = $12, updated_at = $13,
             trial_ends_at = $14, suspended_at = $15, suspension_reason = $16, canceled_at = $17,
             subscription_ends_at = $18, deletion_requested_at = $19, purge_at = $20, deleted_at = $21,
             resume_status = $22
         where id = $1",
        tenant.id as _,
        &tenant.name as _,
        &tenant.slug as _,
        tenant.status as _,
        tenant.plan as _,
        tenant.billing_cycle as _,
        tenant.custom_domain,
        tenant.region.as_ref() as _,
        Json(&tenant.feature_overrides) as _,
        Json(&tenant.limit_overrides) as _,
        Json(&tenant.settings) as _,
        tenant.version,
        tenant.updated_at as _,
        tenant.trial_ends_at as _,
        tenant.suspended_at as _,
        tenant.suspension_reason.as_ref() as _,
        tenant.canceled_at as _,
        tenant.subscription_ends_at as _,
        tenant.deletion_requested_at as _,
        tenant.purge_at as _,
        tenant.deleted_at as _,
        tenant.resume_status as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a tenant may change about itself: its role has no grant on anything else.
/// Opens so much to the tenant, whose row is locked; answers what was open before, if that was something else.
pub(super) async fn set_access(
    tx: &mut ControlTx,
    id: TenantId,
    access: Access,
) -> Result<Option<Access>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"update control.tenants t set access = $2 from (select access from control.tenants where id = $1) before
           where t.id = $1 and t.access <> $2 returning before.access as "access: Access""#,
        id as _,
        access as Access as _
    )
    .fetch_optional(tx.conn())
    .await
}

pub(super) async fn save_own(tx: &mut ControlTx, tenant: &Tenant) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.tenants set name = $2, settings = $3, version = $4, updated_at = $5 where id = $1",
        tenant.id as _,
        &tenant.name as _,
        Json(&tenant.settings) as _,
        tenant.version,
        tenant.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Trials that were over before that time, for this transaction alone; others are passed over.
pub(super) async fn expired_trials(
    tx: &mut ControlTx,
    before: Timestamp,
    most: i64,
) -> Result<Vec<Tenant>, sqlx::Error> {
    let rows = select_tenant!(
        "where t.status = 'trial' and t.trial_ends_at <= $1 order by t.trial_ends_at, t.id limit $2
         for no key update skip locked",
        before as _,
        most
    );
    Ok(rows
        .fetch_all(tx.conn())
        .await?
        .into_iter()
        .map(Tenant::from)
        .collect())
}

/// Tenants whose grace time is over and whose removal has not begun, for this transaction alone.
pub(super) async fn purgeable(tx: &mut ControlTx, most: i64) -> Result<Vec<Tenant>, sqlx::Error> {
    let now = tx.now();
    let rows = select_tenant!(
        "where t.status = 'deleting' and t.purge_at <= $1 and t.resume_status is not null
         order by t.purge_at limit $2 for no key update skip locked",
        now as _,
        most
    );
    Ok(rows
        .fetch_all(tx.conn())
        .await?
        .into_iter()
        .map(Tenant::from)
        .collect())
}
