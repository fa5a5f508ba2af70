//! A caller who operates the platform.

use access::Credential;
use axum::extract::FromRequestParts;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use edge::ProblemResponse;
use isolation::{Caller, PlatformCtx};
use kernel::{Actor, ActorKind, AdminPermission, Code, Grants};

use crate::failure::forbidden;
use crate::origin::{peer, request_info};
use crate::permission::required;
use crate::refusal;
use crate::state::AppState;
use crate::tenant::{bearer, refused};

/// An operator of the platform who may do what the route needs.
#[derive(Debug, Clone)]
pub struct PlatformCaller {
    /// What a transaction opens from.
    pub ctx: PlatformCtx,
}

impl FromRequestParts<AppState> for PlatformCaller {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ProblemResponse> {
        let (actor, grants) = identify(parts, state).await?;
        let request = request_info(parts, &state.settings);
        if let Err(refused) = refusal::allows(grants, required(parts)) {
            refusal::record(
                &state.databases,
                None,
                &actor,
                &request,
                parts,
                refused.permission,
            )
            .await;
            return Err(forbidden(&refused));
        }
        Ok(Self {
            ctx: state.databases.platform(Caller {
                actor,
                grants,
                request,
            }),
        })
    }
}

async fn identify(
    parts: &Parts,
    state: &AppState,
) -> Result<(Actor, Grants<AdminPermission>), ProblemResponse> {
    if let Some(key) = bearer(parts)? {
        return match state.authenticator.authenticate(key).await.map_err(refused)? {
            Credential::Admin(credential) => Ok((credential.actor.clone(), credential.grants)),
            // A tenant's key is no credential here, whatever it may do there.
            Credential::Tenant(_) => Err(Code::Unauthenticated.into()),
        };
    }
    if is_development_admin(parts, state) {
        return Ok((Actor::new(ActorKind::Admin, "development"), Grants::all()));
    }
    Err(Code::Unauthenticated.into())
}

/// `bin/dev --open`: somebody on this machine, not a web page that somebody on this machine happens to look at.
fn is_development_admin(parts: &Parts, state: &AppState) -> bool {
    let open = state
        .settings
        .development
        .as_ref()
        .is_some_and(|development| development.open);
    open && peer(parts, &state.settings).is_local(&parts.headers) && is_local_page(parts)
}

fn is_local_page(parts: &Parts) -> bool {
    const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let host = parts
        .uri
        .authority()
        .map(axum::http::uri::Authority::as_str)
        .or_else(|| text(HOST));
    let name = |address: &str| {
        address
            .rsplit_once(':')
            .map_or(address.to_owned(), |(name, _)| name.to_owned())
    };
    let local = |address: &str| LOCAL.contains(&name(address).as_str()) || LOCAL.contains(&address);
    let page = text(ORIGIN).map(|origin| {
        origin
            .trim_start_matches("http://")
            .trim_start_matches("https://")
    });
    host.is_some_and(local) && page.is_none_or(|page| Some(page) == host)
}
