//! A caller inside a tenant.

use std::sync::Arc;

use access::{Credential, Means, TenantCredential};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use edge::ProblemResponse;
use isolation::{Caller, TenantCtx};
use kernel::{Actor, Code, Grants, Permission, Problem, TenantId, UserId};
use tenants::Status;
use tenants::directory::TenantSnapshot;
use uuid::Uuid;

use crate::admission::{Recognised, admit};
use crate::allow_list;
use crate::cookies::Plane;
use crate::failure::unexpected;
use crate::features;
use crate::origin::{AskedAbout, peer, request_info};
use crate::permission::required;
use crate::presented::{CallerSession, presents, recognised};
use crate::refusal;
use crate::selection::{Selected, X_TENANT_ID, X_USER_ID, named, selected};
use crate::standing;
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
    /// The session he came in by, where he logged in.
    pub session: Option<CallerSession>,
}

/// A caller before his permission is checked.
struct Known {
    tenant: TenantId,
    user: Option<UserId>,
    actor: Actor,
    grants: Grants<Permission>,
    session: Option<CallerSession>,
    key: Option<Uuid>,
}

impl Known {
    fn recognised(&self, parts: &Parts) -> Recognised {
        Recognised {
            tenant: self.tenant,
            key: self.key,
            person: self.user,
            bytes: parts.extensions.get::<AskedAbout>().is_none(),
        }
    }
}

impl FromRequestParts<AppState> for TenantCaller {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ProblemResponse> {
        let caller = identify(parts, state).await?;
        let request = request_info(parts, &state.settings);
        allow_list::require(state, caller.tenant, &caller.actor, &request).await?;
        let tenant = state.directory.by_id(caller.tenant).await.map_err(unexpected)?;
        let tenant = tenant.ok_or(Code::Unauthenticated)?;
        let open = standing::require(parts, &tenant);
        if open.is_ok() {
            admit(parts, state, caller.recognised(parts)).await?;
        }
        let entered = caller.session.map_or(Ok(()), |session| session.may_enter(parts));
        if let Err(refused) = refusal::decide(entered, caller.grants, required(parts)) {
            let (tenant, actor) = (Some(caller.tenant), &caller.actor);
            refusal::record(state, tenant, actor, &request, parts, refused.reason()).await;
            return Err(refused.into());
        }
        open?;
        features::require(parts, &tenant)?;
        let allowed = Caller {
            actor: caller.actor,
            grants: caller.grants,
            request,
            limit: None,
        };
        let ctx = state.databases.tenant(Arc::clone(&tenant.store), allowed);
        Ok(Self {
            ctx,
            tenant,
            user: caller.user,
            session: caller.session,
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
        if presents(parts, Plane::Tenant) || parts.headers.contains_key(X_TENANT_ID) {
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
    match recognised(parts, state, Plane::Tenant).await? {
        Some(Credential::Tenant(credential)) => match selected(parts, state).await? {
            Selected::Tenant(tenant) if tenant != credential.tenant => Err(Code::NotFound.into()),
            _ => Ok(Known::from(&*credential)),
        },
        None if peer(parts, &state.settings).may_name_caller(&state.settings) => {
            Box::pin(by_trusted_headers(parts, state)).await
        }
        // An operator's credential is none here, whatever he may do there.
        Some(Credential::Admin(_)) | None => Err(Code::Unauthenticated.into()),
    }
}

impl From<&TenantCredential> for Known {
    fn from(credential: &TenantCredential) -> Self {
        Self {
            tenant: credential.tenant,
            user: credential.user_id,
            actor: credential.actor.clone(),
            grants: credential.grants,
            session: CallerSession::of(&credential.means, credential.person()),
            key: match credential.means {
                Means::ApiKey(key) => Some(key.uuid()),
                _ => None,
            },
        }
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
        return Ok(Known {
            tenant,
            user: None,
            actor: Actor::system("gateway"),
            grants: Grants::all(),
            session: None,
            key: None,
        });
    };
    let vouched = state.authenticator.vouched(tenant, user).await;
    let person = vouched.map_err(unexpected)?.ok_or(Code::NotFound)?;
    Ok(Known::from(&*person))
}
