//! A slug that a tenant gave up leads to its present one for a while: requests to the old subdomain are redirected.

use axum::http::header::{HOST, LOCATION};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tenants::directory::Host;

use crate::failure::unexpected;
use crate::state::AppState;

/// Answers 308 where the request's host is a subdomain whose tenant is called otherwise now. A gateway that asks about
/// such a request cannot follow.
pub(crate) async fn redirect(parts: &Parts, state: &AppState) -> Result<(), Response> {
    let Some(host) = host(parts).filter(|_| !parts.uri.path().starts_with("/gateway/")) else {
        return Ok(());
    };
    let moved = present_slug(state, host).await;
    let Some(name) = moved.map_err(|error| unexpected(error).into_response())? else {
        return Ok(());
    };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let port = host
        .rsplit_once(':')
        .map_or(String::new(), |(_, port)| format!(":{port}"));
    // Relative to the scheme, because only the proxy in front knows which one the caller used.
    Err(place(format!("//{name}{port}{path}")))
}

fn host(parts: &Parts) -> Option<&str> {
    let named = || parts.headers.get(HOST).and_then(|value| value.to_str().ok());
    parts.uri.authority().map(Authority::as_str).or_else(named)
}

/// The name that the tenant of a given-up subdomain has now.
async fn present_slug(state: &AppState, host: &str) -> Result<Option<String>, sqlx::Error> {
    let Some(base) = &state.settings.base_domain else {
        return Ok(None);
    };
    match state.directory.resolve_host(base, host).await? {
        Host::Tenant(resolved) if resolved.moved => {
            Ok(Some(format!("{}.{}", resolved.tenant.slug, base.as_str())))
        }
        _ => Ok(None),
    }
}

fn place(place: String) -> Response {
    match HeaderValue::try_from(place) {
        Ok(place) => (StatusCode::PERMANENT_REDIRECT, [(LOCATION, place)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
