//! `/gateway/verify`: forward-auth for applications that know nothing of tenants. See docs/gateway.md.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::any;
use edge::ProblemResponse;
use edge::query::parse_query;
use gate::{AppState, TenantCaller, any_caller, forwarded_caller};
use kernel::permission::Registry;
use kernel::{Code, FieldError, Permission, Problem};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Gateways ask with the method of the request they were sent, or with GET, and some with its path behind ours.
pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(any_caller(routes!(verify)))
        .route("/gateway/verify", any(verify))
        .route("/gateway/verify/", any(verify_any))
        .route("/gateway/verify/{*path}", any(verify_any))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct VerifyQuery {
    /// The permission that the caller must have, e.g. `projects:read`.
    permission: Option<String>,
}

/// Judge a request for a gateway
///
/// The request that a gateway was sent is repeated here: its credential (`Authorization`, cookies) and its host. Where
/// it may be passed on, the answer says in headers who is behind it, for the application. Every method is answered
/// alike; the original one is told in `X-Original-Method` or `X-Forwarded-Method`. With a path behind it
/// (`/gateway/verify/any/path`), which Envoy appends, the query is the caller's and is not read, and the answer is 200.
#[utoipa::path(get, path = "/gateway/verify", operation_id = "verifyForGateway", tag = "gateway",
    security(("tenantKey" = [])), params(VerifyQuery),
    responses((status = 204, description = "It may be passed on.", headers(
        ("X-Tenant-Id" = String, description = "Whose request it is."),
        ("X-Tenant-Slug" = String, description = "What the tenant is called in addresses."),
        ("X-Tenant-Plan" = String, description = "What the tenant is on."),
        ("X-User-Id" = String, description = "The person behind it; empty where there is none."),
        ("X-Scopes" = String, description = "The caller's permissions, with spaces between.")))))]
async fn verify(
    State(state): State<AppState>,
    request: Request,
) -> Result<(StatusCode, HeaderMap), ProblemResponse> {
    let query: VerifyQuery = parse_query(request.uri().query().unwrap_or_default())?;
    let permission = query.permission.as_deref().map(known_permission).transpose()?;
    let headers = judge(&state, request, permission).await?;
    Ok((StatusCode::NO_CONTENT, headers))
}

/// The same, where path and query are those of the request asked about. Envoy knows no yes but 200.
async fn verify_any(
    State(state): State<AppState>,
    request: Request,
) -> Result<(StatusCode, HeaderMap), ProblemResponse> {
    Ok((StatusCode::OK, judge(&state, request, None).await?))
}

async fn judge(
    state: &AppState,
    request: Request,
    permission: Option<Permission>,
) -> Result<HeaderMap, ProblemResponse> {
    let (parts, _) = request.into_parts();
    let caller = forwarded_caller(parts, state, permission).await?;
    Ok(answered(&caller))
}

/// A mistake in the gateway's configuration, which shall be noticed: it is answered 400 to every request.
fn known_permission(name: &str) -> Result<Permission, Problem> {
    let known = Permission::ALL
        .iter()
        .find(|permission| permission.name() == name);
    known.copied().ok_or_else(|| Problem {
        errors: vec![FieldError::new("?permission", "is no permission")],
        ..Code::InvalidParameter.into()
    })
}

/// Who it is, in our words alone. Each header is always there, so that it replaces one that the caller made up.
fn answered(caller: &TenantCaller) -> HeaderMap {
    let grants = caller.ctx.caller().grants;
    let granted = Permission::ALL
        .iter()
        .filter(|permission| grants.contains(**permission));
    let scopes: Vec<&str> = granted.map(|permission| permission.name()).collect();
    let user = caller.user.map(|user| user.to_string()).unwrap_or_default();
    let headers = [
        ("x-tenant-id", caller.tenant.id.to_string()),
        ("x-tenant-slug", caller.tenant.slug.as_str().to_owned()),
        ("x-tenant-plan", caller.tenant.plan.name().to_owned()),
        ("x-user-id", user),
        ("x-scopes", scopes.join(" ")),
    ];
    let value = |text: String| HeaderValue::try_from(text).expect("identifiers and names are ASCII");
    headers
        .map(|(name, text)| (HeaderName::from_static(name), value(text)))
        .into_iter()
        .collect()
}
