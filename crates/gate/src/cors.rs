//! Which web pages may read a tenant's answers (Fetch standard, CORS protocol).
//!
//! The tenant follows from the host alone: its subdomain or its custom domain. A preflight carries neither credential
//! nor `X-Tenant-Id`, so nothing else names a tenant in both of the requests that a browser makes; and an origin that
//! one tenant trusts must not read what another one answers at an address that they share. So under the platform's
//! own name there is no CORS, and none for operators, whoever asks.
//!
//! A cookie crosses origins only within one site (SameSite=Lax), so writing with one is for pages beside the tenant's own
//! host; they need `X-CSRF-Token` like its own pages. Every other page sends a bearer credential.
//!
//! Invariants: `Access-Control-Allow-Origin` is the one origin that asks, never `*`; it is never said of an origin
//! that the tenant does not name; every answer that depends on the origin says so (`Vary`), so that no cache mixes two.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::selection::by_host;
use crate::state::AppState;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// What the routes read, besides what every page may send.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Prefer, Range, X-CSRF-Token, X-Request-Id, \
     X-Tenant-Id",
);
/// What the routes answer, besides what every page may read.
const ANSWER_HEADERS: HeaderValue = HeaderValue::from_static(
    "Accept-Ranges, Content-Disposition, Content-Range, ETag, Location, Quota-Status, RateLimit, RateLimit-Policy, \
     Retry-After, WWW-Authenticate, X-Request-Id",
);
/// Seconds that a browser may remember a preflight: as long as a withdrawn origin may still send what it cannot read.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const BY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const BY_PREFLIGHT: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");

/// Marks a request of a page that the host's tenant lets read its answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AllowedPage;

/// Whether pages may read the answer.
#[derive(Debug)]
pub(crate) enum Sharing {
    /// It is not for pages of others.
    Never,
    /// It depends on the origin that asks: this one may.
    ByOrigin(Option<HeaderValue>),
}

/// Finds out which pages may read the answer; a preflight is answered at once.
pub(crate) async fn arrive(parts: &mut Parts, state: &AppState) -> Result<Sharing, Response> {
    if !parts.uri.path().starts_with("/api/") {
        return Ok(Sharing::Never);
    }
    let allowed = allowed_origin(parts, state).await;
    if allowed.is_some() {
        parts.extensions.insert(AllowedPage);
    }
    if parts.method == Method::OPTIONS
        && parts.headers.contains_key(ORIGIN)
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    {
        return Err(preflight(allowed));
    }
    Ok(Sharing::ByOrigin(allowed))
}

/// Lets the pages that a tenant names read its answer.
pub(crate) fn leave(sharing: Sharing, mut response: Response) -> Response {
    if let Sharing::ByOrigin(allowed) = sharing {
        let headers = response.headers_mut();
        headers.append(VARY, BY_ORIGIN);
        if let Some(origin) = allowed {
            allow(headers, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
        }
    }
    response
}

/// No word of CORS is a browser's no.
fn preflight(allowed: Option<HeaderValue>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.append(VARY, BY_PREFLIGHT);
    if let Some(origin) = allowed {
        allow(headers, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    response
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
}

/// The origin that asks, if the host's tenant names it. While that cannot be found out, nothing is allowed.
async fn allowed_origin(parts: &Parts, state: &AppState) -> Option<HeaderValue> {
    let mut given = parts.headers.get_all(ORIGIN).iter();
    let (origin, None) = (given.next()?, given.next()) else {
        return None;
    };
    let tenant = by_host(parts, state).await.ok()??;
    let policy = state.policies.of(tenant).await.ok()?;
    policy
        .allows_origin(origin.to_str().ok()?)
        .then(|| origin.clone())
}
