//! `/admin/webhooks`: who hears of what happens in any tenant.

use axum::extract::State;
use edge::{Cursor, ETag, IdempotencyKey, IfMatch, Json, Limit, Page, Path, ProblemResponse, Query};
use gate::webhooks::{EventTypes, SecretRotation, WithSecret, failed};
use gate::{Answer, AppState, Change, NoBody, OfPlatform, Optional, PlatformCaller, permitted, unexpected};
use kernel::AdminPermission;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use webhooks::endpoints::{self, Endpoint, EndpointId, NewEndpoint, PatchEndpoint};

type EndpointCursor = Cursor<EndpointId>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(event_types), AdminPermission::WebhooksRead))
        .routes(permitted(routes!(list), AdminPermission::WebhooksRead))
        .routes(permitted(routes!(create), AdminPermission::WebhooksWrite))
        .routes(permitted(routes!(get), AdminPermission::WebhooksRead))
        .routes(permitted(routes!(update), AdminPermission::WebhooksWrite))
        .routes(permitted(routes!(delete), AdminPermission::WebhooksWrite))
        .routes(permitted(routes!(rotate), AdminPermission::WebhooksWrite))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EndpointQuery {
    #[serde(default)]
    limit: Limit,
    cursor: Option<EndpointCursor>,
}

/// List the types of events that the platform can hear of
#[utoipa::path(get, path = "/admin/webhooks/event-types", operation_id = "listPlatformWebhookEventTypes", tag = "webhooks",
    security(("adminKey" = [])),
    responses((status = 200, description = "What can be heard of.", body = EventTypes)))]
async fn event_types(_: PlatformCaller) -> Json<EventTypes> {
    Json(EventTypes::all())
}

/// List the platform's webhooks
#[utoipa::path(get, path = "/admin/webhooks", operation_id = "listPlatformWebhooks", tag = "webhooks",
    security(("adminKey" = [])), params(EndpointQuery),
    responses((status = 200, description = "A page of webhooks, newest first.", body = Page<Endpoint>)))]
async fn list(
    caller: PlatformCaller,
    Query(query): Query<EndpointQuery>,
) -> Result<Json<Page<Endpoint>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let after = query.cursor.map(|cursor| cursor.0);
    let found = endpoints::list(&mut tx, None, after, query.limit.rows());
    let found = found.await.map_err(failed)?;
    Ok(Json(Page::new(found, query.limit, |endpoint| endpoint.id)))
}

/// Register a webhook of the platform
///
/// It hears of every tenant. Deliveries follow the Standard Webhooks specification. The secret that they are signed with is in this answer and
/// nowhere else.
#[utoipa::path(post, path = "/admin/webhooks", operation_id = "createPlatformWebhook", tag = "webhooks",
    security(("adminKey" = [])), params(IdempotencyKey), request_body = NewEndpoint,
    responses((status = 201, description = "The webhook with its secret.", body = WithSecret,
        headers(("Location" = String), ("ETag" = String)))))]
async fn create(
    State(state): State<AppState>,
    mut change: Change<OfPlatform, NewEndpoint>,
) -> Result<Answer, ProblemResponse> {
    let owner = None;
    let new = std::mem::take(&mut change.body);
    let made = endpoints::create(&mut change.tx, &state.webhooks, owner, new)
        .await
        .map_err(failed)?;
    let (location, version) = (format!("/admin/webhooks/{}", made.0.id), made.0.version);
    let answer = Answer::created(location, &WithSecret::from(made))?;
    change.answer(answer.version(version)).await
}

/// Get a webhook of the platform
#[utoipa::path(get, path = "/admin/webhooks/{id}", operation_id = "getPlatformWebhook", tag = "webhooks",
    security(("adminKey" = [])), params(("id" = EndpointId, Path)),
    responses((status = 200, description = "The webhook, without its secret.", body = Endpoint, headers(("ETag" = String)))))]
async fn get(
    caller: PlatformCaller,
    Path(id): Path<EndpointId>,
) -> Result<(ETag, Json<Endpoint>), ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let endpoint = endpoints::get(&mut tx, None, id).await.map_err(failed)?;
    Ok((ETag::version(endpoint.version), Json(endpoint)))
}

/// Change a webhook of the platform
///
/// One that is made active again begins anew: what failed meanwhile can be replayed.
#[utoipa::path(patch, path = "/admin/webhooks/{id}", operation_id = "updatePlatformWebhook", tag = "webhooks",
    security(("adminKey" = [])), params(("id" = EndpointId, Path), IfMatch, IdempotencyKey),
    request_body = PatchEndpoint,
    responses((status = 200, description = "The changed webhook.", body = Endpoint, headers(("ETag" = String)))))]
async fn update(
    State(state): State<AppState>,
    Path(id): Path<EndpointId>,
    mut change: Change<OfPlatform, PatchEndpoint>,
) -> Result<Answer, ProblemResponse> {
    let (owner, expected) = (None, change.request.expected);
    let patch = std::mem::take(&mut change.body);
    let endpoint = endpoints::update(&mut change.tx, &state.webhooks, owner, id, expected, patch)
        .await
        .map_err(failed)?;
    change
        .answer(Answer::ok(&endpoint)?.version(endpoint.version))
        .await
}

/// Remove a webhook of the platform
///
/// With everything that was delivered to it.
#[utoipa::path(delete, path = "/admin/webhooks/{id}", operation_id = "deletePlatformWebhook", tag = "webhooks",
    security(("adminKey" = [])), params(("id" = EndpointId, Path), IfMatch, IdempotencyKey),
    responses((status = 204, description = "The webhook is gone.")))]
async fn delete(
    Path(id): Path<EndpointId>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (owner, expected) = (None, change.request.expected);
    endpoints::delete(&mut change.tx, owner, id, expected)
        .await
        .map_err(failed)?;
    change.answer(Answer::no_content()).await
}

/// Replace the secret of a webhook of the platform
///
/// The secret before signs too until the overlap ends: deliveries carry both signatures.
#[utoipa::path(post, path = "/admin/webhooks/{id}/rotate-secret", operation_id = "rotatePlatformWebhookSecret", tag = "webhooks",
    security(("adminKey" = [])), params(("id" = EndpointId, Path), IdempotencyKey),
    request_body = Option<SecretRotation>,
    responses((status = 200, description = "The webhook with its new secret.", body = WithSecret,
        headers(("ETag" = String)))))]
async fn rotate(
    State(state): State<AppState>,
    Path(id): Path<EndpointId>,
    mut change: Change<OfPlatform, Optional<SecretRotation>>,
) -> Result<Answer, ProblemResponse> {
    let owner = None;
    let overlap = change.body.0.overlap();
    let made = endpoints::rotate_secret(&mut change.tx, &state.webhooks, owner, id, overlap)
        .await
        .map_err(failed)?;
    let version = made.0.version;
    change
        .answer(Answer::ok(&WithSecret::from(made))?.version(version))
        .await
}
