//! A slug that a tenant gave up leads to its present one for a while: requests to the old subdomain are redirected.

use axum::extract::{Request, State};
use axum::http::header::{HOST, LOCATION};
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tenants::directory::Host;

use crate::failure::unexpected;
use crate::state::AppState;

/// Answers 308 where the request's host is a subdomain whose tenant is called otherwise now. A gateway that asks about
/// such a request cannot follow.
pub async fn redirect_moved_slug(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/gateway/") {
        return next.run(request).await;
    }
    let host = host(&request).map(str::to_owned);
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let moved = match &host {
        Some(host) => present_slug(&state, host).await,
        None => Ok(None),
    };
    match (moved, host) {
        (Ok(Some(name)), Some(host)) => {
            let port = host
                .rsplit_once(':')
                .map_or(String::new(), |(_, port)| format!(":{port}"));
            // Relative to the scheme, because only the proxy in front knows which one the caller used.
            redirect(format!("//{name}{port}{path}"))
        }
        (Ok(_), _) => next.run(request).await,
        (Err(error), _) => unexpected(error).into_response(),
    }
}

fn host(request: &Request) -> Option<&str> {
    let named = || request.headers().get(HOST).and_then(|value| value.to_str().ok());
    request.uri().authority().map(Authority::as_str).or_else(named)
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

fn redirect(place: String) -> Response {
    match HeaderValue::try_from(place) {
        Ok(place) => (StatusCode::PERMANENT_REDIRECT, [(LOCATION, place)]).into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
