//! `/admin/tenants/{id}/users/{userId}/sessions`: where a tenant's person is logged in, and ending that.

use access::sessions::Session;
use access::users;
use edge::{IdempotencyKey, Json, Page, Path, ProblemResponse};
use gate::people::shut_out;
use gate::{Answer, AppState, Change, NoBody, OfPlatform, PlatformCaller, permitted, unexpected};
use kernel::{AdminPermission, Grants, TenantId, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), AdminPermission::UsersRead))
        .routes(permitted(routes!(end), AdminPermission::UsersWrite))
}

/// List the sessions of a tenant's person
#[utoipa::path(get, path = "/admin/tenants/{id}/users/{userId}/sessions", operation_id = "listTenantUserSessions",
    tag = "identity", security(("adminKey" = [])), params(("id" = TenantId, Path), ("userId" = UserId, Path)),
    responses((status = 200, description = "Those that have not ended, newest first.", body = Page<Session>)))]
async fn list(
    caller: PlatformCaller,
    Path((tenant, user)): Path<(TenantId, UserId)>,
) -> Result<Json<Page<Session>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let items = users::sessions(&mut tx, tenant, user).await.map_err(shut_out)?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// End the sessions of a tenant's person
///
/// All of them, on every device; whether he may log in again is another matter.
#[utoipa::path(delete, path = "/admin/tenants/{id}/users/{userId}/sessions", operation_id = "endTenantUserSessions",
    tag = "identity", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("userId" = UserId, Path), IdempotencyKey),
    responses((status = 204, description = "He is logged out everywhere.")))]
async fn end(
    Path((tenant, user)): Path<(TenantId, UserId)>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    users::end_sessions(&mut change.tx, tenant, Grants::all(), user)
        .await
        .map_err(shut_out)?;
    change.answer(Answer::no_content()).await
}
