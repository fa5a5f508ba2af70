//! `/api/usage`: what the tenant uses and how much it may; reporting it, reading it, and what is counted at all.

mod analytics;
mod custom_metrics;
mod events;
mod export;
mod history;
mod span;

use std::collections::BTreeMap;

use axum::extract::State;
use billing::usage::Estimate;
use edge::{Json, ProblemResponse};
use gate::{AppState, TenantCaller, costs, levels, permitted, unexpected};
use kernel::{Permission, TenantId};
use metering::periods::Span;
use metering::quotas::QuotaCheck;
use metering::reading::{CalendarView, Overview, overview};
use metering::{Amount, metrics::MetricName};
use serde::Serialize;
use tenants::plans::PlanId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(get), Permission::UsageRead))
        .routes(permitted(routes!(metrics), Permission::UsageRead))
        .merge(analytics::routes())
        .merge(history::routes())
        .merge(export::routes())
        .merge(events::routes())
        .merge(custom_metrics::routes())
}

/// What the tenant uses.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the API calls it so")]
struct Usage {
    /// Whose usage it is.
    tenant_id: TenantId,
    /// The plan that its quotas come from, where it has none of its own.
    plan: PlanId,
    /// The month (UTC) that `usage` is of.
    period: Option<Span>,
    /// By metric, what was used in the month; of what there is now, how much there is.
    #[schema(value_type = HashMap<String, f64>)]
    usage: BTreeMap<MetricName, Amount>,
    /// Where the days and months of quotas begin.
    calendar: CalendarView,
    /// Every quota and its use.
    quotas: Vec<QuotaCheck>,
    /// What the present month (UTC) comes to so far, before discounts and tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_cost: Option<Estimate>,
}

/// Get the tenant's usage
///
/// What was used this month, and every quota with its use. Quotas are as they are at this moment; `usage` is what is
/// written, which is a quarter of a second behind at most.
#[utoipa::path(get, path = "/api/usage", operation_id = "getUsage", tag = "usage", security(("tenantKey" = [])),
    responses((status = 200, description = "The usage.", body = Usage)))]
async fn get(State(state): State<AppState>, caller: TenantCaller) -> Result<Json<Usage>, ProblemResponse> {
    let seen = look(&state, &caller).await?;
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let (tenant, plan) = (caller.tenant.id, caller.tenant.plan);
    let estimated_cost = costs::of_month(&state, &mut tx, tenant, plan).await?;
    Ok(Json(Usage {
        tenant_id: caller.tenant.id,
        plan: caller.tenant.plan,
        period: seen.metrics.first().map(|metric| metric.period),
        usage: seen
            .metrics
            .into_iter()
            .map(|usage| (usage.metric.name, usage.month))
            .collect(),
        calendar: seen.calendar,
        quotas: seen.quotas,
        estimated_cost,
    }))
}

/// Get every metric and quota
///
/// Every metric that the tenant has, used or not, with what was used today and this month, and every quota.
#[utoipa::path(get, path = "/api/usage/metrics", operation_id = "getUsageMetrics", tag = "usage",
    security(("tenantKey" = [])),
    responses((status = 200, description = "The metrics and quotas.", body = Overview)))]
async fn metrics(
    State(state): State<AppState>,
    caller: TenantCaller,
) -> Result<Json<Overview>, ProblemResponse> {
    look(&state, &caller).await.map(Json)
}

async fn look(state: &AppState, caller: &TenantCaller) -> Result<Overview, ProblemResponse> {
    let meter = levels::meter(state, caller.tenant.id).await?;
    levels::measure(state, &caller.ctx, &meter).await;
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    overview(&mut tx, &meter).await.map_err(unexpected)
}
