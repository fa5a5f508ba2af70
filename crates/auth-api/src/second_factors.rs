//! `/api/auth/mfa` and `/admin/auth/mfa`: adding second factors, passing them, removing them. See
//! docs/second-factors.md.
//!
//! Everything here is for who logged in himself, about himself. What a session that waits for its second factor may call
//! is registered as such; each handler asks [`Me`] where the session stands. Answers that hand out a session's secret
//! are not kept under an Idempotency-Key: a step that was taken is not repeated, and its code is used up.

mod adding;
mod changing;
mod failures;
mod me;
mod operators;
mod orders;
mod passing;
mod people;
mod resets;

use gate::AppState;
use utoipa_axum::router::OpenApiRouter;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(people::routes())
        .merge(operators::routes())
        .merge(resets::routes())
}
