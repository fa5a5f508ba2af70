//! `/api`: what a tenant's own callers do, over HTTP.

use gate::AppState;
use utoipa_axum::router::OpenApiRouter;

/// Every route below `/api`.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
}
