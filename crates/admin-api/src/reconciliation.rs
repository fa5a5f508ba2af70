//! `/admin/billing/reconciliation`: how the payment provider's books differ from ours.

use axum::extract::State;
use billing::reconciliation::{self, Difference, Reconciliation, ReconciliationId};
use edge::{IdempotencyKey, Json, ProblemBody, ProblemResponse};
use gate::{Answer, AppState, Change, NoBody, OfPlatform, PlatformCaller, permitted, unexpected};
use kernel::{AdminPermission, Code};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(get), AdminPermission::ReconciliationRead))
        .routes(permitted(routes!(order), AdminPermission::ReconciliationWrite))
}

const PATH: &str = "/admin/billing/reconciliation";

/// The latest comparison with what it found.
#[derive(Debug, Serialize, ToSchema)]
struct Found {
    /// The comparison.
    #[serde(flatten)]
    run: Reconciliation,
    /// What differs: the first thousand of `differences`.
    items: Vec<Difference>,
}

/// A comparison that will be made.
#[derive(Debug, Serialize, ToSchema)]
struct Ordered {
    /// Which one.
    id: ReconciliationId,
}

/// Get the latest reconciliation
///
/// The payment provider's payments, charges, refunds, disputes and customers beside ours, compared once a day.
#[utoipa::path(get, path = "/admin/billing/reconciliation", operation_id = "getReconciliation", tag = "billing",
    security(("adminKey" = [])),
    responses((status = 200, description = "The latest comparison, with every difference named.", body = Found)))]
async fn get(caller: PlatformCaller) -> Result<Json<Found>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let latest = reconciliation::latest(&mut tx).await.map_err(unexpected)?;
    let (run, items) = latest.ok_or(Code::NotFound)?;
    Ok(Json(Found { run, items }))
}

/// Reconcile now
#[utoipa::path(post, path = "/admin/billing/reconciliation", operation_id = "reconcile", tag = "billing",
    security(("adminKey" = [])), params(IdempotencyKey),
    responses((status = 202, description = "It is compared in a moment.", body = Ordered, headers(("Location" = String))),
        (status = 409, description = "There is no provider whose books could differ.",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn order(
    State(state): State<AppState>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    state
        .payments
        .provider()
        .stripe()
        .map_err(|_| Code::ProviderUnsupported)?;
    let id = reconciliation::order(&mut change.tx).await.map_err(unexpected)?;
    change
        .answer(Answer::accepted(PATH.to_owned(), &Ordered { id })?)
        .await
}
