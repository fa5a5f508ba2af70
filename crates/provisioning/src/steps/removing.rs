//! Removing a tenant, or what is left of one that could not be made. Each step may be repeated, and finds nothing
//! to do where there is nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use isolation::{ControlTx, Tx};
use tenants::deletion_records::{self, DeletionRecord};
use tokio::time::Instant;
use white_label::custom_domains;

use crate::run::Outcome;
use crate::steps::{Step, StepError, StepResult, Work};

/// The steps that work outside the control plane.
pub(crate) async fn outside_step(step: Step, work: &Work<'_>) -> StepResult {
    match step {
        Step::RelayNews => relay_news(work).await,
        Step::RemoveDatabase => {
            work.services.databases.drop_store(&work.store).await?;
            Ok(work
                .store
                .own_database()
                .or_else(|| work.store.own_schema())
                .map_or(Outcome::DONE, Outcome::made))
        }
        Step::RemoveStorage => {
            work.services.storage.tenant(work.tenant.id).remove().await?;
            Ok(Outcome::DONE)
        }
        other => Err(StepError::Failed(format!("{} is no step outside", other.name()))),
    }
}

/// The steps that only change the control plane.
pub(crate) async fn control_step(step: Step, work: &Work<'_>, tx: &mut ControlTx) -> StepResult {
    match step {
        Step::RevokeCredentials => identity::users::remove_all(tx, work.tenant.id).await?,
        Step::ReleaseDomains => {
            custom_domains::release_all(tx, work.tenant.id).await?;
        }
        Step::RemoveRecords => remove_records(work, tx).await?,
        Step::RecordDeletion => record_deletion(work, tx).await?,
        other => {
            return Err(StepError::Failed(format!(
                "{} is no step of the control plane",
                other.name()
            )));
        }
    }
    Ok(Outcome::DONE)
}

/// The tenant's last events and jobs reach the control plane before their store goes.
async fn relay_news(work: &Work<'_>) -> StepResult {
    const PATIENCE: Duration = Duration::from_secs(5);
    const LOOK_EVERY: Duration = Duration::from_millis(100);
    let ctx = work
        .services
        .databases
        .system_inside("removal", work.store.clone());
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut tx = match ctx.read().await {
            Ok(tx) => tx,
            Err(error) if isolation::is_gone(&error) => return Ok(Outcome::Skipped),
            Err(error) => return Err(error.into()),
        };
        let tenant = tx.tenant_id();
        let left = sqlx::query_scalar!(
            r#"select count(*) as "left!" from outbox where tenant_id = $1"#,
            tenant as _
        )
        .fetch_one(tx.conn())
        .await;
        drop(tx);
        match left {
            Ok(0) => return Ok(Outcome::DONE),
            Ok(_) if Instant::now() < deadline => tokio::time::sleep(LOOK_EVERY).await,
            Ok(left) => {
                return Err(StepError::Failed(format!(
                    "{left} entries are still in the outbox"
                )));
            }
            Err(error) if isolation::is_gone(&error) => return Ok(Outcome::Skipped),
            Err(error) => return Err(error.into()),
        }
    }
}

/// What the control plane kept for the tenant's operation. The trail stays for as long as its retention says.
async fn remove_records(work: &Work<'_>, tx: &mut ControlTx) -> Result<(), StepError> {
    let tenant = work.tenant.id;
    Box::pin(billing::subscriptions::withdraw(tx, tenant)).await?;
    mail::delivery::remove_all(tx, tenant).await?;
    webhooks::remove_all(tx, tenant).await?;
    metering::remove_all(tx, tenant).await?;
    sqlx::query!("delete from control.jobs where tenant_id = $1", tenant as _)
        .execute(tx.conn())
        .await?;
    sqlx::query!(
        "delete from control.idempotency_keys where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from control.active_stores where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from control.security_policies where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("delete from control.stores where tenant_id = $1", tenant as _)
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn record_deletion(work: &Work<'_>, tx: &mut ControlTx) -> Result<(), StepError> {
    let (tenant, now) = (&work.tenant, tx.now());
    tenants::mark_deleted(tx, tenant.id).await?;
    let removed = BTreeMap::from([
        (
            "databases".to_owned(),
            u64::from(work.store.own_database().is_some()),
        ),
        ("schemas".to_owned(), u64::from(work.store.own_schema().is_some())),
        ("storageSpaces".to_owned(), 1),
    ]);
    let requested_at = tenant.deletion_requested_at.unwrap_or(now);
    let record = DeletionRecord::new(
        tenant.id,
        &tenant.slug,
        requested_at,
        now,
        tx.actor().clone(),
        removed,
    );
    let key = deletion_records::signing_key(work.services.databases.master());
    deletion_records::insert(tx, tenant.id, &record.sign(&key)).await?;
    Ok(())
}

/// What the steps of a provisioning may have made outside the control plane.
pub(crate) async fn undo_outside(work: &Work<'_>) -> Result<(), StepError> {
    work.services.storage.tenant(work.tenant.id).remove().await?;
    Ok(work.services.databases.drop_store(&work.store).await?)
}

/// What they may have made in it; the slug is free again.
pub(crate) async fn undo_control(work: &Work<'_>, tx: &mut ControlTx, cause: &str) -> Result<(), StepError> {
    identity::users::remove_all(tx, work.tenant.id).await?;
    custom_domains::withdraw_all(tx, work.tenant.id).await?;
    remove_records(work, tx).await?;
    tenants::fail(tx, work.tenant.id, cause).await?;
    Ok(())
}
