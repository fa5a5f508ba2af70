//! Looking at deliveries, replaying them, and trying an endpoint out.

use audit::{Event as AuditEvent, EventType as AuditEventType};
use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use serde_json::json;

use super::model::{Delivery, DeliveryFilter, DeliveryId};
use super::sql;
use crate::endpoints::{self, Endpoint, EndpointId, Status};
use crate::event::{self, Event, EventType};

/// Something could not be done with deliveries.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The owner has no such endpoint, or that no such delivery.
    #[error("no such delivery")]
    NotFound,
    /// Nothing is delivered to the endpoint.
    #[error("the endpoint is disabled")]
    Disabled,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// An endpoint's deliveries, newest first, at most `limit` of them after the named one.
pub async fn list(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    endpoint: EndpointId,
    filter: DeliveryFilter,
    after: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Delivery>, DeliveryError> {
    existing(tx, owner, endpoint).await?;
    Ok(sql::page(tx, endpoint, filter, after, limit).await?)
}

/// One delivery.
pub async fn get(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    endpoint: EndpointId,
    id: DeliveryId,
) -> Result<Delivery, DeliveryError> {
    existing(tx, owner, endpoint).await?;
    sql::get(tx, endpoint, id).await?.ok_or(DeliveryError::NotFound)
}

/// Sends it again from now on, whatever became of it.
pub async fn replay(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    endpoint: EndpointId,
    id: DeliveryId,
) -> Result<Delivery, DeliveryError> {
    let known = active(tx, owner, endpoint).await?;
    if sql::replay(tx, endpoint, Some(id), None).await? == 0 {
        return Err(DeliveryError::NotFound);
    }
    audit::record(tx, about(&known).meta("deliveryId", id.to_string())).await?;
    sql::get(tx, endpoint, id).await?.ok_or(DeliveryError::NotFound)
}

/// Sends everything again that was made since then and failed; answers how many that are.
pub async fn replay_failed(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    endpoint: EndpointId,
    since: Timestamp,
) -> Result<u64, DeliveryError> {
    let known = active(tx, owner, endpoint).await?;
    let replayed = sql::replay(tx, endpoint, None, Some(since)).await?;
    let event = about(&known).meta("since", since).meta("count", replayed);
    audit::record(tx, event).await?;
    Ok(replayed)
}

/// Sends an event of its own to this endpoint only, whatever types it hears of.
pub async fn test(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    endpoint: EndpointId,
) -> Result<Delivery, DeliveryError> {
    active(tx, owner, endpoint).await?;
    let event = Event {
        kind: EventType::Test,
        tenant: owner,
        data: json!({"webhookId": endpoint}),
    };
    let (event, id) = (event::insert(tx, &event, owner, true).await?, tx.new_id());
    sql::insert(tx, id, owner, endpoint, event).await?;
    sql::get(tx, endpoint, id).await?.ok_or(DeliveryError::NotFound)
}

async fn existing(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    endpoint: EndpointId,
) -> Result<Endpoint, DeliveryError> {
    endpoints::get(tx, owner, endpoint)
        .await
        .map_err(|error| match error {
            endpoints::EndpointError::Database(error) => DeliveryError::Database(error),
            _ => DeliveryError::NotFound,
        })
}

/// The endpoint, which stays active in this transaction's time.
async fn active(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    endpoint: EndpointId,
) -> Result<Endpoint, DeliveryError> {
    let known = endpoints::lock(tx, owner, endpoint)
        .await?
        .ok_or(DeliveryError::NotFound)?;
    match known.status {
        Status::Active => Ok(known),
        Status::Disabled => Err(DeliveryError::Disabled),
    }
}

fn about(endpoint: &Endpoint) -> AuditEvent {
    let event = AuditEvent::new(AuditEventType::WebhookReplayed).resource(endpoint.id, None);
    match endpoint.tenant_id {
        Some(tenant) => event.of_tenant(tenant),
        None => event,
    }
}
