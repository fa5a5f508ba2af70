//! Moving tenants through their life. What is legal when is the model's; here it is stored, recorded and announced.
//!
//! The ends of provisioning and removal are repeated after a crash, so doing them again changes nothing.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::TenantId;

use super::model::{GraceDays, Tenant};
use super::ops::{ChangeTenantError, event, lock, save};
use super::status::Status;
use super::text::SuspensionReason;
use super::{slugs, sql};

/// Tenants that one transaction of a schedule takes on.
const BATCH: i64 = 100;

/// Provisioning is complete: the tenant is on trial, or active where its plan has none.
pub async fn activate(tx: &mut ControlTx, id: TenantId) -> Result<Tenant, ChangeTenantError> {
    let before = lock(tx, id, None).await?;
    if before.status.is_open() {
        return Ok(before);
    }
    let now = tx.now();
    let after = before.clone().activate(now)?;
    let event = moved(EventType::TenantProvisioned, &before, &after);
    Ok(save(tx, after, event).await?)
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
    Ok(save(tx, after, event).await?)
}

/// A trial became a subscription.
pub async fn convert(tx: &mut ControlTx, id: TenantId) -> Result<Tenant, ChangeTenantError> {
    let before = lock(tx, id, None).await?;
    let after = before.clone().convert()?;
    let event = moved(EventType::TenantUpdated, &before, &after);
    Ok(save(tx, after, event).await?)
}

/// Closes the tenant for its people.
pub async fn suspend(
    tx: &mut ControlTx,
    id: TenantId,
    expected: Option<i64>,
    reason: SuspensionReason,
) -> Result<Tenant, ChangeTenantError> {
    let before = lock(tx, id, expected).await?;
    let now = tx.now();
    let after = before.clone().suspend(reason.clone(), now)?;
    let event = moved(EventType::TenantSuspended, &before, &after).meta("reason", reason.as_str());
    Ok(save(tx, after, event).await?)
}

/// Opens a suspended tenant again.
pub async fn reactivate(
    tx: &mut ControlTx,
    id: TenantId,
    expected: Option<i64>,
) -> Result<Tenant, ChangeTenantError> {
    let before = lock(tx, id, expected).await?;
    let now = tx.now();
    let after = before.clone().reactivate(now)?;
    let event = moved(EventType::TenantReactivated, &before, &after);
    Ok(save(tx, after, event).await?)
}

/// The owner gives the tenant up, from now on.
pub async fn cancel(
    tx: &mut ControlTx,
    id: TenantId,
    expected: Option<i64>,
) -> Result<Tenant, ChangeTenantError> {
    let before = lock(tx, id, expected).await?;
    let now = tx.now();
    let after = before.clone().cancel(now)?;
    let event = moved(EventType::TenantCanceled, &before, &after);
    Ok(save(tx, after, event).await?)
}

/// Undoes a cancellation or a deletion.
pub async fn restore(
    tx: &mut ControlTx,
    id: TenantId,
    expected: Option<i64>,
) -> Result<Tenant, ChangeTenantError> {
    let before = lock(tx, id, expected).await?;
    let now = tx.now();
    let after = before.clone().restore(now)?;
    let event = moved(EventType::TenantRestored, &before, &after);
    Ok(save(tx, after, event).await?)
}

/// Has the tenant removed when the grace time is over.
pub async fn request_deletion(
    tx: &mut ControlTx,
    id: TenantId,
    expected: Option<i64>,
    grace: GraceDays,
) -> Result<Tenant, ChangeTenantError> {
    let before = lock(tx, id, expected).await?;
    let now = tx.now();
    let after = before.clone().request_deletion(grace, now)?;
    let event = moved(EventType::TenantDeletionRequested, &before, &after).meta("purgeAt", after.purge_at);
    Ok(save(tx, after, event).await?)
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
    let before = lock(tx, id, None).await?;
    if before.status == Status::Deleted {
        return Ok(before);
    }
    let now = tx.now();
    let after = before.clone().delete(now)?;
    slugs::quarantine_all(tx, id).await?;
    let event = moved(EventType::TenantDeleted, &before, &after);
    Ok(save(tx, after, event).await?)
}

/// Suspends tenants whose trial is over; answers how many. Fewer than a full batch means that none is left.
pub async fn expire_trials(tx: &mut ControlTx) -> Result<usize, ChangeTenantError> {
    let now = tx.now();
    let expired = sql::expired_trials(tx, BATCH).await?;
    let count = expired.len();
    for before in expired {
        let after = before.clone().suspend(SuspensionReason::trial_expired(), now)?;
        let event = moved(EventType::TrialExpired, &before, &after);
        save(tx, after, event).await?;
    }
    Ok(count)
}

fn moved(kind: EventType, before: &Tenant, after: &Tenant) -> Event {
    event(kind, after).change("status", before.status.name(), after.status.name())
}
