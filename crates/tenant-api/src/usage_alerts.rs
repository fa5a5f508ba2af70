//! `/api/usage/alerts` and `/api/usage/alert-thresholds`: when the caller's tenant is told of its use.

use edge::{Cursor, IdempotencyKey, Json, Limit, Page, Path, ProblemResponse, Query};
use gate::{Answer, AppState, Change, NoBody, OfTenantControl, TenantCaller, permitted, unexpected};
use kernel::{Code, FieldError, Permission, Problem};
use metering::alerts::{self, Alert, AlertError, AlertFilter, AlertId, InvalidThresholds, Thresholds};
use metering::metrics::MetricName;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

type AlertCursor = Cursor<AlertId>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), Permission::UsageRead))
        .routes(permitted(routes!(acknowledge), Permission::UsageWrite))
        .routes(permitted(routes!(get_thresholds), Permission::UsageRead))
        .routes(permitted(routes!(put_thresholds), Permission::UsageWrite))
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

/// List usage alerts
///
/// Uses that reached a threshold of their limit, each once in a period.
#[utoipa::path(get, path = "/api/usage/alerts", operation_id = "listUsageAlerts", tag = "usage",
    security(("tenantKey" = [])), params(AlertQuery),
    responses((status = 200, description = "A page of alerts, newest first.", body = Page<Alert>)))]
async fn list(
    caller: TenantCaller,
    Query(query): Query<AlertQuery>,
) -> Result<Json<Page<Alert>>, ProblemResponse> {
    let filter = AlertFilter {
        metric: query.metric,
        acknowledged: query.acknowledged,
    };
    let after = query.cursor.map(|cursor| cursor.0);
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let found = alerts::list(&mut tx, caller.tenant.id, &filter, after, query.limit.rows());
    let found = found.await.map_err(unexpected)?;
    Ok(Json(Page::new(found, query.limit, |alert| alert.id)))
}

/// Take note of a usage alert
///
/// Whoever was first stays.
#[utoipa::path(post, path = "/api/usage/alerts/{id}/acknowledge", operation_id = "acknowledgeUsageAlert", tag = "usage",
    security(("tenantKey" = [])), params(("id" = AlertId, Path), IdempotencyKey),
    responses((status = 200, description = "The alert.", body = Alert)))]
async fn acknowledge(
    Path(id): Path<AlertId>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let tenant = change.request.caller.tenant.id;
    let alert = alerts::acknowledge(&mut change.tx, tenant, id)
        .await
        .map_err(|error| match error {
            AlertError::NotFound => Code::NotFound.into(),
            AlertError::Database(error) => unexpected(error),
        })?;
    change.answer(Answer::ok(&alert)?).await
}

/// Get the thresholds of usage alerts
#[utoipa::path(get, path = "/api/usage/alert-thresholds", operation_id = "getUsageAlertThresholds", tag = "usage",
    security(("tenantKey" = [])),
    responses((status = 200, description = "At how many percent of its limits the tenant is told.", body = Thresholds)))]
async fn get_thresholds(caller: TenantCaller) -> Result<Json<Thresholds>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let thresholds = alerts::thresholds(&mut tx, caller.tenant.id).await;
    Ok(Json(thresholds.map_err(unexpected)?))
}

/// Replace the thresholds of usage alerts
///
/// All of them. What is reached already is told when it is next counted.
#[utoipa::path(put, path = "/api/usage/alert-thresholds", operation_id = "putUsageAlertThresholds", tag = "usage",
    security(("tenantKey" = [])), params(IdempotencyKey), request_body = Thresholds,
    responses((status = 200, description = "What holds from now on.", body = Thresholds)))]
async fn put_thresholds(mut change: Change<OfTenantControl, Thresholds>) -> Result<Answer, ProblemResponse> {
    let tenant = change.request.caller.tenant.id;
    let thresholds = std::mem::take(&mut change.body);
    let held = alerts::set_thresholds(&mut change.tx, tenant, thresholds)
        .await
        .map_err(|error| match error {
            InvalidThresholds::UnknownMetric(metric) => {
                let field = FieldError::new(format!("/metrics/{metric}"), "there is no such metric");
                Problem::invalid(vec![field]).into()
            }
            InvalidThresholds::Database(error) => unexpected(error),
        })?;
    change.answer(Answer::ok(&held)?).await
}
