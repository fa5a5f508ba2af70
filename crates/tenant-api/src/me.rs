//! `/api/me`: the caller himself.

use edge::{IdempotencyKey, IfMatch, Json, ProblemResponse};
use gate::{Answer, AppState, Change, OfTenantControl, TenantCaller, any_caller, people, unexpected};
use identity::users::{self, PatchUser, User};
use kernel::permission::Registry;
use kernel::{Actor, ActorKind, Code, Permission, Problem, UserId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tenant::TenantSummary;
use crate::users::asked;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(any_caller(routes!(get)))
        .routes(any_caller(routes!(update)))
}

/// Who is calling.
#[derive(Debug, Serialize, ToSchema)]
struct Me {
    /// As whom the audit trail records him.
    actor: Actor,
    /// The person, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User>,
    /// His tenant.
    tenant: TenantSummary,
    /// What he may do.
    #[schema(example = json!(["projects:read", "projects:write"]))]
    grants: Vec<&'static str>,
}

/// Get who I am
#[utoipa::path(get, path = "/api/me", operation_id = "getMe", tag = "identity", security(("tenantKey" = [])),
    responses((status = 200, description = "The caller.", body = Me)))]
async fn get(caller: TenantCaller) -> Result<Json<Me>, ProblemResponse> {
    let known = caller.ctx.caller();
    let granted = Permission::ALL
        .iter()
        .filter(|permission| known.grants.contains(**permission));
    Ok(Json(Me {
        actor: known.actor.clone(),
        user: person(&caller).await?,
        tenant: TenantSummary::from(&*caller.tenant),
        grants: granted.map(|permission| permission.name()).collect(),
    }))
}

/// Change how I am called
///
/// For the person himself, not for keys that act as him. His address, role and status are not his to change.
#[utoipa::path(patch, path = "/api/me", operation_id = "updateMe", tag = "identity", security(("tenantKey" = [])),
    params(IfMatch, IdempotencyKey), request_body = PatchUser,
    responses((status = 200, description = "The changed person.", body = User, headers(("ETag" = String)))))]
async fn update(mut change: Change<OfTenantControl, PatchUser>) -> Result<Answer, ProblemResponse> {
    let patch = std::mem::take(&mut change.body);
    let id = himself(&change.request.caller)?;
    let (tenant, held, expected) = asked(&change);
    let user = users::update(&mut change.tx, tenant, held, id, expected, patch)
        .await
        .map_err(people::failed)?;
    change.answer(Answer::ok(&user)?.version(user.version)).await
}

fn himself(caller: &TenantCaller) -> Result<UserId, Problem> {
    let in_person = caller.ctx.caller().actor.kind == ActorKind::User;
    let person = caller.user.filter(|_| in_person);
    person.ok_or_else(|| Problem::new(Code::NotFound, "No person came himself."))
}

async fn person(caller: &TenantCaller) -> Result<Option<User>, ProblemResponse> {
    let Some(id) = caller.user else { return Ok(None) };
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    users::get(&mut tx, caller.tenant.id, id)
        .await
        .map(Some)
        .map_err(people::failed)
}
