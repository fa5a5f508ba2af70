//! Refused callers are recorded: denied access is part of the trail.

use audit::{Event, EventType};
use axum::http::request::Parts;
use edge::ProblemResponse;
use isolation::{Databases, Forbidden, RequestInfo};
use kernel::permission::Registry;
use kernel::{Actor, Code, Grants, TenantId};

use crate::failure::forbidden;
use crate::permission::Required;
use crate::state::AppState;

/// Why a caller who is known may not do what he asks.
#[derive(Debug)]
pub(crate) enum Refused {
    /// His session is not open.
    NotOpen(Code),
    /// He lacks a permission.
    Lacks(Forbidden),
}

impl Refused {
    /// As the trail names it.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::NotOpen(code) => code.name(),
            Self::Lacks(refused) => refused.permission,
        }
    }
}

impl From<Refused> for ProblemResponse {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotOpen(code) => code.into(),
            Refused::Lacks(refused) => forbidden(&refused),
        }
    }
}

/// Of a longer path the trail keeps the beginning.
const PATH_CHARACTERS: usize = 200;

/// Records that `actor` was refused: of what one actor is refused in a minute, so much that it shows. The refusal
/// stands whether or not it can be written down.
pub(crate) async fn record(
    state: &AppState,
    tenant: Option<TenantId>,
    actor: &Actor,
    request: &RequestInfo,
    parts: &Parts,
    reason: &str,
) {
    if !state.recorded_refusals.admit_actor(tenant, actor) {
        return;
    }
    let path: String = parts.uri.path().chars().take(PATH_CHARACTERS).collect();
    let event = Event::new(EventType::AccessDenied)
        .meta("reason", reason)
        .meta("method", parts.method.as_str())
        .meta("path", path);
    write_down(&state.databases, tenant, actor, request, event).await;
}

/// Records a refusal of its own kind. It stands whether or not it can be written down.
pub(crate) async fn write_down(
    databases: &Databases,
    tenant: Option<TenantId>,
    actor: &Actor,
    request: &RequestInfo,
    event: Event,
) {
    let event = match tenant {
        Some(tenant) => event.of_tenant(tenant),
        None => event,
    };
    if let Err(error) = Box::pin(write(databases, actor, request, event)).await {
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
        limit: None,
    };
    let mut tx = databases.platform(caller).control().await?;
    audit::record(&mut tx, event).await?;
    tx.commit().await
}

/// Whether the caller may: his session is open, where he came in by one, and he is granted what the route was
/// registered with. A route that forgot to say is for nobody.
pub(crate) fn decide<P: Registry>(
    entered: Result<(), Code>,
    grants: Grants<P>,
    required: Option<Required<P>>,
) -> Result<(), Refused> {
    entered.map_err(Refused::NotOpen)?;
    allows(grants, required).map_err(Refused::Lacks)
}

fn allows<P: Registry>(grants: Grants<P>, required: Option<Required<P>>) -> Result<(), Forbidden> {
    match required {
        Some(Required::Nothing) => Ok(()),
        Some(Required::Permission(permission)) if grants.contains(permission) => Ok(()),
        Some(Required::Permission(permission)) => Err(Forbidden {
            permission: permission.name(),
        }),
        None => Err(Forbidden { permission: "none" }),
    }
}
