//! `/api/users`: the people of the caller's tenant.

use access::invitations as inviting;
use access::users as door;
use axum::extract::State;
use axum::response::Response;
use edge::{Cursor, IdempotencyKey, IfMatch, Json, Limit, Page, Path, ProblemBody, ProblemResponse, Query};
use gate::people::failed;
use gate::{Answer, AppState, Change, NoBody, OfTenantControl, TenantCaller, permitted, unexpected};
use identity::RoleName;
use identity::users::{self, NewUser, PatchUser, User, UserFilter, UserStatus};
use kernel::{Permission, UserId, Validate};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::refusals::out_of_bounds;
use crate::versioned::{IfNoneMatch, shown};

type UserCursor = Cursor<UserId>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), Permission::UsersRead))
        .routes(permitted(routes!(invite), Permission::UsersWrite))
        .routes(permitted(routes!(get), Permission::UsersRead))
        .routes(permitted(routes!(update), Permission::UsersWrite))
        .routes(permitted(routes!(delete), Permission::UsersWrite))
        .routes(permitted(routes!(change_role), Permission::UsersWrite))
        .routes(permitted(routes!(deactivate), Permission::UsersWrite))
        .routes(permitted(routes!(reactivate), Permission::UsersWrite))
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

/// List people
#[utoipa::path(get, path = "/api/users", operation_id = "listUsers", tag = "identity",
    security(("tenantKey" = [])), params(UserQuery),
    responses((status = 200, description = "A page of people, newest first.", body = Page<User>)))]
async fn list(
    caller: TenantCaller,
    Query(query): Query<UserQuery>,
) -> Result<Json<Page<User>>, ProblemResponse> {
    out_of_bounds("q", query.q.as_deref())?;
    let filter = UserFilter {
        q: query.q,
        role: query.role,
        status: query.status,
    };
    let (after, rows) = (query.cursor.map(|cursor| cursor.0), query.limit.rows());
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let found = users::list(&mut tx, caller.tenant.id, &filter, after, rows)
        .await
        .map_err(failed)?;
    Ok(Json(Page::new(found, query.limit, |user| user.id)))
}

/// Invite a person
///
/// He gets a letter with a link that is good for seven days, and takes a seat of the plan at once. Nobody gives a
/// role that allows more than he may himself.
#[utoipa::path(post, path = "/api/users", operation_id = "inviteUser", tag = "identity",
    security(("tenantKey" = [])), params(IdempotencyKey), request_body = NewUser,
    responses(
        (status = 201, description = "The invited person.", body = User,
            headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "The tenant has a person of this address.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 429, description = "The plan's seats are taken.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn invite(
    State(state): State<AppState>,
    change: Change<OfTenantControl, NewUser>,
) -> Result<Answer, ProblemResponse> {
    let Change {
        body,
        mut tx,
        request,
    } = change;
    let caller = &request.caller;
    let (tenant, held) = (caller.tenant.id, caller.ctx.caller().grants);
    let user = inviting::invite(&mut tx, &state.letters, tenant, held, body)
        .await
        .map_err(crate::invitations::refused)?;
    let location = format!("/api/users/{}", user.id);
    request
        .finish(tx, Answer::created(location, &user)?.version(user.version))
        .await
}

/// Get a person
#[utoipa::path(get, path = "/api/users/{id}", operation_id = "getUser", tag = "identity",
    security(("tenantKey" = [])), params(("id" = UserId, Path), IfNoneMatch),
    responses(
        (status = 200, description = "The person.", body = User, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version.")))]
async fn get(
    caller: TenantCaller,
    Path(id): Path<UserId>,
    known: IfNoneMatch,
) -> Result<Response, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let user = users::get(&mut tx, caller.tenant.id, id).await.map_err(failed)?;
    Ok(shown(&known, user.version, user))
}

/// Change a person
///
/// What he is called. His address, role and status are not changed here.
#[utoipa::path(patch, path = "/api/users/{id}", operation_id = "updateUser", tag = "identity",
    security(("tenantKey" = [])), params(("id" = UserId, Path), IfMatch, IdempotencyKey), request_body = PatchUser,
    responses((status = 200, description = "The changed person.", body = User, headers(("ETag" = String)))))]
async fn update(
    Path(id): Path<UserId>,
    mut change: Change<OfTenantControl, PatchUser>,
) -> Result<Answer, ProblemResponse> {
    let patch = std::mem::take(&mut change.body);
    let (tenant, held, expected) = asked(&change);
    let user = users::update(&mut change.tx, tenant, held, id, expected, patch)
        .await
        .map_err(failed)?;
    answer(change, &user).await
}

/// Delete a person
///
/// With his keys, sessions and invitations. The last owner stays.
#[utoipa::path(delete, path = "/api/users/{id}", operation_id = "deleteUser", tag = "identity",
    security(("tenantKey" = [])), params(("id" = UserId, Path), IfMatch, IdempotencyKey),
    responses((status = 204, description = "The person is gone.")))]
async fn delete(
    Path(id): Path<UserId>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (tenant, held, expected) = asked(&change);
    users::delete(&mut change.tx, tenant, held, id, expected)
        .await
        .map_err(failed)?;
    change.answer(Answer::no_content()).await
}

/// Which role a person is given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"role": "admin"}))]
struct RoleOrder {
    /// What he may do from now on.
    role: RoleName,
}
impl Validate for RoleOrder {}

/// Change a person's role
///
/// Nobody changes his own role, gives one that allows more than he may himself, or changes somebody who may more than
/// he. The last owner stays one.
#[utoipa::path(put, path = "/api/users/{id}/role", operation_id = "changeUserRole", tag = "identity",
    security(("tenantKey" = [])), params(("id" = UserId, Path), IfMatch, IdempotencyKey), request_body = RoleOrder,
    responses((status = 200, description = "The changed person.", body = User, headers(("ETag" = String)))))]
async fn change_role(
    Path(id): Path<UserId>,
    mut change: Change<OfTenantControl, RoleOrder>,
) -> Result<Answer, ProblemResponse> {
    let role = change.body.role.clone();
    let (tenant, held, expected) = asked(&change);
    let user = users::change_role(&mut change.tx, tenant, held, id, expected, role)
        .await
        .map_err(failed)?;
    answer(change, &user).await
}

/// Shut a person out
///
/// His sessions end, his keys are refused, and his seat is free. The last owner stays.
#[utoipa::path(post, path = "/api/users/{id}/deactivate", operation_id = "deactivateUser", tag = "identity",
    security(("tenantKey" = [])), params(("id" = UserId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The person, shut out.", body = User, headers(("ETag" = String)))))]
async fn deactivate(
    Path(id): Path<UserId>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (tenant, held, expected) = asked(&change);
    let user = door::deactivate(&mut change.tx, tenant, held, id, expected)
        .await
        .map_err(gate::people::shut_out)?;
    answer(change, &user).await
}

/// Let a person in again
///
/// He takes a seat. One who never accepted his invitation has to be sent a new one.
#[utoipa::path(post, path = "/api/users/{id}/reactivate", operation_id = "reactivateUser", tag = "identity",
    security(("tenantKey" = [])), params(("id" = UserId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The person.", body = User, headers(("ETag" = String)))))]
async fn reactivate(
    Path(id): Path<UserId>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (tenant, held, expected) = asked(&change);
    let user = users::reactivate(&mut change.tx, tenant, held, id, expected)
        .await
        .map_err(failed)?;
    answer(change, &user).await
}

/// Whose people a change is about, what its caller may do, and the version he expects.
pub(crate) fn asked<B>(
    change: &Change<OfTenantControl, B>,
) -> (kernel::TenantId, kernel::Grants<Permission>, Option<i64>) {
    let caller = &change.request.caller;
    (
        caller.tenant.id,
        caller.ctx.caller().grants,
        change.request.expected,
    )
}

async fn answer<B>(change: Change<OfTenantControl, B>, user: &User) -> Result<Answer, ProblemResponse> {
    change.answer(Answer::ok(user)?.version(user.version)).await
}
