//! `GET /api/me`.

use edge::{Json, ProblemResponse};
use gate::{AppState, TenantCaller, any_caller, unexpected};
use identity::users::{self, User, UserError};
use kernel::permission::Registry;
use kernel::{Actor, Code, Permission};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tenant::TenantSummary;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(any_caller(routes!(get)))
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

async fn person(caller: &TenantCaller) -> Result<Option<User>, ProblemResponse> {
    let Some(id) = caller.user else { return Ok(None) };
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    users::get(&mut tx, caller.tenant.id, id)
        .await
        .map(Some)
        .map_err(failed)
}

fn failed(error: UserError) -> ProblemResponse {
    match error {
        UserError::NotFound | UserError::EmailTaken => Code::NotFound.into(),
        UserError::Database(error) => unexpected(error),
    }
}
