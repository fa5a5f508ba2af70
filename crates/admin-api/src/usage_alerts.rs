//! `/admin/tenants/{id}/usage/alerts`: when a tenant was told of its use.

use edge::{Cursor, Json, Limit, Page, Path, ProblemResponse, Query};
use gate::{AppState, PlatformCaller, permitted, unexpected};
use kernel::{AdminPermission, Code, TenantId};
use metering::alerts::{self, Alert, AlertFilter, AlertId};
use metering::metrics::MetricName;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

type AlertCursor = Cursor<AlertId>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(permitted(routes!(list), AdminPermission::UsageRead))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AlertQuery {
    #[serde(default)]
    limit: Limit,
    cursor: Option<AlertCursor>,
    /// Of this metric.
    metric: Option<MetricName>,
    /// Only those that somebody took note of, or that nobody did.
    acknowledged: Option<bool>,
}

/// List a tenant's usage alerts
///
/// Uses that reached a threshold of their limit, each once in a period.
#[utoipa::path(get, path = "/admin/tenants/{id}/usage/alerts", operation_id = "listTenantUsageAlerts", tag = "usage",
    security(("adminKey" = [])), params(("id" = TenantId, Path), AlertQuery),
    responses((status = 200, description = "A page of alerts, newest first.", body = Page<Alert>)))]
async fn list(
    caller: PlatformCaller,
    Path(tenant): Path<TenantId>,
    Query(query): Query<AlertQuery>,
) -> Result<Json<Page<Alert>>, ProblemResponse> {
    let filter = AlertFilter {
        metric: query.metric,
        acknowledged: query.acknowledged,
    };
    let after = query.cursor.map(|cursor| cursor.0);
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    tenants::get(&mut tx, tenant)
        .await
        .map_err(unexpected)?
        .ok_or(Code::NotFound)?;
    let found = alerts::list(&mut tx, tenant, &filter, after, query.limit.rows());
    let found = found.await.map_err(unexpected)?;
    Ok(Json(Page::new(found, query.limit, |alert| alert.id)))
}
