//! `/admin/api-keys`.

use edge::{Cursor, IdempotencyKey, Json, Limit, Page, Path, ProblemResponse, Query};
use gate::keys::{AdminKeyOrder, CreatedKey, RotationOrder, failed};
use gate::{Answer, AppState, Change, NoBody, OfPlatform, Optional, PlatformCaller, permitted, unexpected};
use identity::admin_api_keys::{self, AdminApiKey, AdminApiKeyId, NewAdminApiKey};
use kernel::AdminPermission;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

type KeyCursor = Cursor<AdminApiKeyId>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), AdminPermission::AdminKeysRead))
        .routes(permitted(routes!(create), AdminPermission::AdminKeysWrite))
        .routes(permitted(routes!(revoke), AdminPermission::AdminKeysWrite))
        .routes(permitted(routes!(rotate), AdminPermission::AdminKeysWrite))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct KeyFilter {
    #[serde(default)]
    limit: Limit,
    cursor: Option<KeyCursor>,
    /// How the key begins.
    prefix: Option<String>,
}

/// List the operators' API keys
///
/// An operator who is limited to some tenants sees his own.
#[utoipa::path(get, path = "/admin/api-keys", operation_id = "listAdminApiKeys", tag = "keys",
    security(("adminKey" = [])), params(KeyFilter),
    responses((status = 200, description = "A page of keys, newest first.", body = Page<AdminApiKey>)))]
async fn list(
    caller: PlatformCaller,
    Query(query): Query<KeyFilter>,
) -> Result<Json<Page<AdminApiKey>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let after = query.cursor.map(|cursor| cursor.0);
    let keys = admin_api_keys::list(&mut tx, query.prefix.as_deref(), after, query.limit.rows());
    let keys = keys.await.map_err(failed)?;
    Ok(Json(Page::new(keys, query.limit, |key| key.id)))
}

/// Create an operator's API key
///
/// It acts for the operator who makes it, and allows no more than he may at the time it is used. The key itself is in this
/// answer and nowhere else.
#[utoipa::path(post, path = "/admin/api-keys", operation_id = "createAdminApiKey", tag = "keys",
    security(("adminKey" = [])), params(IdempotencyKey), request_body = AdminKeyOrder,
    responses((status = 201, description = "The key.", body = CreatedKey<AdminApiKey>, headers(("Location" = String)))))]
async fn create(mut change: Change<OfPlatform, AdminKeyOrder>) -> Result<Answer, ProblemResponse> {
    let held = change.request.caller.ctx.caller().grants;
    let new: NewAdminApiKey = std::mem::take(&mut change.body).into();
    let made = admin_api_keys::create(&mut change.tx, held, new)
        .await
        .map_err(failed)?;
    let location = format!("/admin/api-keys/{}", made.0.id);
    change
        .answer(Answer::created(location, &CreatedKey::from(made))?)
        .await
}

/// Revoke an operator's API key
#[utoipa::path(delete, path = "/admin/api-keys/{keyId}", operation_id = "revokeAdminApiKey", tag = "keys",
    security(("adminKey" = [])), params(("keyId" = AdminApiKeyId, Path), IdempotencyKey),
    responses((status = 204, description = "The key is refused from now on.")))]
async fn revoke(
    Path(key): Path<AdminApiKeyId>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let held = change.request.caller.ctx.caller().grants;
    admin_api_keys::revoke(&mut change.tx, held, key)
        .await
        .map_err(failed)?;
    change.answer(Answer::no_content()).await
}

/// Rotate an operator's API key
///
/// A new key with the same scopes; the old one works for the overlap.
#[utoipa::path(post, path = "/admin/api-keys/{keyId}/rotate", operation_id = "rotateAdminApiKey",
    tag = "keys", security(("adminKey" = [])),
    params(("keyId" = AdminApiKeyId, Path), IdempotencyKey), request_body = Option<RotationOrder>,
    responses((status = 201, description = "The new key.", body = CreatedKey<AdminApiKey>, headers(("Location" = String)))))]
async fn rotate(
    Path(key): Path<AdminApiKeyId>,
    mut change: Change<OfPlatform, Optional<RotationOrder>>,
) -> Result<Answer, ProblemResponse> {
    let held = change.request.caller.ctx.caller().grants;
    let overlap = change.body.0.overlap();
    let made = admin_api_keys::rotate(&mut change.tx, held, key, overlap)
        .await
        .map_err(failed)?;
    let location = format!("/admin/api-keys/{}", made.0.id);
    change
        .answer(Answer::created(location, &CreatedKey::from(made))?)
        .await
}
