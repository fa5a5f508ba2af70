//! `/api/auth`, `/admin/auth` and what belongs to them, over HTTP: how people of both planes come in. A file is a noun;
//! the two planes' handlers stand side by side in it. Each handler parses, calls one operation and renders its answer.

use gate::AppState;
use utoipa_axum::router::OpenApiRouter;

/// Every route of this room.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
}
