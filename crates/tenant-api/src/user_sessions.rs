//! `/api/users/{id}/sessions`: where a person is logged in, for those who administer people. His own are under
//! `/api/auth`.

use access::sessions::Session;
use access::users;
use edge::{IdempotencyKey, Json, Page, Path, ProblemResponse};
use gate::people::shut_out;
use gate::{Answer, AppState, Change, NoBody, OfTenantControl, TenantCaller, permitted, unexpected};
use kernel::{Permission, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::users::asked;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), Permission::UsersWrite))
        .routes(permitted(routes!(end), Permission::UsersWrite))
}

/// List a person's sessions
#[utoipa::path(get, path = "/api/users/{id}/sessions", operation_id = "listUserSessions", tag = "identity",
    security(("tenantKey" = [])), params(("id" = UserId, Path)),
    responses((status = 200, description = "Those that have not ended, newest first.", body = Page<Session>)))]
async fn list(caller: TenantCaller, Path(id): Path<UserId>) -> Result<Json<Page<Session>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let items = users::sessions(&mut tx, caller.tenant.id, id)
        .await
        .map_err(shut_out)?;
    let own = caller.session.map(|session| session.id);
    Ok(Json(Page {
        items: items.into_iter().map(|session| session.of_caller(own)).collect(),
        next_cursor: None,
    }))
}

/// End a person's sessions
///
/// All of them, on every device; whether he may log in again is another matter.
#[utoipa::path(delete, path = "/api/users/{id}/sessions", operation_id = "endUserSessions", tag = "identity",
    security(("tenantKey" = [])), params(("id" = UserId, Path), IdempotencyKey),
    responses((status = 204, description = "He is logged out everywhere.")))]
async fn end(
    Path(id): Path<UserId>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (tenant, held, _) = asked(&change);
    users::end_sessions(&mut change.tx, tenant, held, id)
        .await
        .map_err(shut_out)?;
    change.answer(Answer::no_content()).await
}
