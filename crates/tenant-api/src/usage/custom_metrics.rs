//! `/api/usage/custom-metrics`: what the tenant counts beside what everybody does.

use edge::{IdempotencyKey, Json, Path, ProblemResponse};
use gate::{Answer, AppState, Change, NoBody, OfTenantControl, TenantCaller, permitted, unexpected};
use kernel::{Code, Permission, Problem, Validate};
use metering::metrics::{self, Aggregation, DeclareError, Metric, MetricName, NewMetric};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::refusals::sentence;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), Permission::UsageRead))
        .routes(permitted(routes!(declare), Permission::UsageWrite))
        .routes(permitted(routes!(remove), Permission::UsageWrite))
}

/// The metrics that the tenant declared.
#[derive(Debug, Serialize, ToSchema)]
struct CustomMetrics {
    /// By name.
    items: Vec<Metric>,
}

/// A metric that is declared.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"aggregation": "sum", "unit": "tokens", "dimensions": ["model", "region"], "series": 1000}))]
struct MetricOrder {
    /// How events become one number. It cannot change later.
    aggregation: Aggregation,
    /// What the number is of.
    #[schema(min_length = 1, max_length = 32)]
    unit: String,
    /// What its events may be told apart by. One that was declared cannot be taken away.
    #[serde(default)]
    #[schema(max_items = 8)]
    dimensions: Vec<String>,
    /// So many combinations of dimensions are kept apart in a month (UTC): 1000 unless given. What comes after counts as
    /// `other`.
    #[schema(minimum = 1, maximum = 10_000)]
    series: Option<u32>,
}

impl Validate for MetricOrder {}

/// List the tenant's own metrics
#[utoipa::path(get, path = "/api/usage/custom-metrics", operation_id = "listCustomMetrics", tag = "usage",
    security(("tenantKey" = [])),
    responses((status = 200, description = "All of them, at most 200.", body = CustomMetrics)))]
async fn list(caller: TenantCaller) -> Result<Json<CustomMetrics>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let items = metrics::declared(&mut tx, caller.tenant.id)
        .await
        .map_err(unexpected)?;
    Ok(Json(CustomMetrics { items }))
}

/// Declare a metric
///
/// Or change unit, bound and further dimensions of one that there is.
#[utoipa::path(put, path = "/api/usage/custom-metrics/{name}", operation_id = "putCustomMetric", tag = "usage",
    security(("tenantKey" = [])),
    params(("name" = String, Path, description = "1 to 63 of a-z, 0-9 and _, a letter first.", example = "tokens"),
        IdempotencyKey),
    request_body = MetricOrder,
    responses((status = 200, description = "The metric.", body = Metric)))]
async fn declare(
    Path(name): Path<String>,
    mut change: Change<OfTenantControl, MetricOrder>,
) -> Result<Answer, ProblemResponse> {
    let tenant = change.request.caller.tenant.id;
    let MetricOrder {
        aggregation,
        unit,
        dimensions,
        series,
    } = &change.body;
    let new =
        NewMetric::new(&name, *aggregation, unit, dimensions.clone(), *series).map_err(Problem::invalid)?;
    let metric = metrics::declare(&mut change.tx, tenant, &new)
        .await
        .map_err(failed)?;
    change.answer(Answer::ok(&metric)?).await
}

/// Remove a metric
///
/// Events of it are refused from here on. What was counted stays as long as everything does.
#[utoipa::path(delete, path = "/api/usage/custom-metrics/{name}", operation_id = "deleteCustomMetric", tag = "usage",
    security(("tenantKey" = [])),
    params(("name" = String, Path, description = "The metric's name.", example = "tokens"), IdempotencyKey),
    responses((status = 204, description = "The metric is gone.")))]
async fn remove(
    Path(name): Path<String>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let name: MetricName = name.parse().map_err(|_| Code::NotFound)?;
    let tenant = change.request.caller.tenant.id;
    metrics::remove(&mut change.tx, tenant, &name)
        .await
        .map_err(failed)?;
    change.answer(Answer::no_content()).await
}

fn failed(error: DeclareError) -> ProblemResponse {
    match error {
        DeclareError::Database(error) => unexpected(error),
        DeclareError::NotFound => Code::NotFound.into(),
        said @ (DeclareError::OtherAggregation
        | DeclareError::DimensionRemoved
        | DeclareError::TooMany(_)) => Problem::new(Code::Conflict, sentence(&said)).into(),
    }
}
