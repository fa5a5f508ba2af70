//! `/api/webhooks/{id}/deliveries`: what was sent to a webhook of the caller's tenant, sending it again, and trying it
//! out.

use edge::{Cursor, IdempotencyKey, Json, Limit, Page, Path, ProblemResponse, Query};
use gate::webhooks::{Replay, Replayed, not_delivered};
use gate::{Answer, AppState, Change, NoBody, OfTenantControl, TenantCaller, permitted, unexpected};
use kernel::Permission;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use webhooks::deliveries::{self, Delivery, DeliveryFilter, DeliveryId, DeliveryStatus};
use webhooks::endpoints::EndpointId;

type DeliveryCursor = Cursor<DeliveryId>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), Permission::WebhooksRead))
        .routes(permitted(routes!(get), Permission::WebhooksRead))
        .routes(permitted(routes!(replay), Permission::WebhooksWrite))
        .routes(permitted(routes!(replay_failed), Permission::WebhooksWrite))
        .routes(permitted(routes!(test), Permission::WebhooksWrite))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeliveryQuery {
    #[serde(default)]
    limit: Limit,
    cursor: Option<DeliveryCursor>,
    /// That stand here.
    status: Option<DeliveryStatus>,
}

/// List a webhook's deliveries
///
/// They are kept for 30 days.
#[utoipa::path(get, path = "/api/webhooks/{id}/deliveries", operation_id = "listWebhookDeliveries", tag = "webhooks",
    security(("tenantKey" = [])), params(("id" = EndpointId, Path), DeliveryQuery),
    responses((status = 200, description = "A page of deliveries, newest first.", body = Page<Delivery>)))]
async fn list(
    caller: TenantCaller,
    Path(id): Path<EndpointId>,
    Query(query): Query<DeliveryQuery>,
) -> Result<Json<Page<Delivery>>, ProblemResponse> {
    let filter = DeliveryFilter { status: query.status };
    let (owner, after) = (Some(caller.tenant.id), query.cursor.map(|cursor| cursor.0));
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let found = deliveries::list(&mut tx, owner, id, filter, after, query.limit.rows());
    let found = found.await.map_err(not_delivered)?;
    Ok(Json(Page::new(found, query.limit, |delivery| delivery.id)))
}

/// Get a delivery
#[utoipa::path(get, path = "/api/webhooks/{id}/deliveries/{deliveryId}", operation_id = "getWebhookDelivery",
    tag = "webhooks", security(("tenantKey" = [])),
    params(("id" = EndpointId, Path), ("deliveryId" = DeliveryId, Path)),
    responses((status = 200, description = "The delivery.", body = Delivery)))]
async fn get(
    caller: TenantCaller,
    Path((id, delivery)): Path<(EndpointId, DeliveryId)>,
) -> Result<Json<Delivery>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let delivery = deliveries::get(&mut tx, Some(caller.tenant.id), id, delivery)
        .await
        .map_err(not_delivered)?;
    Ok(Json(delivery))
}

/// Send a delivery again
///
/// Whatever became of it, with all attempts before it, under the same event identifier.
#[utoipa::path(post, path = "/api/webhooks/{id}/deliveries/{deliveryId}/replay", operation_id = "replayWebhookDelivery",
    tag = "webhooks", security(("tenantKey" = [])),
    params(("id" = EndpointId, Path), ("deliveryId" = DeliveryId, Path), IdempotencyKey),
    responses((status = 202, description = "The delivery, which is due now.", body = Delivery,
        headers(("Location" = String)))))]
async fn replay(
    Path((id, delivery)): Path<(EndpointId, DeliveryId)>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let owner = Some(change.request.caller.tenant.id);
    let delivery = deliveries::replay(&mut change.tx, owner, id, delivery)
        .await
        .map_err(not_delivered)?;
    let location = format!("/api/webhooks/{id}/deliveries/{}", delivery.id);
    change.answer(Answer::accepted(location, &delivery)?).await
}

/// Send failed deliveries again
///
/// All that were made since a time.
#[utoipa::path(post, path = "/api/webhooks/{id}/replay", operation_id = "replayFailedWebhookDeliveries", tag = "webhooks",
    security(("tenantKey" = [])), params(("id" = EndpointId, Path), IdempotencyKey), request_body = Replay,
    responses((status = 202, description = "How many are due now.", body = Replayed,
        headers(("Location" = String)))))]
async fn replay_failed(
    Path(id): Path<EndpointId>,
    mut change: Change<OfTenantControl, Replay>,
) -> Result<Answer, ProblemResponse> {
    let (owner, since) = (Some(change.request.caller.tenant.id), change.body.since);
    let replayed = deliveries::replay_failed(&mut change.tx, owner, id, since)
        .await
        .map_err(not_delivered)?;
    let location = format!("/api/webhooks/{id}/deliveries");
    change
        .answer(Answer::accepted(location, &Replayed { replayed })?)
        .await
}

/// Try a webhook out
///
/// Sends it an event `webhook.test`, whatever types it hears of.
#[utoipa::path(post, path = "/api/webhooks/{id}/test", operation_id = "testWebhook", tag = "webhooks",
    security(("tenantKey" = [])), params(("id" = EndpointId, Path), IdempotencyKey),
    responses((status = 202, description = "The delivery, which is due now.", body = Delivery,
        headers(("Location" = String)))))]
async fn test(
    Path(id): Path<EndpointId>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let owner = Some(change.request.caller.tenant.id);
    let delivery = deliveries::test(&mut change.tx, owner, id)
        .await
        .map_err(not_delivered)?;
    let location = format!("/api/webhooks/{id}/deliveries/{}", delivery.id);
    change.answer(Answer::accepted(location, &delivery)?).await
}
