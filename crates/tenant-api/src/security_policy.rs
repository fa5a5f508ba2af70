//! `/api/security-policy`: what the caller's tenant demands at its door.

use access::security_policies::{self, NewSecurityPolicy, OwnAddress, SecurityPolicy, SecurityPolicyError};
use axum::response::Response;
use edge::{IdempotencyKey, IfMatch, ProblemResponse, Query};
use gate::{Answer, AppState, Change, OfTenantControl, TenantCaller, permitted, unexpected};
use kernel::{Code, Permission, Problem};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::versioned::{IfNoneMatch, shown};

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(get), Permission::SecurityRead))
        .routes(permitted(routes!(put), Permission::SecurityWrite))
}

/// Get the security policy
///
/// What the tenant demands at its door; version 0 is what holds where nobody has set anything.
#[utoipa::path(get, path = "/api/security-policy", operation_id = "getSecurityPolicy", tag = "security",
    security(("tenantKey" = [])), params(IfNoneMatch),
    responses(
        (status = 200, description = "The policy.", body = SecurityPolicy, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version.")))]
async fn get(caller: TenantCaller, known: IfNoneMatch) -> Result<Response, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let policy = security_policies::get(&mut tx, caller.tenant.id)
        .await
        .map_err(unexpected)?;
    Ok(shown(&known, policy.version, policy))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct PutQuery {
    /// Whether the policy may shut out the address that this request comes from.
    #[serde(default)]
    allow_self_lockout: bool,
}

/// Replace the security policy
///
/// All of it: what is stricter holds at once, for keys, sessions and tokens that exist too. Where a second factor is
/// demanded anew, open sessions of people without one open nothing any more but adding one. A list of networks
/// without the caller's own address is refused, unless `allowSelfLockout=true` says that it is meant.
#[utoipa::path(put, path = "/api/security-policy", operation_id = "putSecurityPolicy", tag = "security",
    security(("tenantKey" = [])), params(PutQuery, IfMatch, IdempotencyKey), request_body = NewSecurityPolicy,
    responses((status = 200, description = "The policy that holds.", body = SecurityPolicy, headers(("ETag" = String)))))]
async fn put(
    Query(query): Query<PutQuery>,
    mut change: Change<OfTenantControl, NewSecurityPolicy>,
) -> Result<Answer, ProblemResponse> {
    let tenant = change.request.caller.tenant.id;
    let own_address = if query.allow_self_lockout {
        OwnAddress::DoesNotMatter
    } else {
        OwnAddress::MustStayIn
    };
    let expected = change.request.expected;
    let policy = security_policies::put(&mut change.tx, tenant, expected, &change.body, own_address)
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
