//! `POST /admin/provision` and `GET /admin/provision/{tenantId}`.

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use edge::{IdempotencyKey, Json, Path, ProblemResponse, prefers_async};
use gate::{Answer, AppState, Keyed, OfPlatform, PlatformCaller, permitted, unexpected};
use isolation::{PlatformCtx, StoredAnswer};
use kernel::{AdminPermission, Code, Problem, TenantId};
use provisioning::{Direction, ProvisionRequest, Provisioner, RunStatus, RunView};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tenant_failures::ordering;

/// How long a request waits for its tenant; a database is copied in less than a second.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(create), AdminPermission::TenantsCreate))
        .routes(permitted(routes!(get), AdminPermission::TenantsRead))
}

/// Provision a tenant
///
/// Answers when the tenant is ready, or at once with `Prefer: respond-async`.
#[utoipa::path(post, path = "/admin/provision", operation_id = "provisionTenant", tag = "provisioning",
    security(("adminKey" = [])),
    params(IdempotencyKey, ("Prefer" = Option<String>, Header, description = "`respond-async` answers 202 at once.")),
    request_body = ProvisionRequest,
    responses(
        (status = 201, description = "The tenant is ready.", body = RunView, headers(("Location" = String))),
        (status = 202, description = "The tenant is being made.", body = RunView, headers(("Location" = String)))))]
async fn create(
    State(state): State<AppState>,
    order: Keyed<OfPlatform, ProvisionRequest>,
) -> Result<Answer, ProblemResponse> {
    let view = provision(&state, order).await?;
    let location = format!("/admin/provision/{}", view.tenant_id);
    if view.status.is_final() {
        Answer::created(location, &view)
    } else {
        Answer::accepted(location, &view)
    }
}

/// Orders the tenant, or finds what was ordered under the same key, and waits for it.
pub(crate) async fn provision(
    state: &AppState,
    Keyed { body, request }: Keyed<OfPlatform, ProvisionRequest>,
) -> Result<RunView, ProblemResponse> {
    let patience = if prefers_async(&request.headers) {
        Duration::ZERO
    } else {
        PATIENCE
    };
    let checked = state.provisioner.check(body).await.map_err(ordering)?;
    let (mut tx, kept) = request.open().await?;
    let view = if let Some(kept) = kept {
        state
            .provisioner
            .wait(ordered_before(&kept)?, Direction::Provision, patience)
            .await
    } else {
        let ordered = state
            .provisioner
            .order(&request.caller.ctx, &mut tx, checked)
            .await
            .map_err(ordering)?;
        let answer = Answer::accepted(ordered.tenant.id.to_string(), &())?;
        request.keep(&mut tx, &answer).await?;
        // The run's own commits wait for the disk, and the log is written in order.
        tx.commit_unhurried().await.map_err(unexpected)?;
        state
            .provisioner
            .follow(state.provisioner.launch(ordered), patience)
            .await
    };
    let view = view.map_err(unexpected)?.ok_or(Code::NotFound)?;
    if !view.status.is_final() {
        // What is answered before the run has ended.
        state.databases.settle().await.map_err(unexpected)?;
    }
    match view.status {
        RunStatus::Failed => Err(failed(&view)),
        _ => Ok(view),
    }
}

/// What is kept under the caller's key is only which tenant it was: where its run stands is answered afresh.
fn ordered_before(kept: &StoredAnswer) -> Result<TenantId, ProblemResponse> {
    let tenant = kept.location.as_deref().and_then(|text| text.parse().ok());
    tenant.ok_or_else(|| Code::IdempotencyKeyReused.into())
}

fn failed(view: &RunView) -> ProblemResponse {
    let detail = format!(
        "The tenant could not be made and everything was undone. GET /admin/provision/{} shows why; the same order may be sent again.",
        view.tenant_id
    );
    Problem::new(Code::ProvisioningFailed, detail).into()
}

/// Get where a provisioning stands
///
/// With `Accept: text/event-stream` every change of it as a server-sent event, until it ends.
#[utoipa::path(get, path = "/admin/provision/{tenantId}", operation_id = "getProvisioning", tag = "provisioning",
    security(("adminKey" = [])), params(("tenantId" = TenantId, Path)),
    responses((status = 200, description = "Where it stands.",
        content((RunView = "application/json"), (String = "text/event-stream")))))]
async fn get(
    State(state): State<AppState>,
    caller: PlatformCaller,
    Path(tenant): Path<TenantId>,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    let view = look(&state.provisioner, &caller.ctx, tenant)
        .await
        .map_err(unexpected)?
        .ok_or(Code::NotFound)?;
    if wants_events(&headers) {
        return Ok(follow(state.provisioner.clone(), caller.ctx, tenant, view).into_response());
    }
    Ok(Json(view).into_response())
}

fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|media| media.trim().starts_with("text/event-stream"))
}

/// The removal, where there is one, else the provisioning.
async fn look(
    provisioner: &Provisioner,
    ctx: &PlatformCtx,
    tenant: TenantId,
) -> Result<Option<RunView>, sqlx::Error> {
    match provisioner.view(ctx, tenant, Direction::Deprovision).await? {
        Some(view) => Ok(Some(view)),
        None => provisioner.view(ctx, tenant, Direction::Provision).await,
    }
}

fn follow(provisioner: Provisioner, ctx: PlatformCtx, tenant: TenantId, first: RunView) -> impl IntoResponse {
    let events = async_stream::stream! {
        let (mut view, mut shown) = (Some(first), String::new());
        while let Some(present) = view {
            let text = serde_json::to_string(&present).unwrap_or_default();
            if text != shown {
                yield Ok::<_, std::convert::Infallible>(Event::default().event("progress").data(&text));
                shown = text;
            }
            if present.status.is_final() {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
            view = look(&provisioner, &ctx, tenant).await.ok().flatten();
        }
    };
    Sse::new(events).keep_alive(KeepAlive::default())
}
