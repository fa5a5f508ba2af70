//! `GET /api/entitlements`.

use axum::extract::State;
use billing::entitlements::{Entitlements, entitlements};
use edge::{Json, ProblemResponse};
use gate::{AppState, TenantCaller, levels, permitted};
use kernel::Permission;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(permitted(routes!(get), Permission::TenantRead))
}

/// Get what the tenant may do
///
/// Its features, and its limits with their use and what is left. From memory.
#[utoipa::path(get, path = "/api/entitlements", operation_id = "getEntitlements", tag = "tenant",
    security(("tenantKey" = [])),
    responses((status = 200, description = "The features and limits.", body = Entitlements)))]
async fn get(
    State(state): State<AppState>,
    caller: TenantCaller,
) -> Result<Json<Entitlements>, ProblemResponse> {
    let meter = levels::meter_at_hand(&state, caller.tenant.id).await?;
    levels::know(&state, &caller.ctx, &meter).await;
    let now = caller.ctx.seams().now();
    Ok(Json(entitlements(&caller.tenant, &meter, now)))
}
