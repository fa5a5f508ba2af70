//! `/api/webhooks`: who hears of what happens in the caller's tenant.

use axum::extract::State;
use axum::response::Response;
use edge::{Cursor, IdempotencyKey, IfMatch, Json, Limit, Page, Path, ProblemResponse, Query};
use gate::webhooks::{EventTypes, SecretRotation, WithSecret, failed};
use gate::{
    Answer, AppState, Change, NoBody, OfTenantControl, Optional, TenantCaller, permitted, unexpected,
};
use kernel::Permission;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use webhooks::endpoints::{self, Endpoint, EndpointId, NewEndpoint, PatchEndpoint};

use crate::versioned::{IfNoneMatch, shown};

type EndpointCursor = Cursor<EndpointId>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(event_types), Permission::WebhooksRead))
        .routes(permitted(routes!(list), Permission::WebhooksRead))
        .routes(permitted(routes!(create), Permission::WebhooksWrite))
        .routes(permitted(routes!(get), Permission::WebhooksRead))
        .routes(permitted(routes!(update), Permission::WebhooksWrite))
        .routes(permitted(routes!(delete), Permission::WebhooksWrite))
        .routes(permitted(routes!(rotate), Permission::WebhooksWrite))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EndpointQuery {
    #[serde(default)]
    limit: Limit,
    cursor: Option<EndpointCursor>,
}

/// List the types of events
#[utoipa::path(get, path = "/api/webhooks/event-types", operation_id = "listWebhookEventTypes", tag = "webhooks",
    security(("tenantKey" = [])),
    responses((status = 200, description = "What can be heard of.", body = EventTypes)))]
async fn event_types(_: TenantCaller) -> Json<EventTypes> {
    Json(EventTypes::all())
}

/// List webhooks
#[utoipa::path(get, path = "/api/webhooks", operation_id = "listWebhooks", tag = "webhooks",
    security(("tenantKey" = [])), params(EndpointQuery),
    responses((status = 200, description = "A page of webhooks, newest first.", body = Page<Endpoint>)))]
async fn list(
    caller: TenantCaller,
    Query(query): Query<EndpointQuery>,
) -> Result<Json<Page<Endpoint>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let after = query.cursor.map(|cursor| cursor.0);
    let found = endpoints::list(&mut tx, Some(caller.tenant.id), after, query.limit.rows());
    let found = found.await.map_err(failed)?;
    Ok(Json(Page::new(found, query.limit, |endpoint| endpoint.id)))
}

/// Register a webhook
///
/// Deliveries follow the Standard Webhooks specification. The secret that they are signed with is in this answer and
/// nowhere else.
#[utoipa::path(post, path = "/api/webhooks", operation_id = "createWebhook", tag = "webhooks",
    security(("tenantKey" = [])), params(IdempotencyKey), request_body = NewEndpoint,
    responses((status = 201, description = "The webhook with its secret.", body = WithSecret,
        headers(("Location" = String), ("ETag" = String)))))]
async fn create(
    State(state): State<AppState>,
    mut change: Change<OfTenantControl, NewEndpoint>,
) -> Result<Answer, ProblemResponse> {
    let owner = Some(change.request.caller.tenant.id);
    let new = std::mem::take(&mut change.body);
    let made = endpoints::create(&mut change.tx, &state.webhooks, owner, new)
        .await
        .map_err(failed)?;
    let (location, version) = (format!("/api/webhooks/{}", made.0.id), made.0.version);
    let answer = Answer::created(location, &WithSecret::from(made))?;
    change.answer(answer.version(version)).await
}

/// Get a webhook
#[utoipa::path(get, path = "/api/webhooks/{id}", operation_id = "getWebhook", tag = "webhooks",
    security(("tenantKey" = [])), params(("id" = EndpointId, Path), IfNoneMatch),
    responses(
        (status = 200, description = "The webhook, without its secret.", body = Endpoint, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version.")))]
async fn get(
    caller: TenantCaller,
    Path(id): Path<EndpointId>,
    known: IfNoneMatch,
) -> Result<Response, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let endpoint = endpoints::get(&mut tx, Some(caller.tenant.id), id)
        .await
        .map_err(failed)?;
    Ok(shown(&known, endpoint.version, endpoint))
}

/// Change a webhook
///
/// One that is made active again begins anew: what failed meanwhile can be replayed.
#[utoipa::path(patch, path = "/api/webhooks/{id}", operation_id = "updateWebhook", tag = "webhooks",
    security(("tenantKey" = [])), params(("id" = EndpointId, Path), IfMatch, IdempotencyKey),
    request_body = PatchEndpoint,
    responses((status = 200, description = "The changed webhook.", body = Endpoint, headers(("ETag" = String)))))]
async fn update(
    State(state): State<AppState>,
    Path(id): Path<EndpointId>,
    mut change: Change<OfTenantControl, PatchEndpoint>,
) -> Result<Answer, ProblemResponse> {
    let (owner, expected) = (Some(change.request.caller.tenant.id), change.request.expected);
    let patch = std::mem::take(&mut change.body);
    let endpoint = endpoints::update(&mut change.tx, &state.webhooks, owner, id, expected, patch)
        .await
        .map_err(failed)?;
    change
        .answer(Answer::ok(&endpoint)?.version(endpoint.version))
        .await
}

/// Remove a webhook
///
/// With everything that was delivered to it.
#[utoipa::path(delete, path = "/api/webhooks/{id}", operation_id = "deleteWebhook", tag = "webhooks",
    security(("tenantKey" = [])), params(("id" = EndpointId, Path), IfMatch, IdempotencyKey),
    responses((status = 204, description = "The webhook is gone.")))]
async fn delete(
    Path(id): Path<EndpointId>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (owner, expected) = (Some(change.request.caller.tenant.id), change.request.expected);
    endpoints::delete(&mut change.tx, owner, id, expected)
        .await
        .map_err(failed)?;
    change.answer(Answer::no_content()).await
}

/// Replace a webhook's secret
///
/// The secret before signs too until the overlap ends: deliveries carry both signatures.
#[utoipa::path(post, path = "/api/webhooks/{id}/rotate-secret", operation_id = "rotateWebhookSecret", tag = "webhooks",
    security(("tenantKey" = [])), params(("id" = EndpointId, Path), IdempotencyKey),
    request_body = Option<SecretRotation>,
    responses((status = 200, description = "The webhook with its new secret.", body = WithSecret,
        headers(("ETag" = String)))))]
async fn rotate(
    State(state): State<AppState>,
    Path(id): Path<EndpointId>,
    mut change: Change<OfTenantControl, Optional<SecretRotation>>,
) -> Result<Answer, ProblemResponse> {
    let owner = Some(change.request.caller.tenant.id);
    let overlap = change.body.0.overlap();
    let made = endpoints::rotate_secret(&mut change.tx, &state.webhooks, owner, id, overlap)
        .await
        .map_err(failed)?;
    let version = made.0.version;
    change
        .answer(Answer::ok(&WithSecret::from(made))?.version(version))
        .await
}
