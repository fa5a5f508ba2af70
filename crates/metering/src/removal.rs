//! What is kept of a tenant's usage goes with the tenant.

use isolation::{ControlTx, Tx};
use kernel::TenantId;

/// Removes everything of the tenant's: what it declared, what holds for it, what it used.
pub async fn remove_all(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    crate::alerts::remove_all(tx, tenant).await?;
    remove_terms(tx, tenant).await?;
    remove_use(tx, tenant).await
}

async fn remove_terms(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from control.metrics where tenant_id = $1", tenant as _)
        .execute(tx.conn())
        .await?;
    sqlx::query!(
        "delete from control.usage_calendars where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("delete from control.quotas where tenant_id = $1", tenant as _)
        .execute(tx.conn())
        .await?;
    sqlx::query!(
        "delete from control.usage_histories where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from control.quota_leases where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn remove_use(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from control.usage_hours where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("delete from control.usage_days where tenant_id = $1", tenant as _)
        .execute(tx.conn())
        .await?;
    sqlx::query!(
        "delete from control.usage_months where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from control.usage_periods where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from control.usage_members where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from control.usage_series where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from control.usage_performance where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from control.usage_events where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
