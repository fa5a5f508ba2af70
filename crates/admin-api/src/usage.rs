//! `/admin/tenants/{id}/usage` and `/admin/tenants/{id}/analytics`: what a tenant uses, and what that comes to.

use std::sync::Arc;

use axum::extract::State;
use billing::usage::Estimate;
use edge::{Json, Path, ProblemResponse, Query};
use gate::{AppState, PlatformCaller, costs, levels, permitted, unexpected};
use isolation::ControlTx;
use kernel::{AdminPermission, Code, TenantId};
use metering::Meter;
use metering::alerts::{self, Alert, AlertFilter};
use metering::reading::{HistoryError, Overview, Report, overview, report};
use serde::{Deserialize, Serialize};
use tenants::plans::PlanId;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tenant_failures::parameter;

/// Days that a report is of where nothing is said.
const DAYS: i64 = 30;
/// Alerts that a report tells of.
const ALERTS: i64 = 50;
/// Days that a report can be of.
const MOST_DAYS: i64 = 366;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(get), AdminPermission::UsageRead))
        .routes(permitted(routes!(analytics), AdminPermission::UsageRead))
}

/// What a tenant uses.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TenantUsage {
    /// Whose usage it is.
    tenant_id: TenantId,
    /// The plan that its quotas come from, where it has none of its own.
    plan: PlanId,
    #[serde(flatten)]
    overview: Overview,
}

/// Get a tenant's usage
///
/// Every metric with what was used today and this month, and every quota with its use.
#[utoipa::path(get, path = "/admin/tenants/{id}/usage", operation_id = "getTenantUsage", tag = "usage",
    security(("adminKey" = [])), params(("id" = TenantId, Path)),
    responses((status = 200, description = "The usage.", body = TenantUsage)))]
async fn get(
    State(state): State<AppState>,
    caller: PlatformCaller,
    Path(tenant): Path<TenantId>,
) -> Result<Json<TenantUsage>, ProblemResponse> {
    let (mut tx, meter, plan) = opened(&state, &caller, tenant).await?;
    let overview = overview(&mut tx, &meter).await.map_err(unexpected)?;
    Ok(Json(TenantUsage {
        tenant_id: tenant,
        plan,
        overview,
    }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AnalyticsParameters {
    /// So many days (UTC) with today, compared with as many before: 30 unless something else is given.
    #[param(minimum = 1, maximum = 366, example = 30)]
    days: Option<i64>,
}

/// What a tenant's usage comes to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Analytics {
    /// Whose usage it is.
    tenant_id: TenantId,
    /// The plan that its quotas come from, where it has none of its own.
    plan: PlanId,
    #[serde(flatten)]
    report: Report,
    /// The newest alerts, 50 at most.
    alerts: Vec<Alert>,
    /// What the present month (UTC) comes to so far, before discounts and tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_cost: Option<Estimate>,
}

/// Get a tenant's analytics
///
/// Metrics and quotas, alerts, what the month costs so far, trends against the days before, a forecast to the end of the
/// month with its method named, and how the tenant's requests went: how many, the share that failed on our side, and the
/// latencies of half, 95 % and 99 %.
#[utoipa::path(get, path = "/admin/tenants/{id}/analytics", operation_id = "getTenantAnalytics", tag = "usage",
    security(("adminKey" = [])), params(("id" = TenantId, Path), AnalyticsParameters),
    responses((status = 200, description = "The report.", body = Analytics)))]
async fn analytics(
    State(state): State<AppState>,
    caller: PlatformCaller,
    Path(tenant): Path<TenantId>,
    Query(query): Query<AnalyticsParameters>,
) -> Result<Json<Analytics>, ProblemResponse> {
    let days = query.days.unwrap_or(DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(parameter("days", &format!("must be from 1 to {MOST_DAYS}")));
    }
    let (mut tx, meter, plan) = opened(&state, &caller, tenant).await?;
    let report = report(&mut tx, &meter, days).await.map_err(failed)?;
    let estimated_cost = costs::of_month(&state, &mut tx, tenant, plan).await?;
    let alerts = alerts::list(&mut tx, tenant, &AlertFilter::default(), None, ALERTS).await;
    Ok(Json(Analytics {
        tenant_id: tenant,
        plan,
        report,
        alerts: alerts.map_err(unexpected)?,
        estimated_cost,
    }))
}

/// The tenant's meter, told what there is, and a transaction to read in.
pub(crate) async fn opened(
    state: &AppState,
    caller: &PlatformCaller,
    tenant: TenantId,
) -> Result<(ControlTx, Arc<Meter>, PlanId), ProblemResponse> {
    let known = state.directory.by_id(tenant).await.map_err(unexpected)?;
    let known = known.ok_or(Code::NotFound)?;
    let inside = caller
        .ctx
        .enter(known.store.as_ref().clone())
        .ok_or(Code::NotFound)?;
    let meter = levels::meter(state, tenant).await?;
    levels::measure(state, &inside, &meter).await;
    let tx = caller.ctx.control().await.map_err(unexpected)?;
    Ok((tx, meter, known.plan))
}

fn failed(error: HistoryError) -> ProblemResponse {
    match error {
        HistoryError::Database(error) => unexpected(error),
        HistoryError::TooMany | HistoryError::UnknownDimension(_) => ProblemResponse::internal(error),
    }
}
