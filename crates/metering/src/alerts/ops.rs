//! Looking at alerts and taking note of them.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::TenantId;

use super::model::{Alert, AlertFilter, AlertId};
use super::sql;

/// Something could not be done with an alert.
#[derive(Debug, thiserror::Error)]
pub enum AlertError {
    /// The tenant has no such alert.
    #[error("no such alert")]
    NotFound,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A tenant's alerts, newest first, at most `limit` of them after the named one.
pub async fn list(
    tx: &mut ControlTx,
    tenant: TenantId,
    filter: &AlertFilter,
    after: Option<AlertId>,
    limit: i64,
) -> Result<Vec<Alert>, sqlx::Error> {
    sql::page(tx, tenant, filter, after, limit).await
}

/// Somebody takes note of it. Who was first stays.
pub async fn acknowledge(tx: &mut ControlTx, tenant: TenantId, id: AlertId) -> Result<Alert, AlertError> {
    let mut alert = sql::lock(tx, tenant, id).await?.ok_or(AlertError::NotFound)?;
    if alert.acknowledged_at.is_some() {
        return Ok(alert);
    }
    alert.acknowledged_at = Some(tx.now());
    alert.acknowledged_by = Some(tx.actor().id.clone());
    sql::acknowledge(tx, &alert).await?;
    let name = format!("{} {} %", alert.metric, alert.percent);
    let event = Event::new(EventType::AlertAcknowledged)
        .of_tenant(tenant)
        .resource(id, Some(&name));
    audit::record(tx, event).await?;
    Ok(alert)
}

/// The alert, if nobody was told of it yet; from this transaction on somebody was.
pub async fn take_untold(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: AlertId,
) -> Result<Option<Alert>, sqlx::Error> {
    if !sql::mark_told(tx, tenant, id).await? {
        return Ok(None);
    }
    sql::lock(tx, tenant, id).await
}

/// Removes a tenant's alerts and thresholds.
pub async fn remove_all(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    sql::delete_all(tx, tenant).await
}
