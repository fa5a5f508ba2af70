//! Refused callers are recorded: denied access is part of the trail.

use audit::{Event, EventType};
use axum::http::request::Parts;
use isolation::{Databases, RequestInfo};
use kernel::permission::Registry;
use kernel::{Actor, Grants, TenantId};

use crate::permission::Required;

/// Records that `actor` was refused. The refusal stands whether or not it can be written down.
pub(crate) async fn record(
    databases: &Databases,
    tenant: Option<TenantId>,
    actor: &Actor,
    request: &RequestInfo,
    parts: &Parts,
    reason: &str,
) {
    let event = Event::new(EventType::AccessDenied)
        .meta("reason", reason)
        .meta("method", parts.method.as_str())
        .meta("path", parts.uri.path());
    let event = match tenant {
        Some(tenant) => event.of_tenant(tenant),
        None => event,
    };
    if let Err(error) = write(databases, actor, request, event).await {
        tracing::error!(%error, "a refused access could not be recorded");
    }
}

async fn write(
    databases: &Databases,
    actor: &Actor,
    request: &RequestInfo,
    event: Event,
) -> Result<(), sqlx::Error> {
    let caller = isolation::Caller {
        actor: actor.clone(),
        grants: Grants::none(),
        request: request.clone(),
    };
    let mut tx = databases.platform(caller).control().await?;
    audit::record(&mut tx, event).await?;
    tx.commit().await
}

/// Whether the caller may, by what the route was registered with; a route that forgot to say is for nobody.
pub(crate) fn allows<P: Registry>(
    grants: Grants<P>,
    required: Option<Required<P>>,
) -> Result<(), isolation::Forbidden> {
    match required {
        Some(Required::Nothing) => Ok(()),
        Some(Required::Permission(permission)) if grants.contains(permission) => Ok(()),
        Some(Required::Permission(permission)) => Err(isolation::Forbidden {
            permission: permission.name(),
        }),
        None => Err(isolation::Forbidden { permission: "none" }),
    }
}
