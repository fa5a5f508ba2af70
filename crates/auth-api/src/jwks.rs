//! `/.well-known/jwks.json`: what anybody checks access tokens with.

use access::access_tokens::{JwkSet, KEY_SET_LIFETIME};
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use edge::Json;
use gate::{AppState, public};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(public(routes!(get)))
}

/// Get the public keys of access tokens
///
/// As RFC 7517 says. It may be kept for as long as `Cache-Control` says, and no longer: a new key is in it before it
/// signs.
#[utoipa::path(get, path = "/.well-known/jwks.json", operation_id = "getKeySet", tag = "auth",
    responses((status = 200, description = "Every key that a valid token may be signed with.", body = JwkSet,
        headers(("Cache-Control" = String)))))]
async fn get(State(state): State<AppState>) -> ([(HeaderName, String); 2], Json<JwkSet>) {
    let kept = format!("public, max-age={}", KEY_SET_LIFETIME.as_secs());
    let headers = [
        (CACHE_CONTROL, kept),
        // It is public; a page that checks tokens itself may read it.
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*".to_owned()),
    ];
    (headers, Json(state.signing_keys.key_set()))
}
