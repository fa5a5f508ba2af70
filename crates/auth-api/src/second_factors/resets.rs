//! Helping somebody who lost all his second factors, for who is in charge of him.

use access::second_factors::{self, ResetError};
use edge::{IdempotencyKey, Path, ProblemBody, ProblemResponse};
use gate::{Answer, AppState, Change, NoBody, OfPlatform, OfTenantControl, people, permitted, unexpected};
use identity::admins::{AdminError, AdminId, Authority};
use kernel::{AdminPermission, Code, Grants, Permission, Problem, TenantId, UserId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::failures::{failed, not_opened};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(of_user), Permission::UsersWrite))
        .routes(permitted(routes!(of_tenant_user), AdminPermission::UsersWrite))
        .routes(permitted(routes!(of_admin), AdminPermission::AdminsWrite))
}

/// Take away a person's second factors
///
/// For somebody who lost them all: he comes in by his password and adds new ones. His sessions end. Nobody does it to
/// himself, or to somebody who may more than he.
#[utoipa::path(delete, path = "/api/users/{id}/mfa", operation_id = "resetUserSecondFactors", tag = "identity",
    security(("tenantKey" = [])), params(("id" = UserId, Path), IdempotencyKey),
    responses((status = 204, description = "They are gone."),
        (status = 404, description = "There is no such person, or he has none.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn of_user(
    Path(id): Path<UserId>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let caller = &change.request.caller;
    let (tenant, held) = (caller.tenant.id, caller.ctx.caller().grants);
    let reset = second_factors::reset_of_user(&mut change.tx, tenant, held, id).await;
    reset.map_err(refused)?;
    change.answer(Answer::no_content()).await
}

/// Take away a person's second factors
///
/// The same for a person of a tenant, by an operator.
#[utoipa::path(delete, path = "/admin/tenants/{id}/users/{userId}/mfa", operation_id = "resetTenantUserSecondFactors",
    tag = "identity", security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("userId" = UserId, Path), IdempotencyKey),
    responses((status = 204, description = "They are gone."),
        (status = 404, description = "There is no such person, or he has none.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn of_tenant_user(
    Path((tenant, id)): Path<(TenantId, UserId)>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let reset = second_factors::reset_of_user(&mut change.tx, tenant, Grants::all(), id).await;
    reset.map_err(refused)?;
    change.answer(Answer::no_content()).await
}

/// Take away an operator's second factors
///
/// For somebody who lost them all. His sessions end. Nobody does it to himself, or to somebody who may more than he.
#[utoipa::path(delete, path = "/admin/admins/{id}/mfa", operation_id = "resetAdminSecondFactors", tag = "operators",
    security(("adminKey" = [])), params(("id" = AdminId, Path), IdempotencyKey),
    responses((status = 204, description = "They are gone."),
        (status = 404, description = "There is no such operator, or he has none.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn of_admin(
    Path(id): Path<AdminId>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let held = Authority::of(change.request.caller.ctx.caller());
    let reset = second_factors::reset_of_admin(&mut change.tx, &held, id).await;
    reset.map_err(refused)?;
    change.answer(Answer::no_content()).await
}

fn refused(error: ResetError) -> ProblemResponse {
    match error {
        ResetError::Own => {
            let detail = "Remove your own by /mfa, with fresh proof; without any, somebody else has to help.";
            Problem::new(Code::Forbidden, detail).into()
        }
        ResetError::User(error) => people::failed(error),
        ResetError::Admin(AdminError::Database(error)) => unexpected(error),
        ResetError::Admin(AdminError::BeyondCaller) => {
            Problem::new(Code::Forbidden, "The operator may more than you.").into()
        }
        ResetError::Admin(_) => Code::NotFound.into(),
        ResetError::Factor(error) => failed(error),
        ResetError::Session(error) => not_opened(error),
    }
}
