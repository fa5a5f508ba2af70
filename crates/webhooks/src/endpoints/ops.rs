//! What can be done with endpoints. `owner` is a tenant, or none for the platform's own.

use audit::{Event, EventType, Value};
use isolation::{ControlTx, Tx};
use kernel::{FieldError, Secret, TenantId, Timestamp};
use url::Url;

use super::model::{Endpoint, EndpointId, NewEndpoint, Overlap, PatchEndpoint, Reason, Status};
use super::sql;
use crate::service::Webhooks;
use crate::signature::SigningSecret;

/// Endpoints that one owner may have.
pub const MOST: i64 = 20;

/// Something could not be done with an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The owner has no such endpoint.
    #[error("no such endpoint")]
    NotFound,
    /// It was changed in the meantime.
    #[error("the endpoint has another version")]
    VersionMismatch,
    /// Fields that are not valid.
    #[error("fields that are not valid")]
    Invalid(Vec<FieldError>),
    /// The owner has as many as he may.
    #[error("there are {MOST} endpoints already")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Makes an endpoint. The secret is answered this once.
pub async fn create(
    tx: &mut ControlTx,
    webhooks: &Webhooks,
    owner: Option<TenantId>,
    new: NewEndpoint,
) -> Result<(Endpoint, Secret<String>), EndpointError> {
    check_url(webhooks, &new.url)?;
    if sql::count(tx, owner).await? >= MOST {
        return Err(EndpointError::TooMany);
    }
    let now = tx.now();
    let endpoint = Endpoint {
        id: tx.new_id(),
        tenant_id: owner,
        url: new.url,
        description: new.description,
        event_types: new.event_types,
        status: Status::Active,
        disabled_reason: None,
        failing_since: None,
        former_secret_until: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let secret = SigningSecret::mint(tx.seams());
    let sealed = webhooks.seal(tx.seams(), endpoint.id, &secret);
    sql::insert(tx, &endpoint, &sealed).await?;
    let event = about(EventType::WebhookCreated, &endpoint).meta("eventTypes", types(&endpoint));
    audit::record(tx, event).await?;
    Ok((endpoint, secret.text()))
}

/// An owner's endpoints, newest first, at most `limit` of them after the named one.
pub async fn list(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    after: Option<EndpointId>,
    limit: i64,
) -> Result<Vec<Endpoint>, EndpointError> {
    Ok(sql::page(tx, owner, after, limit).await?)
}

/// One endpoint.
pub async fn get(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    id: EndpointId,
) -> Result<Endpoint, EndpointError> {
    sql::get(tx, owner, id).await?.ok_or(EndpointError::NotFound)
}

/// Changes an endpoint.
pub async fn update(
    tx: &mut ControlTx,
    webhooks: &Webhooks,
    owner: Option<TenantId>,
    id: EndpointId,
    expected: Option<i64>,
    patch: PatchEndpoint,
) -> Result<Endpoint, EndpointError> {
    let before = locked(tx, owner, id, expected).await?;
    if let Some(url) = &patch.url {
        check_url(webhooks, url)?;
    }
    let after = patched(&before, patch, tx.now());
    sql::save(tx, &after).await?;
    if before.status == Status::Active && after.status == Status::Disabled {
        sql::fail_pending(tx, id).await?;
    }
    let event = about(EventType::WebhookUpdated, &after)
        .change("host", host(&before.url), host(&after.url))
        .change("eventTypes", types(&before), types(&after))
        .change("status", Value::plain(before.status), Value::plain(after.status));
    audit::record(tx, event).await?;
    Ok(after)
}

fn patched(before: &Endpoint, patch: PatchEndpoint, now: Timestamp) -> Endpoint {
    let status = patch.status.unwrap_or(before.status);
    let (disabled_reason, failing_since) = match (before.status, status) {
        (_, Status::Active) if before.status == Status::Active => (None, before.failing_since),
        (_, Status::Active) => (None, None),
        (Status::Active, Status::Disabled) => (Some(Reason::Owner), before.failing_since),
        (Status::Disabled, Status::Disabled) => (before.disabled_reason, before.failing_since),
    };
    Endpoint {
        url: patch.url.unwrap_or_else(|| before.url.clone()),
        description: patch.description.unwrap_or_else(|| before.description.clone()),
        event_types: patch.event_types.unwrap_or_else(|| before.event_types.clone()),
        status,
        disabled_reason,
        failing_since,
        version: before.version + 1,
        updated_at: now,
        ..before.clone()
    }
}

/// Removes an endpoint with everything that was delivered to it.
pub async fn delete(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    id: EndpointId,
    expected: Option<i64>,
) -> Result<(), EndpointError> {
    let endpoint = locked(tx, owner, id, expected).await?;
    sql::delete(tx, id).await?;
    Ok(audit::record(tx, about(EventType::WebhookDeleted, &endpoint)).await?)
}

/// Gives the endpoint a new secret, which is answered this once; the present one signs too for the overlap.
pub async fn rotate_secret(
    tx: &mut ControlTx,
    webhooks: &Webhooks,
    owner: Option<TenantId>,
    id: EndpointId,
    overlap: Overlap,
) -> Result<(Endpoint, Secret<String>), EndpointError> {
    let endpoint = locked(tx, owner, id, None).await?;
    let secret = SigningSecret::mint(tx.seams());
    let (sealed, end) = (
        webhooks.seal(tx.seams(), endpoint.id, &secret),
        overlap.end(tx.now()),
    );
    sql::replace_secret(tx, id, &sealed, end).await?;
    let event = about(EventType::WebhookSecretRotated, &endpoint).meta("formerUntil", end);
    audit::record(tx, event).await?;
    Ok((get(tx, owner, id).await?, secret.text()))
}

async fn locked(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    id: EndpointId,
    expected: Option<i64>,
) -> Result<Endpoint, EndpointError> {
    let endpoint = sql::lock(tx, owner, id).await?.ok_or(EndpointError::NotFound)?;
    if expected.is_some_and(|version| version != endpoint.version) {
        return Err(EndpointError::VersionMismatch);
    }
    Ok(endpoint)
}

fn check_url(webhooks: &Webhooks, url: &str) -> Result<(), EndpointError> {
    let checked = webhooks.client().check(url);
    checked.map(drop).map_err(|refused| {
        let error = FieldError::new("/url", refused.to_string());
        EndpointError::Invalid(vec![error])
    })
}

/// Of a URL the trail has the host only: what stands behind it may be a secret.
pub(super) fn host(url: &str) -> Option<String> {
    url.parse::<Url>().ok()?.host_str().map(str::to_owned)
}

fn types(endpoint: &Endpoint) -> Value {
    Value::plain(&endpoint.event_types)
}

pub(super) fn about(kind: EventType, endpoint: &Endpoint) -> Event {
    let event = Event::new(kind).resource(endpoint.id, host(&endpoint.url).as_deref());
    match endpoint.tenant_id {
        Some(tenant) => event.of_tenant(tenant),
        None => event,
    }
}
