//! A caller who operates the platform.

use access::Credential;
use axum::extract::FromRequestParts;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use edge::ProblemResponse;
use identity::Person;
use identity::admins::Authority;
use isolation::{Caller, PlatformCtx};
use kernel::{Actor, ActorKind, Code};

use crate::cookies::Plane;
use crate::origin::{peer, request_info};
use crate::permission::required;
use crate::presented::{CallerSession, recognised};
use crate::refusal;
use crate::state::AppState;

/// An operator of the platform who may do what the route needs.
#[derive(Debug, Clone)]
pub struct PlatformCaller {
    /// What a transaction opens from.
    pub ctx: PlatformCtx,
    /// The session he came in by, where he logged in.
    pub session: Option<CallerSession>,
}

/// An operator before his permission is checked.
struct Known {
    actor: Actor,
    authority: Authority,
    session: Option<CallerSession>,
}

impl FromRequestParts<AppState> for PlatformCaller {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ProblemResponse> {
        let Known {
            actor,
            authority,
            session,
        } = identify(parts, state).await?;
        let Authority { grants, limit } = authority;
        let request = request_info(parts, &state.settings);
        let entered = session.map_or(Ok(()), |session: CallerSession| session.may_enter(parts));
        if let Err(refused) = refusal::decide(entered, grants, required(parts)) {
            refusal::record(state, None, &actor, &request, parts, refused.reason()).await;
            return Err(refused.into());
        }
        Ok(Self {
            session,
            ctx: state.databases.platform(Caller {
                actor,
                grants,
                request,
                limit,
            }),
        })
    }
}

async fn identify(parts: &Parts, state: &AppState) -> Result<Known, ProblemResponse> {
    match recognised(parts, state, Plane::Platform).await? {
        Some(Credential::Admin(credential)) => Ok(Known {
            actor: credential.actor.clone(),
            authority: Authority {
                grants: credential.grants,
                limit: credential.limit.clone(),
            },
            session: CallerSession::of(&credential.means, credential.admin_id.map(Person::Admin)),
        }),
        None if is_development_admin(parts, state) => Ok(Known {
            actor: Actor::new(ActorKind::Admin, "development"),
            authority: Authority::full(),
            session: None,
        }),
        // A tenant's credential is none here, whatever it may do there.
        Some(Credential::Tenant(_)) | None => Err(Code::Unauthenticated.into()),
    }
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
