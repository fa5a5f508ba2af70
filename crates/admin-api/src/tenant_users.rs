//! `/admin/tenants/{id}/users`: a tenant's people, as operators see them. Whom to invite, and who has which role, is
//! the tenant's own business.

use access::users as door;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use edge::etag::not_modified;
use edge::{Cursor, ETag, IdempotencyKey, IfMatch, Json, Limit, Page, Path, ProblemResponse, Query};
use gate::people::{failed, shut_out};
use gate::{Answer, AppState, Change, NoBody, OfPlatform, PlatformCaller, permitted, unexpected};
use identity::RoleName;
use identity::users::{self, User, UserFilter, UserStatus};
use kernel::{AdminPermission, Code, Grants, TenantId, UserId};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tenant_failures::parameter;

type UserCursor = Cursor<UserId>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), AdminPermission::UsersRead))
        .routes(permitted(routes!(get), AdminPermission::UsersRead))
        .routes(permitted(routes!(delete), AdminPermission::UsersWrite))
        .routes(permitted(routes!(deactivate), AdminPermission::UsersWrite))
        .routes(permitted(routes!(reactivate), AdminPermission::UsersWrite))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct UserQuery {
    #[serde(default)]
    limit: Limit,
    cursor: Option<UserCursor>,
    /// With this text in the address or the name, whatever its case.
    #[param(min_length = 1, max_length = 200)]
    q: Option<String>,
    /// Of this role.
    role: Option<RoleName>,
    /// Who stand here.
    status: Option<UserStatus>,
}

impl UserQuery {
    fn filter(self) -> Result<UserFilter, ProblemResponse> {
        let fits = |text: &String| {
            (1..=200).contains(&text.trim().chars().count()) && !text.chars().any(char::is_control)
        };
        if !self.q.as_ref().is_none_or(fits) {
            return Err(parameter("q", "must be one line of 1 to 200 characters"));
        }
        Ok(UserFilter {
            q: self.q,
            role: self.role,
            status: self.status,
        })
    }
}

/// List a tenant's people
#[utoipa::path(get, path = "/admin/tenants/{id}/users", operation_id = "listTenantUsers", tag = "identity",
    security(("adminKey" = [])), params(("id" = TenantId, Path), UserQuery),
    responses((status = 200, description = "A page of people, newest first.", body = Page<User>)))]
async fn list(
    caller: PlatformCaller,
    Path(tenant): Path<TenantId>,
    Query(query): Query<UserQuery>,
) -> Result<Json<Page<User>>, ProblemResponse> {
    let (limit, after) = (query.limit, query.cursor.as_ref().map(|cursor| cursor.0));
    let filter = query.filter()?;
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    tenants::get(&mut tx, tenant)
        .await
        .map_err(unexpected)?
        .ok_or(Code::NotFound)?;
    let found = users::list(&mut tx, tenant, &filter, after, limit.rows())
        .await
        .map_err(failed)?;
    Ok(Json(Page::new(found, limit, |user| user.id)))
}

/// Get a tenant's person
#[utoipa::path(get, path = "/admin/tenants/{id}/users/{userId}", operation_id = "getTenantUser", tag = "identity",
    security(("adminKey" = [])), params(("id" = TenantId, Path), ("userId" = UserId, Path)),
    responses(
        (status = 200, description = "The person.", body = User, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version.")))]
async fn get(
    caller: PlatformCaller,
    Path((tenant, user)): Path<(TenantId, UserId)>,
    headers: HeaderMap,
) -> Result<Response, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let user = users::get(&mut tx, tenant, user).await.map_err(failed)?;
    let tag = ETag::version(user.version);
    Ok(if not_modified(&headers, &tag) {
        (axum::http::StatusCode::NOT_MODIFIED, tag, ()).into_response()
    } else {
        (tag, Json(user)).into_response()
    })
}

/// Delete a tenant's person
///
/// With his keys, sessions and invitations. The last owner stays.
#[utoipa::path(delete, path = "/admin/tenants/{id}/users/{userId}", operation_id = "deleteTenantUser", tag = "identity",
    security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("userId" = UserId, Path), IfMatch, IdempotencyKey),
    responses((status = 204, description = "The person is gone.")))]
async fn delete(
    Path((tenant, user)): Path<(TenantId, UserId)>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let expected = change.request.expected;
    users::delete(&mut change.tx, tenant, Grants::all(), user, expected)
        .await
        .map_err(failed)?;
    change.answer(Answer::no_content()).await
}

/// Shut a tenant's person out
///
/// His sessions end, his keys are refused, and his seat is free. The last owner stays.
#[utoipa::path(post, path = "/admin/tenants/{id}/users/{userId}/deactivate", operation_id = "deactivateTenantUser",
    tag = "identity", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("userId" = UserId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The person, shut out.", body = User, headers(("ETag" = String)))))]
async fn deactivate(
    Path((tenant, user)): Path<(TenantId, UserId)>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let expected = change.request.expected;
    let user = door::deactivate(&mut change.tx, tenant, Grants::all(), user, expected)
        .await
        .map_err(shut_out)?;
    change.answer(Answer::ok(&user)?.version(user.version)).await
}

/// Let a tenant's person in again
///
/// He takes a seat. One who never accepted his invitation has to be sent a new one.
#[utoipa::path(post, path = "/admin/tenants/{id}/users/{userId}/reactivate", operation_id = "reactivateTenantUser",
    tag = "identity", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("userId" = UserId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The person.", body = User, headers(("ETag" = String)))))]
async fn reactivate(
    Path((tenant, user)): Path<(TenantId, UserId)>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let expected = change.request.expected;
    let user = users::reactivate(&mut change.tx, tenant, Grants::all(), user, expected)
        .await
        .map_err(failed)?;
    change.answer(Answer::ok(&user)?.version(user.version)).await
}
