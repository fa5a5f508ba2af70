//! `POST /api/auth/login` and `POST /admin/auth/login`.

use access::login::{Claim, LoginError, Realm};
use access::sessions::{Kind, SessionError};
use axum::extract::State;
use axum::response::Response;
use edge::{Json, ProblemBody, ProblemResponse};
use gate::{AppState, SentBy, Visitor, public, require_active, unexpected};
use kernel::{Code, Problem, Secret, Validate};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::outcome::LoginOutcome;
use crate::realm;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(public(routes!(login)))
        .routes(public(routes!(login_admin)))
}

/// Who wants to come in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "tenant": "acme", "email": "ada@example.com", "password": "seven-lanterns-over-quiet-water", "session": "token"
}))]
struct UserLogin {
    /// By what he is identified.
    #[schema(example = "ada@example.com")]
    email: String,
    /// His password.
    #[schema(value_type = String, format = Password)]
    password: Secret<String>,
    /// The tenant's slug or identifier, where neither the host nor `X-Tenant-Id` names it.
    #[schema(example = "acme")]
    tenant: Option<String>,
    /// How the session is carried: by a browser's cookie, or by tokens.
    #[serde(default)]
    session: Kind,
}

impl Validate for UserLogin {}

/// The operator who wants to come in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"email": "operator@example.com", "password": "seven-lanterns-over-quiet-water"}))]
struct AdminLogin {
    /// By what he is identified.
    #[schema(example = "operator@example.com")]
    email: String,
    /// His password.
    #[schema(value_type = String, format = Password)]
    password: Secret<String>,
    /// How the session is carried: by a browser's cookie, or by tokens.
    #[serde(default)]
    session: Kind,
}

impl Validate for AdminLogin {}

/// Log in to a tenant
///
/// Opens a session. Where a second factor has to be passed or added first, `status` says so, and the session is good
/// for that alone. An unknown address, a person who may not come in and a wrong password are answered alike. After
/// several failures the next attempts are refused for a while that grows, the right password too.
#[utoipa::path(post, path = "/api/auth/login", operation_id = "login", tag = "auth",
    request_body = UserLogin,
    responses(
        (status = 200, description = "He came in.", body = LoginOutcome,
            headers(("Set-Cookie" = String, description = "A browser's session."))),
        (status = 401, description = "Address or password is wrong.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 403, description = "The tenant is not open, or lets nobody in from there; or a page of another site \
            sent the request.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "Host, header and body name different tenants.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 429, description = "Too many attempts failed; `Retry-After` says how long to wait.",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn login(
    State(state): State<AppState>,
    visitor: Visitor,
    page: SentBy,
    Json(order): Json<UserLogin>,
) -> Result<Response, ProblemResponse> {
    let realm = realm::named(&state, &visitor, order.tenant.as_deref()).await?;
    let claim = Claim {
        email: order.email,
        password: order.password,
        kind: order.session,
    };
    come_in(&state, &visitor, page, &realm, claim).await
}

/// Log in as an operator
///
/// The same for the people who operate the platform.
#[utoipa::path(post, path = "/admin/auth/login", operation_id = "loginAdmin", tag = "auth",
    request_body = AdminLogin,
    responses(
        (status = 200, description = "He came in.", body = LoginOutcome,
            headers(("Set-Cookie" = String, description = "A browser's session."))),
        (status = 401, description = "Address or password is wrong.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 403, description = "Nobody is let in from there, or a page of another site sent the request.",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many attempts failed; `Retry-After` says how long to wait.",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn login_admin(
    State(state): State<AppState>,
    visitor: Visitor,
    page: SentBy,
    Json(order): Json<AdminLogin>,
) -> Result<Response, ProblemResponse> {
    let claim = Claim {
        email: order.email,
        password: order.password,
        kind: order.session,
    };
    come_in(&state, &visitor, page, &Realm::Operators, claim).await
}

async fn come_in(
    state: &AppState,
    visitor: &Visitor,
    page: SentBy,
    realm: &Realm,
    claim: Claim,
) -> Result<Response, ProblemResponse> {
    // Only a cookie would be at work in the browser without the page's doing.
    if claim.kind == Kind::Cookie {
        page.require_own()?;
    }
    let came_in = state
        .login
        .attempt(&visitor.ctx, realm, claim)
        .await
        .map_err(failed)?;
    let csrf = state.authenticator.csrf();
    let outcome = LoginOutcome::new(csrf, came_in.record, came_in.opened, came_in.factors);
    Ok(outcome.respond(visitor.ctx.seams().now()))
}

/// How the failures of logging in become problems.
pub(crate) fn failed(error: LoginError) -> ProblemResponse {
    match error {
        LoginError::Invalid | LoginError::Session(SessionError::NotFound | SessionError::ShutOut) => {
            Code::InvalidCredentials.into()
        }
        LoginError::Blocked { retry_after } => blocked(retry_after),
        LoginError::NotOpen(status) => require_active(status)
            .err()
            .map_or_else(|| Code::TenantInactive.into(), |problem: Problem| problem.into()),
        LoginError::Busy(_) => busy(),
        LoginError::Session(SessionError::NoSigningKey(error)) => ProblemResponse::internal(error),
        LoginError::Database(error) | LoginError::Session(SessionError::Database(error)) => unexpected(error),
    }
}

pub(crate) fn blocked(retry_after: u64) -> ProblemResponse {
    ProblemResponse::from(Code::LoginBlocked).retry_after(retry_after)
}

/// The queue of passwords is some seconds long.
pub(crate) fn busy() -> ProblemResponse {
    ProblemResponse::from(Code::Overloaded).retry_after(5)
}
