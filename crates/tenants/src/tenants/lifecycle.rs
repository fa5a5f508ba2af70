//! Moving tenants through their life. What is legal when is the model's; here it is stored, recorded and announced.
//!
//! The ends of provisioning and removal are repeated after a crash, so doing them again changes nothing.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};

use super::model::{GraceDays, Tenant};
use super::ops::{ChangeTenantError, event, lock, save};
use super::status::{InvalidTransition, Status};
use super::text::SuspensionReason;
use super::{slugs, sql};

/// Tenants that one transaction of a schedule takes on.
const BATCH: i64 = 100;

/// Provisioning is complete: the tenant is on trial, or active where its plan has none.
pub async fn activate(tx: &mut ControlTx, id: TenantId) -> Result<Tenant, ChangeTenantError> {
    let tenant = lock(tx, id, None).await?;
    if tenant.status.is_open() {
        return Ok(tenant);
    }
    apply(tx, tenant, EventType::TenantProvisioned, Tenant::activate).await
}

/// Provisioning failed and was undone: the slug is free for the next attempt.
pub async fn fail(tx: &mut ControlTx, id: TenantId, cause: &str) -> Result<Tenant, ChangeTenantError> {
    let before = lock(tx, id, None).await?;
    if before.status == Status::Failed {
        return Ok(before);
    }
    let after = before.clone().fail()?;
    slugs::free_all(tx, id).await?;
    let event = moved(EventType::TenantProvisioningFailed, &before, &after).meta("cause", cause);
    let now = tx.now();
    Ok(save(tx, after, now, event).await?)
}

/// A trial became a subscription.
pub async fn convert(tx: &mut ControlTx, id: TenantId) -> Result<Tenant, ChangeTenantError> {
    let tenant = lock(tx, id, None).await?;
    apply(tx, tenant, EventType::TenantUpdated, |tenant, _| tenant.convert()).await
}

/// Closes the tenant for its people.
pub async fn suspend(
    tx: &mut ControlTx,
    id: TenantId,
    expected: Option<i64>,
    reason: SuspensionReason,
) -> Result<Tenant, ChangeTenantError> {
    let tenant = lock(tx, id, expected).await?;
    let suspend = |tenant: Tenant, now| tenant.suspend(reason, now);
    apply(tx, tenant, EventType::TenantSuspended, suspend).await
}

/// Opens a suspended tenant again.
pub async fn reactivate(
    tx: &mut ControlTx,
    id: TenantId,
    expected: Option<i64>,
) -> Result<Tenant, ChangeTenantError> {
    let tenant = lock(tx, id, expected).await?;
    apply(tx, tenant, EventType::TenantReactivated, Tenant::reactivate).await
}

/// The owner gives the tenant up, from now on.
pub async fn cancel(
    tx: &mut ControlTx,
    id: TenantId,
    expected: Option<i64>,
) -> Result<Tenant, ChangeTenantError> {
    let tenant = lock(tx, id, expected).await?;
    apply(tx, tenant, EventType::TenantCanceled, Tenant::cancel).await
}

/// Undoes a cancellation or a deletion.
pub async fn restore(
    tx: &mut ControlTx,
    id: TenantId,
    expected: Option<i64>,
) -> Result<Tenant, ChangeTenantError> {
    let tenant = lock(tx, id, expected).await?;
    apply(tx, tenant, EventType::TenantRestored, Tenant::restore).await
}

/// Has the tenant removed when the grace time is over.
pub async fn request_deletion(
    tx: &mut ControlTx,
    id: TenantId,
    expected: Option<i64>,
    grace: GraceDays,
) -> Result<Tenant, ChangeTenantError> {
    let tenant = lock(tx, id, expected).await?;
    let request = |tenant: Tenant, now| tenant.request_deletion(grace, now);
    apply(tx, tenant, EventType::TenantDeletionRequested, request).await
}

/// Takes on tenants whose grace time is over. From here on they cannot be restored, so the caller must write down
/// their removal in the same transaction. Each tenant is handed out once.
pub async fn begin_removals(tx: &mut ControlTx) -> Result<Vec<Tenant>, sqlx::Error> {
    let mut taken = sql::purgeable(tx, BATCH).await?;
    for tenant in &mut taken {
        tenant.resume_status = None;
        sql::save(tx, tenant).await?;
    }
    Ok(taken)
}

/// The tenant's removal is complete: only its tombstone stays, and nobody gets its slugs for a while.
pub async fn mark_deleted(tx: &mut ControlTx, id: TenantId) -> Result<Tenant, ChangeTenantError> {
    let tenant = lock(tx, id, None).await?;
    if tenant.status == Status::Deleted {
        return Ok(tenant);
    }
    slugs::quarantine_all(tx, id).await?;
    apply(tx, tenant, EventType::TenantDeleted, Tenant::delete).await
}

/// What follows a trial is the subscription's affair, within seconds of its end. A tenant that is still on trial so long
/// after has no subscription that speaks for it: it was restored after its end.
const FORGOTTEN_AFTER_DAYS: i64 = 1;

/// Suspends tenants whose trial is over and forgotten; answers how many. None means that none is left.
pub async fn expire_trials(tx: &mut ControlTx) -> Result<usize, ChangeTenantError> {
    let before = tx.now().plus_days(-FORGOTTEN_AFTER_DAYS);
    let expired = sql::expired_trials(tx, before, BATCH).await?;
    let count = expired.len();
    for tenant in expired {
        let suspend = |tenant: Tenant, now| tenant.suspend(SuspensionReason::trial_expired(), now);
        apply(tx, tenant, EventType::TrialExpired, suspend).await?;
    }
    Ok(count)
}

/// Moves a locked tenant.
async fn apply(
    tx: &mut ControlTx,
    before: Tenant,
    kind: EventType,
    action: impl FnOnce(Tenant, Timestamp) -> Result<Tenant, InvalidTransition>,
) -> Result<Tenant, ChangeTenantError> {
    let now = tx.now();
    let after = action(before.clone(), now)?;
    let event = moved(kind, &before, &after);
    Ok(save(tx, after, now, event).await?)
}

fn moved(kind: EventType, before: &Tenant, after: &Tenant) -> Event {
    let reason = |tenant: &Tenant| tenant.suspension_reason.clone().map(String::from);
    event(kind, after)
        .change("status", before.status.name(), after.status.name())
        .change("suspensionReason", reason(before), reason(after))
        .change("purgeAt", before.purge_at, after.purge_at)
}
