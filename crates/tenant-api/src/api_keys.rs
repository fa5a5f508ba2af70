//! `/api/api-keys`: nobody hands out more than he may himself.

use edge::{Cursor, IdempotencyKey, Json, Limit, Page, Path, ProblemResponse, Query};
use gate::keys::{CreatedKey, KeyOrder, RotationOrder, failed};
use gate::{
    Answer, AppState, Change, NoBody, OfTenantControl, Optional, TenantCaller, of_feature, permitted,
    unexpected,
};
use identity::api_keys::{self, ApiKey, ApiKeyId, NewApiKey};
use kernel::Permission;
use serde::Deserialize;
use tenants::plans::Feature;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

type KeyCursor = Cursor<ApiKeyId>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), Permission::ApiKeysRead))
        .routes(of_feature(
            permitted(routes!(create), Permission::ApiKeysWrite),
            Feature::ApiAccess,
        ))
        .routes(permitted(routes!(get), Permission::ApiKeysRead))
        .routes(permitted(routes!(revoke), Permission::ApiKeysWrite))
        .routes(permitted(routes!(rotate), Permission::ApiKeysWrite))
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

/// List API keys
#[utoipa::path(get, path = "/api/api-keys", operation_id = "listApiKeys", tag = "keys",
    security(("tenantKey" = [])), params(KeyFilter),
    responses((status = 200, description = "A page of keys, newest first.", body = Page<ApiKey>)))]
async fn list(
    caller: TenantCaller,
    Query(query): Query<KeyFilter>,
) -> Result<Json<Page<ApiKey>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let after = query.cursor.map(|cursor| cursor.0);
    let keys = api_keys::list(
        &mut tx,
        caller.tenant.id,
        query.prefix.as_deref(),
        after,
        query.limit.rows(),
    );
    let keys = keys.await.map_err(failed)?;
    Ok(Json(Page::new(keys, query.limit, |key| key.id)))
}

/// Create an API key
///
/// The key itself is in this answer and nowhere else. It cannot allow more than its maker may.
#[utoipa::path(post, path = "/api/api-keys", operation_id = "createApiKey", tag = "keys",
    security(("tenantKey" = [])), params(IdempotencyKey), request_body = KeyOrder,
    responses((status = 201, description = "The key.", body = CreatedKey<ApiKey>, headers(("Location" = String)))))]
async fn create(mut change: Change<OfTenantControl, KeyOrder>) -> Result<Answer, ProblemResponse> {
    let caller = &change.request.caller;
    let (tenant, held) = (caller.tenant.id, caller.ctx.caller().grants);
    let new: NewApiKey = std::mem::take(&mut change.body).into();
    let made = api_keys::create(&mut change.tx, tenant, held, new)
        .await
        .map_err(failed)?;
    let location = format!("/api/api-keys/{}", made.0.id);
    change
        .answer(Answer::created(location, &CreatedKey::from(made))?)
        .await
}

/// Get an API key
#[utoipa::path(get, path = "/api/api-keys/{id}", operation_id = "getApiKey", tag = "keys",
    security(("tenantKey" = [])), params(("id" = ApiKeyId, Path)),
    responses((status = 200, description = "The key, without the key itself.", body = ApiKey)))]
async fn get(caller: TenantCaller, Path(id): Path<ApiKeyId>) -> Result<Json<ApiKey>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    Ok(Json(
        api_keys::get(&mut tx, caller.tenant.id, id)
            .await
            .map_err(failed)?,
    ))
}

/// Revoke an API key
#[utoipa::path(delete, path = "/api/api-keys/{id}", operation_id = "revokeApiKey", tag = "keys",
    security(("tenantKey" = [])), params(("id" = ApiKeyId, Path), IdempotencyKey),
    responses((status = 204, description = "The key is refused from now on.")))]
async fn revoke(
    Path(id): Path<ApiKeyId>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let tenant = change.request.caller.tenant.id;
    api_keys::revoke(&mut change.tx, tenant, id)
        .await
        .map_err(failed)?;
    change.answer(Answer::no_content()).await
}

/// Rotate an API key
///
/// A new key with the same scopes; the old one works for the overlap.
#[utoipa::path(post, path = "/api/api-keys/{id}/rotate", operation_id = "rotateApiKey", tag = "keys",
    security(("tenantKey" = [])), params(("id" = ApiKeyId, Path), IdempotencyKey),
    request_body = Option<RotationOrder>,
    responses((status = 201, description = "The new key.", body = CreatedKey<ApiKey>, headers(("Location" = String)))))]
async fn rotate(
    Path(id): Path<ApiKeyId>,
    mut change: Change<OfTenantControl, Optional<RotationOrder>>,
) -> Result<Answer, ProblemResponse> {
    let caller = &change.request.caller;
    let (tenant, held) = (caller.tenant.id, caller.ctx.caller().grants);
    let overlap = change.body.0.overlap();
    let made = api_keys::rotate(&mut change.tx, tenant, held, id, overlap)
        .await
        .map_err(failed)?;
    let location = format!("/api/api-keys/{}", made.0.id);
    change
        .answer(Answer::created(location, &CreatedKey::from(made))?)
        .await
}
