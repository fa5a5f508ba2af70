//! `/admin/revenue`: recurring revenue and churn.

use billing::revenue::{self, MOST_MONTHS, Month};
use edge::{Json, ProblemResponse, Query};
use gate::{AppState, PlatformCaller, permitted, unexpected};
use kernel::AdminPermission;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tenant_failures::parameter;

/// Months that are told of where nothing is said.
const MONTHS: u16 = 12;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(permitted(routes!(get), AdminPermission::DashboardView))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Parameters {
    /// So many months (UTC) with the present one: 12 unless something else is given.
    #[param(minimum = 1, maximum = 120, example = 12)]
    months: Option<u16>,
}

/// Recurring revenue and churn.
#[derive(Debug, Serialize, ToSchema)]
struct Revenue {
    /// Each month in each currency in which there is or was anything, the earliest first.
    items: Vec<Month>,
}

/// Get recurring revenue
///
/// What subscriptions are worth a month (MRR) and a year (ARR) by currency and month, what moved it, and churn: without tax,
/// usage and trials, less coupons, with a twelfth of what is paid yearly.
#[utoipa::path(get, path = "/admin/revenue", operation_id = "getRevenue", tag = "billing",
    security(("adminKey" = [])), params(Parameters),
    responses((status = 200, description = "The months.", body = Revenue, example = json!({"items": [{
        "month": "2027-03",
        "mrrAtStart": {"amount": 41_817, "currency": "USD"}, "newMrr": {"amount": 0, "currency": "USD"},
        "reactivationMrr": {"amount": 0, "currency": "USD"}, "expansionMrr": {"amount": 3_150, "currency": "USD"},
        "contractionMrr": {"amount": 19_500, "currency": "USD"}, "churnedMrr": {"amount": 2_000, "currency": "USD"},
        "mrrAtEnd": {"amount": 23_467, "currency": "USD"}, "arr": {"amount": 281_599, "currency": "USD"},
        "customers": {"atStart": 4, "new": 0, "reactivated": 0, "churned": 1, "atEnd": 3},
        "rates": {"customerChurn": "25", "grossRevenueChurn": "51.42", "netRevenueChurn": "43.88"}}]}))))]
async fn get(
    caller: PlatformCaller,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Revenue>, ProblemResponse> {
    let months = parameters.months.unwrap_or(MONTHS);
    if !(1..=MOST_MONTHS).contains(&months) {
        let detail = format!("must be from 1 to {MOST_MONTHS}");
        return Err(parameter("months", &detail));
    }
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let items = revenue::months(&mut tx, months).await.map_err(unexpected)?;
    Ok(Json(Revenue { items }))
}
