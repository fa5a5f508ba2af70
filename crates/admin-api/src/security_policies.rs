//! `/admin/tenants/{id}/security-policy`: what a tenant demands at its door, set by an operator.

use access::security_policies::{self, NewSecurityPolicy, OwnAddress, SecurityPolicy, SecurityPolicyError};
use edge::{ETag, IdempotencyKey, IfMatch, Json, Path, ProblemResponse};
use gate::{Answer, AppState, Change, OfPlatform, PlatformCaller, permitted, unexpected};
use kernel::{AdminPermission, Code, Problem, TenantId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(get), AdminPermission::SecurityRead))
        .routes(permitted(routes!(put), AdminPermission::SecurityWrite))
}

/// Get a tenant's security policy
///
/// What it demands at its door; version 0 is what holds where nobody has set anything.
#[utoipa::path(get, path = "/admin/tenants/{id}/security-policy", operation_id = "getTenantSecurityPolicy",
    tag = "security", security(("adminKey" = [])), params(("id" = TenantId, Path)),
    responses((status = 200, description = "The policy.", body = SecurityPolicy, headers(("ETag" = String)))))]
async fn get(
    caller: PlatformCaller,
    Path(tenant): Path<TenantId>,
) -> Result<(ETag, Json<SecurityPolicy>), ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    tenants::get(&mut tx, tenant)
        .await
        .map_err(unexpected)?
        .ok_or(Code::NotFound)?;
    let policy = security_policies::get(&mut tx, tenant)
        .await
        .map_err(unexpected)?;
    Ok((ETag::version(policy.version), Json(policy)))
}

/// Replace a tenant's security policy
///
/// All of it. It can let in again a tenant that has shut itself out.
#[utoipa::path(put, path = "/admin/tenants/{id}/security-policy", operation_id = "putTenantSecurityPolicy",
    tag = "security", security(("adminKey" = [])), params(("id" = TenantId, Path), IfMatch, IdempotencyKey),
    request_body = NewSecurityPolicy,
    responses((status = 200, description = "The policy that holds.", body = SecurityPolicy, headers(("ETag" = String)))))]
async fn put(
    Path(tenant): Path<TenantId>,
    mut change: Change<OfPlatform, NewSecurityPolicy>,
) -> Result<Answer, ProblemResponse> {
    let expected = change.request.expected;
    let meant = OwnAddress::DoesNotMatter;
    let policy = security_policies::put(&mut change.tx, tenant, expected, &change.body, meant)
        .await
        .map_err(failed)?;
    change.answer(Answer::ok(&policy)?.version(policy.version)).await
}

fn failed(error: SecurityPolicyError) -> ProblemResponse {
    match error {
        SecurityPolicyError::NotFound => Code::NotFound.into(),
        SecurityPolicyError::VersionMismatch => Code::PreconditionFailed.into(),
        SecurityPolicyError::Invalid(errors) => Problem::invalid(errors).into(),
        SecurityPolicyError::Database(error) => unexpected(error),
    }
}
