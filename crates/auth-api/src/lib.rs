//! `/api/auth`, `/admin/auth` and what belongs to them, over HTTP: how people of both planes come in. A file is a noun;
//! the two planes' handlers stand side by side in it. Each handler parses, calls one operation and renders its answer.

// What a request waits for is nested deeper than the compiler expects when it optimises.
#![recursion_limit = "256"]

mod gateway;
mod jwks;
mod login;
mod outcome;
mod password_reset_page;
mod passwords;
mod realm;
mod refresh;
mod second_factors;
mod sessions;
mod signing_keys;

use gate::AppState;
use utoipa_axum::router::OpenApiRouter;

/// Every route of this room.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(gateway::routes())
        .merge(jwks::routes())
        .merge(login::routes())
        .merge(password_reset_page::routes())
        .merge(passwords::routes())
        .merge(refresh::routes())
        .merge(second_factors::routes())
        .merge(sessions::routes())
        .merge(signing_keys::routes())
}
