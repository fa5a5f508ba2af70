//! A caller inside a tenant.

use std::sync::Arc;

use access::{AuthError, Credential};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use edge::ProblemResponse;
use identity::users::{UserError, UserStatus};
use isolation::{Caller, TenantCtx};
use kernel::{Actor, ActorKind, Code, Grants, Permission, Problem, TenantId, UserId};
use tenants::Status;
use tenants::directory::TenantSnapshot;

use crate::failure::{forbidden, unexpected};
use crate::origin::{peer, request_info};
use crate::permission::required;
use crate::refusal;
use crate::selection::{Selected, X_TENANT_ID, X_USER_ID, named, selected};
use crate::state::AppState;

/// A caller inside a tenant who may do what the route needs.
#[derive(Debug, Clone)]
pub struct TenantCaller {
    /// What a transaction opens from.
    pub ctx: TenantCtx,
    /// The tenant, from memory.
    pub tenant: Arc<TenantSnapshot>,
    /// The person behind it, where there is one.
    pub user: Option<UserId>,
}

/// A caller before his permission is checked.
struct Known {
    tenant: TenantId,
    user: Option<UserId>,
    actor: Actor,
    grants: Grants<Permission>,
}

impl FromRequestParts<AppState> for TenantCaller {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ProblemResponse> {
        let caller = identify(parts, state).await?;
        let request = request_info(parts, &state.settings);
        if let Err(refused) = refusal::allows(caller.grants, required(parts)) {
            let (tenant, actor) = (Some(caller.tenant), &caller.actor);
            refusal::record(
                &state.databases,
                tenant,
                actor,
                &request,
                parts,
                refused.permission,
            )
            .await;
            return Err(forbidden(&refused));
        }
        let tenant = state.directory.by_id(caller.tenant).await.map_err(unexpected)?;
        let tenant = tenant.ok_or(Code::Unauthenticated)?;
        require_active(tenant.status)?;
        let allowed = Caller {
            actor: caller.actor,
            grants: caller.grants,
            request,
        };
        let ctx = state.databases.tenant(Arc::clone(&tenant.store), allowed);
        Ok(Self {
            ctx,
            tenant,
            user: caller.user,
        })
    }
}

/// Nobody, where the request names neither a credential nor a tenant.
impl OptionalFromRequestParts<AppState> for TenantCaller {
    type Rejection = ProblemResponse;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Option<Self>, ProblemResponse> {
        if parts.headers.contains_key(AUTHORIZATION) || parts.headers.contains_key(X_TENANT_ID) {
            return <Self as FromRequestParts<AppState>>::from_request_parts(parts, state)
                .await
                .map(Some);
        }
        Ok(None)
    }
}

/// What a tenant's status means for its callers.
pub fn require_active(status: Status) -> Result<(), Problem> {
    match status {
        Status::Trial | Status::Active => Ok(()),
        Status::Suspended => Err(Code::TenantSuspended.into()),
        other => Err(Problem::new(
            Code::TenantInactive,
            format!("The tenant is {}.", other.name()),
        )),
    }
}

async fn identify(parts: &Parts, state: &AppState) -> Result<Known, ProblemResponse> {
    if let Some(key) = bearer(parts)? {
        return by_key(parts, state, key).await;
    }
    if peer(parts, &state.settings).may_name_caller(&state.settings) {
        return by_trusted_headers(parts, state).await;
    }
    Err(Code::Unauthenticated.into())
}

/// The key in `Authorization: Bearer`, if the header is there at all.
pub(crate) fn bearer(parts: &Parts) -> Result<Option<&str>, ProblemResponse> {
    let mut given = parts.headers.get_all(AUTHORIZATION).iter();
    let (value, more) = (given.next(), given.next());
    let Some(value) = value else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| more.is_none());
    let key = text.and_then(|text| {
        let (scheme, key) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
    });
    key.map(Some).ok_or_else(|| Code::Unauthenticated.into())
}

async fn by_key(parts: &Parts, state: &AppState, key: &str) -> Result<Known, ProblemResponse> {
    let credential = match state.authenticator.authenticate(key).await.map_err(refused)? {
        Credential::Tenant(credential) => credential,
        Credential::Admin(_) => return Err(Code::Unauthenticated.into()),
    };
    match selected(parts, state).await? {
        Selected::Tenant(tenant) if tenant != credential.tenant => Err(Code::NotFound.into()),
        _ => Ok(Known {
            tenant: credential.tenant,
            user: credential.user_id,
            actor: credential.actor.clone(),
            grants: credential.grants,
        }),
    }
}

/// What a presented key that does not open is answered.
pub(crate) fn refused(error: AuthError) -> ProblemResponse {
    match error {
        AuthError::Refused => Code::Unauthenticated.into(),
        AuthError::Database(error) => unexpected(error),
    }
}

fn unknown_person(error: UserError) -> ProblemResponse {
    match error {
        UserError::Database(error) => unexpected(error),
        UserError::NotFound | UserError::EmailTaken => Code::NotFound.into(),
    }
}

/// A gateway that we trust has authenticated the caller and names him.
async fn by_trusted_headers(parts: &Parts, state: &AppState) -> Result<Known, ProblemResponse> {
    let Selected::Tenant(tenant) = selected(parts, state).await? else {
        return Err(Code::Unauthenticated.into());
    };
    if state.directory.by_id(tenant).await.map_err(unexpected)?.is_none() {
        return Err(Code::NotFound.into());
    }
    let Some(user) = named(&parts.headers, &X_USER_ID)? else {
        let actor = Actor::system("gateway");
        return Ok(Known {
            tenant,
            user: None,
            actor,
            grants: Grants::all(),
        });
    };
    let mut tx = state
        .databases
        .system("gateway")
        .control()
        .await
        .map_err(unexpected)?;
    let person = identity::users::get(&mut tx, tenant, user)
        .await
        .map_err(unknown_person)?;
    let grants = if person.status == UserStatus::Active {
        person.role.grants()
    } else {
        Grants::none()
    };
    Ok(Known {
        tenant,
        user: Some(user),
        actor: Actor::new(ActorKind::User, user.to_string()),
        grants,
    })
}
