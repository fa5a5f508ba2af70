//! `/admin/tenants/{id}/api-keys`.

use edge::{Cursor, IdempotencyKey, Json, Limit, Page, Path, ProblemResponse, Query};
use gate::keys::{CreatedKey, KeyOrder, RotationOrder, failed};
use gate::{Answer, AppState, Change, NoBody, OfPlatform, Optional, PlatformCaller, permitted, unexpected};
use identity::api_keys::{self, ApiKey, ApiKeyId, NewApiKey};
use isolation::ControlTx;
use kernel::{AdminPermission, Code, Grants, Problem, TenantId};
use serde::Deserialize;
use tenants::Status;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

type KeyCursor = Cursor<ApiKeyId>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), AdminPermission::TenantKeysRead))
        .routes(permitted(routes!(create), AdminPermission::TenantKeysWrite))
        .routes(permitted(routes!(revoke), AdminPermission::TenantKeysWrite))
        .routes(permitted(routes!(rotate), AdminPermission::TenantKeysWrite))
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

/// List a tenant's API keys
#[utoipa::path(get, path = "/admin/tenants/{id}/api-keys", operation_id = "listTenantApiKeys", tag = "keys",
    security(("adminKey" = [])), params(("id" = TenantId, Path), KeyFilter),
    responses((status = 200, description = "A page of keys, newest first.", body = Page<ApiKey>)))]
async fn list(
    caller: PlatformCaller,
    Path(tenant): Path<TenantId>,
    Query(query): Query<KeyFilter>,
) -> Result<Json<Page<ApiKey>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    tenants::get(&mut tx, tenant)
        .await
        .map_err(unexpected)?
        .ok_or(Code::NotFound)?;
    let after = query.cursor.map(|cursor| cursor.0);
    let keys = api_keys::list(
        &mut tx,
        tenant,
        query.prefix.as_deref(),
        after,
        query.limit.rows(),
    );
    let keys = keys.await.map_err(failed)?;
    Ok(Json(Page::new(keys, query.limit, |key| key.id)))
}

/// Create an API key for a tenant
///
/// The key itself is in this answer and nowhere else.
#[utoipa::path(post, path = "/admin/tenants/{id}/api-keys", operation_id = "createTenantApiKey", tag = "keys",
    security(("adminKey" = [])), params(("id" = TenantId, Path), IdempotencyKey), request_body = KeyOrder,
    responses((status = 201, description = "The key.", body = CreatedKey<ApiKey>, headers(("Location" = String)))))]
async fn create(
    Path(tenant): Path<TenantId>,
    mut change: Change<OfPlatform, KeyOrder>,
) -> Result<Answer, ProblemResponse> {
    let new: NewApiKey = std::mem::take(&mut change.body).into();
    require_staying(&mut change.tx, tenant).await?;
    let made = api_keys::create(&mut change.tx, tenant, Grants::all(), new)
        .await
        .map_err(failed)?;
    let location = format!("/admin/tenants/{tenant}/api-keys/{}", made.0.id);
    change
        .answer(Answer::created(location, &CreatedKey::from(made))?)
        .await
}

/// A tenant that is to be removed gets no more keys: its removal would miss one that is made behind its back.
async fn require_staying(tx: &mut ControlTx, tenant: TenantId) -> Result<(), ProblemResponse> {
    let status = tenants::get_for_update(tx, tenant)
        .await
        .map_err(unexpected)?
        .ok_or(Code::NotFound)?
        .status;
    if status.is_editable() || status == Status::Provisioning {
        return Ok(());
    }
    let detail = format!("A tenant that is {} gets no keys.", status.name());
    Err(Problem::new(Code::InvalidTransition, detail).into())
}

/// Revoke a tenant's API key
#[utoipa::path(delete, path = "/admin/tenants/{id}/api-keys/{keyId}", operation_id = "revokeTenantApiKey", tag = "keys",
    security(("adminKey" = [])), params(("id" = TenantId, Path), ("keyId" = ApiKeyId, Path), IdempotencyKey),
    responses((status = 204, description = "The key is refused from now on.")))]
async fn revoke(
    Path((tenant, key)): Path<(TenantId, ApiKeyId)>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    api_keys::revoke(&mut change.tx, tenant, key)
        .await
        .map_err(failed)?;
    change.answer(Answer::no_content()).await
}

/// Rotate a tenant's API key
///
/// A new key with the same scopes; the old one works for the overlap.
#[utoipa::path(post, path = "/admin/tenants/{id}/api-keys/{keyId}/rotate", operation_id = "rotateTenantApiKey",
    tag = "keys", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("keyId" = ApiKeyId, Path), IdempotencyKey), request_body = Option<RotationOrder>,
    responses((status = 201, description = "The new key.", body = CreatedKey<ApiKey>, headers(("Location" = String)))))]
async fn rotate(
    Path((tenant, key)): Path<(TenantId, ApiKeyId)>,
    mut change: Change<OfPlatform, Optional<RotationOrder>>,
) -> Result<Answer, ProblemResponse> {
    let overlap = change.body.0.overlap();
    require_staying(&mut change.tx, tenant).await?;
    let made = api_keys::rotate(&mut change.tx, tenant, Grants::all(), key, overlap)
        .await
        .map_err(failed)?;
    let location = format!("/admin/tenants/{tenant}/api-keys/{}", made.0.id);
    change
        .answer(Answer::created(location, &CreatedKey::from(made))?)
        .await
}
