//! `/api/roles`: the roles that every tenant has, and the tenant's own.

use axum::response::{IntoResponse, Response};
use edge::{IdempotencyKey, IfMatch, Json, Page, Path, ProblemBody, ProblemResponse};
use gate::{Answer, AppState, Change, NoBody, OfTenantControl, TenantCaller, permitted, unexpected};
use identity::roles::{self, NewRole, Role, RoleChange, RoleError, RoleName};
use kernel::{Code, Permission, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::refusals::sentence;
use crate::users::asked;
use crate::versioned::{IfNoneMatch, shown};

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), Permission::RolesRead))
        .routes(permitted(routes!(create), Permission::RolesWrite))
        .routes(permitted(routes!(get), Permission::RolesRead))
        .routes(permitted(routes!(replace), Permission::RolesWrite))
        .routes(permitted(routes!(delete), Permission::RolesWrite))
}

/// List roles
#[utoipa::path(get, path = "/api/roles", operation_id = "listRoles", tag = "identity", security(("tenantKey" = [])),
    responses((status = 200, description = "Those that every tenant has, then the tenant's own by name.",
        body = Page<Role>)))]
async fn list(caller: TenantCaller) -> Result<Json<Page<Role>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let items = roles::list(&mut tx, caller.tenant.id).await.map_err(failed)?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Create a role
///
/// It cannot allow more than its maker may.
#[utoipa::path(post, path = "/api/roles", operation_id = "createRole", tag = "identity",
    security(("tenantKey" = [])), params(IdempotencyKey), request_body = NewRole,
    responses(
        (status = 201, description = "The role.", body = Role, headers(("Location" = String), ("ETag" = String))),
        (status = 409, description = "The tenant has a role of this name, or too many.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn create(change: Change<OfTenantControl, NewRole>) -> Result<Answer, ProblemResponse> {
    let (tenant, held, _) = asked(&change);
    let Change {
        body,
        mut tx,
        request,
    } = change;
    let role = roles::create(&mut tx, tenant, held, body).await.map_err(failed)?;
    let location = format!("/api/roles/{}", role.name);
    request
        .finish(tx, versioned(Answer::created(location, &role)?, &role))
        .await
}

/// Get a role
#[utoipa::path(get, path = "/api/roles/{name}", operation_id = "getRole", tag = "identity",
    security(("tenantKey" = [])), params(("name" = RoleName, Path), IfNoneMatch),
    responses(
        (status = 200, description = "The role; one that every tenant has is without `ETag`.", body = Role,
            headers(("ETag" = String))),
        (status = 304, description = "The caller has this version.")))]
async fn get(
    caller: TenantCaller,
    Path(name): Path<RoleName>,
    known: IfNoneMatch,
) -> Result<Response, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let role = roles::get(&mut tx, caller.tenant.id, &name)
        .await
        .map_err(failed)?;
    Ok(match role.version {
        Some(version) => shown(&known, version, role),
        None => Json(role).into_response(),
    })
}

/// Change a role
///
/// Of everybody who has it, within a second. What it allows, before and after, must be within what the caller may.
#[utoipa::path(put, path = "/api/roles/{name}", operation_id = "replaceRole", tag = "identity",
    security(("tenantKey" = [])), params(("name" = RoleName, Path), IfMatch, IdempotencyKey), request_body = RoleChange,
    responses((status = 200, description = "The changed role.", body = Role, headers(("ETag" = String)))))]
async fn replace(
    Path(name): Path<RoleName>,
    change: Change<OfTenantControl, RoleChange>,
) -> Result<Answer, ProblemResponse> {
    let (tenant, held, expected) = asked(&change);
    let Change {
        body,
        mut tx,
        request,
    } = change;
    let role = roles::replace(&mut tx, tenant, held, &name, expected, body)
        .await
        .map_err(failed)?;
    request.finish(tx, versioned(Answer::ok(&role)?, &role)).await
}

/// Delete a role
///
/// One that somebody has stays.
#[utoipa::path(delete, path = "/api/roles/{name}", operation_id = "deleteRole", tag = "identity",
    security(("tenantKey" = [])), params(("name" = RoleName, Path), IfMatch, IdempotencyKey),
    responses(
        (status = 204, description = "The role is gone."),
        (status = 409, description = "Somebody has it, or every tenant does.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn delete(
    Path(name): Path<RoleName>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (tenant, held, expected) = asked(&change);
    roles::delete(&mut change.tx, tenant, held, &name, expected)
        .await
        .map_err(failed)?;
    change.answer(Answer::no_content()).await
}

fn versioned(answer: Answer, role: &Role) -> Answer {
    match role.version {
        Some(version) => answer.version(version),
        None => answer,
    }
}

fn failed(error: RoleError) -> ProblemResponse {
    match error {
        RoleError::Invalid(errors) => Problem::invalid(errors).into(),
        RoleError::NameTaken => Code::RoleTaken.into(),
        RoleError::NotFound => Code::NotFound.into(),
        RoleError::InUse => Code::RoleInUse.into(),
        RoleError::VersionMismatch(_) => Code::PreconditionFailed.into(),
        RoleError::Builtin | RoleError::TooMany => Problem::new(Code::Conflict, sentence(&error)).into(),
        RoleError::BeyondCaller => Problem::new(Code::Forbidden, sentence(&error)).into(),
        RoleError::Database(error) => unexpected(error),
    }
}
