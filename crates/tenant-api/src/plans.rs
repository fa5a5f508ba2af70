//! `GET /api/plans`: what is for sale, for whoever wants to know before he has a tenant.

use billing::price_list::PriceList;
use edge::Json;
use gate::{AppState, public};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(public(routes!(get)))
}

/// List the plans
///
/// What each one opens, allows and costs, cheapest first.
#[utoipa::path(get, path = "/api/plans", operation_id = "listPlans", tag = "tenant",
    responses((status = 200, description = "The plans.", body = PriceList)))]
async fn get() -> Json<PriceList> {
    Json(PriceList::now())
}
