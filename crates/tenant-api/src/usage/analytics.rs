//! `/api/usage/analytics`: what the tenant's usage comes to.

use axum::extract::State;
use billing::usage::Estimate;
use edge::{Json, ProblemResponse, Query};
use gate::{AppState, TenantCaller, costs, levels, of_feature, permitted, unexpected};
use kernel::Permission;
use metering::reading::{HistoryError, Report, report};
use serde::{Deserialize, Serialize};
use tenants::plans::Feature;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::span::wrong;

/// Days that a report is of where nothing is said.
const DAYS: i64 = 30;
/// Days that a report can be of.
const MOST_DAYS: i64 = 366;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    let get = permitted(routes!(get), Permission::UsageRead);
    OpenApiRouter::new().routes(of_feature(get, Feature::AdvancedAnalytics))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ReportParameters {
    /// So many days (UTC) with today, compared with as many before: 30 unless something else is given.
    #[param(minimum = 1, maximum = 366, example = 30)]
    days: Option<i64>,
}

/// What the tenant's usage comes to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UsageReport {
    #[serde(flatten)]
    report: Report,
    /// What the present month (UTC) comes to so far, before discounts and tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_cost: Option<Estimate>,
}

/// Get the usage analytics
///
/// Metrics and quotas, trends against the days before, a forecast to the end of the month with its method named, how the
/// tenant's requests went, and what the month costs so far.
#[utoipa::path(get, path = "/api/usage/analytics", operation_id = "getUsageAnalytics", tag = "usage",
    security(("tenantKey" = [])), params(ReportParameters),
    responses((status = 200, description = "The report.", body = UsageReport)))]
async fn get(
    State(state): State<AppState>,
    caller: TenantCaller,
    Query(query): Query<ReportParameters>,
) -> Result<Json<UsageReport>, ProblemResponse> {
    let days = query.days.unwrap_or(DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(wrong("days", &format!("must be from 1 to {MOST_DAYS}")));
    }
    let meter = levels::meter(&state, caller.tenant.id).await?;
    levels::measure(&state, &caller.ctx, &meter).await;
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    Ok(Json(UsageReport {
        report: report(&mut tx, &meter, days).await.map_err(failed)?,
        estimated_cost: costs::of_month(&state, &mut tx, caller.tenant.id, caller.tenant.plan).await?,
    }))
}

fn failed(error: HistoryError) -> ProblemResponse {
    match error {
        HistoryError::Database(error) => unexpected(error),
        HistoryError::TooMany | HistoryError::UnknownDimension(_) => ProblemResponse::internal(error),
    }
}
