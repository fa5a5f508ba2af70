//! What a request presents: a bearer credential, a cookie, or both, and who that is.

use access::sessions::{SessionId, Stage};
use access::{AuthError, Credential, Means};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use edge::ProblemResponse;
use identity::Person;
use kernel::Code;

use crate::cookies::{self, Plane};
use crate::csrf;
use crate::failure::unexpected;
use crate::origin::request_info;
use crate::permission::accepts_pending;
use crate::refusal;
use crate::state::AppState;

/// The session that a caller came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallerSession {
    /// Which one.
    pub id: SessionId,
    /// What has to happen before it opens anything. Only routes registered as [`pending_session`](crate::pending_session)
    /// see one that is not open.
    pub stage: Stage,
    /// Whose it is.
    pub person: Person,
    /// Whether it came as a browser's cookie.
    pub cookie: bool,
}

impl CallerSession {
    pub(crate) fn of<K>(means: &Means<K>, person: Option<Person>) -> Option<Self> {
        let (id, stage) = means.session()?;
        Some(Self {
            id,
            stage,
            person: person?,
            cookie: means.is_cookie(),
        })
    }

    /// Passes where the session is open, or the route is for those that are not.
    pub(crate) fn may_enter(&self, parts: &Parts) -> Result<(), Code> {
        match self.stage {
            _ if accepts_pending(parts) => Ok(()),
            Stage::Open => Ok(()),
            Stage::SecondFactor => Err(Code::SecondFactorRequired),
            Stage::Enrolment => Err(Code::EnrolmentRequired),
        }
    }
}

/// Whether the request presents anything to this plane.
pub(crate) fn presents(parts: &Parts, plane: Plane) -> bool {
    parts.headers.contains_key(AUTHORIZATION) || cookies::read(&parts.headers, plane) != Ok(None)
}

/// Who the request's credential is; nobody where it presents none. Where it presents both, both have to be the same
/// person's.
pub(crate) async fn recognised(
    parts: &Parts,
    state: &AppState,
    plane: Plane,
) -> Result<Option<Credential>, ProblemResponse> {
    let (bearer, cookie) = (bearer(parts)?, cookies::read(&parts.headers, plane)?);
    match (bearer, cookie) {
        (None, None) => Ok(None),
        (Some(bearer), None) => by_bearer(state, bearer).await.map(Some),
        (None, Some(cookie)) => {
            let credential = by_cookie(state, cookie).await?;
            if let Err(code) = csrf::check(parts, state.authenticator.csrf(), cookie) {
                record(parts, state, &credential, code).await;
                return Err(code.into());
            }
            Ok(Some(credential))
        }
        (Some(bearer), Some(cookie)) => {
            let (named, browser) = (by_bearer(state, bearer).await?, by_cookie(state, cookie).await?);
            let same = named.person().is_some() && named.person() == browser.person();
            same.then_some(Some(named))
                .ok_or_else(|| Code::Unauthenticated.into())
        }
    }
}

/// Somebody made the browser send this, or its page is broken: either way somebody should know.
async fn record(parts: &Parts, state: &AppState, credential: &Credential, code: Code) {
    let (tenant, actor) = match credential {
        Credential::Tenant(credential) => (Some(credential.tenant), &credential.actor),
        Credential::Admin(credential) => (None, &credential.actor),
    };
    let request = request_info(parts, &state.settings);
    refusal::record(state, tenant, actor, &request, parts, code.name()).await;
}

async fn by_bearer(state: &AppState, text: &str) -> Result<Credential, ProblemResponse> {
    come_by(state, text, false).await
}

async fn by_cookie(state: &AppState, text: &str) -> Result<Credential, ProblemResponse> {
    come_by(state, text, true).await
}

/// A cookie's secret opens nothing anywhere else, and nothing else opens anything as a cookie.
async fn come_by(state: &AppState, text: &str, cookie: bool) -> Result<Credential, ProblemResponse> {
    let credential = state.authenticator.authenticate(text).await.map_err(refused)?;
    if credential.is_cookie() == cookie {
        Ok(credential)
    } else {
        Err(Code::Unauthenticated.into())
    }
}

/// What is in `Authorization: Bearer`, if the header is there at all.
fn bearer(parts: &Parts) -> Result<Option<&str>, ProblemResponse> {
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

/// What a presented credential that does not open is answered.
fn refused(error: AuthError) -> ProblemResponse {
    match error {
        AuthError::Refused => Code::Unauthenticated.into(),
        AuthError::Database(error) => unexpected(error),
    }
}
