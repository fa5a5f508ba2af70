//! What is kept no longer.

use std::time::Duration;

use isolation::{ControlTx, PlatformCtx, Tx};
use jobs::JobError;
use jobs::schedule::Schedule;
use kernel::{TenantId, Timestamp};

/// How long events and deliveries are kept.
const KEPT_DAYS: i64 = 30;
/// Rows that one transaction removes.
const BATCH: i64 = 5000;

/// Has old events and deliveries removed every hour.
#[must_use]
pub fn scheduled(schedule: Schedule) -> Schedule {
    schedule.every("webhooks.expiry", Duration::from_hours(1), remove_expired)
}

pub(crate) async fn remove_expired(ctx: PlatformCtx) -> Result<(), JobError> {
    let before = ctx.seams().now().plus_days(-KEPT_DAYS);
    while remove_some(&ctx, before).await? == BATCH.unsigned_abs() {}
    Ok(())
}

/// Deliveries that are done go with their event; an event goes once none of its deliveries is left to be made.
async fn remove_some(ctx: &PlatformCtx, before: Timestamp) -> Result<u64, sqlx::Error> {
    let mut tx = ctx.control().await?;
    let old: Vec<uuid::Uuid> = sqlx::query_scalar!(
        "select id from control.webhook_events v where created_at < $1 and spread
           and not exists (select from control.webhook_deliveries d
                           where d.event_id = v.id and (d.status = 'pending' or d.updated_at >= $1))
         order by created_at limit $2",
        before as _,
        BATCH
    )
    .fetch_all(tx.conn())
    .await?;
    // By statements of their own: one statement would not see in its second part what its first part removed.
    sqlx::query!(
        "delete from control.webhook_deliveries where event_id = any ($1)",
        &old
    )
    .execute(tx.conn())
    .await?;
    let removed = sqlx::query!("delete from control.webhook_events where id = any ($1)", &old)
        .execute(tx.conn())
        .await?;
    tx.commit().await?;
    Ok(removed.rows_affected())
}

/// Removes a tenant's endpoints, its events, and what was said about it to the platform's endpoints.
pub async fn remove_all(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from control.webhook_deliveries d using control.webhook_events v
         where v.tenant_id = $1 and d.event_id = v.id",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from control.webhook_endpoints where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from control.webhook_events where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
