//! Passwords: forgotten, replaced by a mailed link, and changed, in both planes.

use access::login::Realm;
use access::password_resets::{self, PasswordResetError};
use access::sessions::{SessionError, SessionId};
use axum::extract::State;
use axum::http::StatusCode;
use edge::{Json, ProblemBody, ProblemResponse};
use gate::{AppState, CallerSession, PlatformCaller, TenantCaller, Visitor, any_caller, public, unexpected};
use identity::{Email, Password, Person};
use isolation::{Caller, PlatformCtx};
use kernel::permission::Registry;
use kernel::{Code, FieldError, Grants, Problem, Secret, TenantId, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::login::{blocked, busy};
use crate::realm;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(public(routes!(forgot)))
        .routes(public(routes!(forgot_admin)))
        .routes(public(routes!(reset)))
        .routes(public(routes!(reset_admin)))
        .routes(any_caller(routes!(change)))
        .routes(any_caller(routes!(change_admin)))
}

/// Whose password is to be replaced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"email": "ada@example.com", "tenant": "acme"}))]
struct UserForgot {
    /// By what he is identified.
    #[schema(value_type = String, format = Email, example = "ada@example.com")]
    email: Email,
    /// The tenant's slug or identifier, where neither the host nor `X-Tenant-Id` names it.
    #[schema(example = "acme")]
    tenant: Option<String>,
}

impl Validate for UserForgot {}

/// Which operator's password is to be replaced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"email": "operator@example.com"}))]
struct AdminForgot {
    /// By what he is identified.
    #[schema(value_type = String, format = Email, example = "operator@example.com")]
    email: Email,
}

impl Validate for AdminForgot {}

/// A request for a link was taken, whether or not there is somebody to mail it to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"linkExpiresIn": 3600}))]
struct ResetRequested {
    /// Seconds that a link is good for.
    link_expires_in: u64,
}

impl ResetRequested {
    fn answer() -> (StatusCode, Json<Self>) {
        let link_expires_in = password_resets::LIFETIME.as_secs();
        (StatusCode::ACCEPTED, Json(Self { link_expires_in }))
    }
}

/// A new password, by a link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "token": "3fK9aB2xQ0mZ8r7tLw5vYp1sUe6nXd4hJc2gIkOoRbA",
    "password": "seven-lanterns-over-quiet-water"
}))]
struct PasswordReset {
    /// What stands behind the `#` of the link.
    #[schema(value_type = String)]
    token: Secret<String>,
    /// At least 12 characters and at most 72 bytes.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 72)]
    password: Secret<String>,
}

impl Validate for PasswordReset {
    fn check(&self, errors: &mut Vec<FieldError>) {
        check_password("/password", &self.password, errors);
    }
}

/// A new password, by the present one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "currentPassword": "seven-lanterns-over-quiet-water", "newPassword": "nine-bridges-under-loud-snow"
}))]
struct PasswordChange {
    /// The present one.
    #[schema(value_type = String, format = Password)]
    current_password: Secret<String>,
    /// At least 12 characters and at most 72 bytes.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 72)]
    new_password: Secret<String>,
}

impl Validate for PasswordChange {
    fn check(&self, errors: &mut Vec<FieldError>) {
        check_password("/newPassword", &self.new_password, errors);
    }
}

fn check_password(pointer: &str, password: &Secret<String>, errors: &mut Vec<FieldError>) {
    if let Err(weak) = Password::new(password.clone()) {
        errors.push(FieldError::new(pointer, weak.to_string()));
    }
}

/// A password that its body's check has let through.
fn checked(pointer: &str, password: Secret<String>) -> Result<Password, Problem> {
    Password::new(password).map_err(|weak| Problem::invalid(vec![FieldError::new(pointer, weak.to_string())]))
}

/// Have a link mailed that replaces a forgotten password
///
/// The answer is the same, and comes as fast, whether or not there is somebody of this address. The link is good once
/// and for an hour, and makes earlier ones void. It leads to the tenant's own verified domain, else to its subdomain.
#[utoipa::path(post, path = "/api/auth/password/forgot", operation_id = "requestPasswordReset",
    tag = "auth", request_body = UserForgot,
    responses(
        (status = 202, description = "If there is somebody of this address, a link is mailed to him.",
            body = ResetRequested),
        (status = 403, description = "The tenant lets nobody in from there.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "Host, header and body name different tenants.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn forgot(
    State(state): State<AppState>,
    visitor: Visitor,
    Json(order): Json<UserForgot>,
) -> Result<(StatusCode, Json<ResetRequested>), ProblemResponse> {
    match realm::named(&state, &visitor, order.tenant.as_deref()).await? {
        Realm::Tenant(tenant) => request(&state, &visitor, Some(tenant.id), &order.email).await,
        Realm::Operators | Realm::Nowhere(_) => Ok(ResetRequested::answer()),
    }
}

/// Have a link mailed that replaces an operator's forgotten password
///
/// The same for the people who operate the platform.
#[utoipa::path(post, path = "/admin/auth/password/forgot", operation_id = "requestAdminPasswordReset",
    tag = "auth", request_body = AdminForgot,
    responses((status = 202, description = "If there is somebody of this address, a link is mailed to him.",
        body = ResetRequested)))]
async fn forgot_admin(
    State(state): State<AppState>,
    visitor: Visitor,
    Json(order): Json<AdminForgot>,
) -> Result<(StatusCode, Json<ResetRequested>), ProblemResponse> {
    request(&state, &visitor, None, &order.email).await
}

async fn request(
    state: &AppState,
    visitor: &Visitor,
    tenant: Option<TenantId>,
    email: &Email,
) -> Result<(StatusCode, Json<ResetRequested>), ProblemResponse> {
    let taken = state.password_resets.request(&visitor.ctx, tenant, email).await;
    taken.map(|()| ResetRequested::answer()).map_err(failed)
}

/// Replace a password by a link
///
/// Works once. All sessions of the person end; no new one begins, and no second factor is passed by it. A token that is
/// wrong, used, too old or not of this tenant is not found.
#[utoipa::path(post, path = "/api/auth/password/reset", operation_id = "resetPassword", tag = "auth",
    request_body = PasswordReset,
    responses(
        (status = 204, description = "The password is the new one."),
        (status = 403, description = "The tenant lets nobody in from there.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no open link of this token.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn reset(
    State(state): State<AppState>,
    visitor: Visitor,
    Json(order): Json<PasswordReset>,
) -> Result<StatusCode, ProblemResponse> {
    let tenant = match state.password_resets.find(&visitor.ctx, &order.token).await {
        Ok(Person::User(tenant, _)) => tenant,
        Ok(Person::Admin(_)) => return Err(Code::NotFound.into()),
        Err(error) => return Err(failed(error)),
    };
    if visitor.tenant.is_some_and(|named| named != tenant) {
        return Err(Code::NotFound.into());
    }
    visitor.let_in_by(&state, tenant).await?;
    redeem(&state, &visitor, order).await
}

/// Replace an operator's password by a link
///
/// The same for the people who operate the platform.
#[utoipa::path(post, path = "/admin/auth/password/reset", operation_id = "resetAdminPassword",
    tag = "auth", request_body = PasswordReset,
    responses(
        (status = 204, description = "The password is the new one."),
        (status = 404, description = "There is no open link of this token.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn reset_admin(
    State(state): State<AppState>,
    visitor: Visitor,
    Json(order): Json<PasswordReset>,
) -> Result<StatusCode, ProblemResponse> {
    match state.password_resets.find(&visitor.ctx, &order.token).await {
        Ok(Person::Admin(_)) => redeem(&state, &visitor, order).await,
        Ok(Person::User(..)) => Err(Code::NotFound.into()),
        Err(error) => Err(failed(error)),
    }
}

async fn redeem(
    state: &AppState,
    visitor: &Visitor,
    order: PasswordReset,
) -> Result<StatusCode, ProblemResponse> {
    let password = checked("/password", order.password)?;
    let replaced = state
        .password_resets
        .redeem(&visitor.ctx, &order.token, password)
        .await;
    replaced.map(|()| StatusCode::NO_CONTENT).map_err(failed)
}

/// Change your password
///
/// Needs the present one, and a session. His other sessions end.
#[utoipa::path(put, path = "/api/auth/password", operation_id = "changePassword", tag = "auth",
    security(("tenantKey" = [])), request_body = PasswordChange,
    responses(
        (status = 204, description = "The password is the new one."),
        (status = 404, description = "The caller did not log in.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "The present password is another one, or the new one may not be set.",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "The present password was wrong too often; `Retry-After` says how long to wait.",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn change(
    State(state): State<AppState>,
    caller: TenantCaller,
    Json(order): Json<PasswordChange>,
) -> Result<StatusCode, ProblemResponse> {
    let ctx = before_the_platform(&state, caller.ctx.caller());
    change_by_present(&state, &ctx, caller.session, order).await
}

/// What is counted and written is the control plane's, beyond every wall; the caller may do it because he is himself.
fn before_the_platform<P: Registry>(state: &AppState, caller: &Caller<P>) -> PlatformCtx {
    state.databases.platform(Caller {
        actor: caller.actor.clone(),
        grants: Grants::none(),
        request: caller.request.clone(),
        limit: None,
    })
}

/// Change your password as an operator
///
/// The same for the people who operate the platform.
#[utoipa::path(put, path = "/admin/auth/password", operation_id = "changeAdminPassword", tag = "auth",
    security(("adminKey" = [])), request_body = PasswordChange,
    responses(
        (status = 204, description = "The password is the new one."),
        (status = 404, description = "The caller did not log in.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "The present password is another one, or the new one may not be set.",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "The present password was wrong too often; `Retry-After` says how long to wait.",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn change_admin(
    State(state): State<AppState>,
    caller: PlatformCaller,
    Json(order): Json<PasswordChange>,
) -> Result<StatusCode, ProblemResponse> {
    let ctx = before_the_platform(&state, caller.ctx.caller());
    change_by_present(&state, &ctx, caller.session, order).await
}

async fn change_by_present(
    state: &AppState,
    ctx: &PlatformCtx,
    session: Option<CallerSession>,
    order: PasswordChange,
) -> Result<StatusCode, ProblemResponse> {
    let session = session.ok_or(Code::NotFound)?;
    let of: (Person, SessionId) = (session.person, session.id);
    let password = checked("/newPassword", order.new_password)?;
    let changed = state
        .password_resets
        .change(ctx, of, order.current_password, password)
        .await;
    changed.map(|()| StatusCode::NO_CONTENT).map_err(failed)
}

fn failed(error: PasswordResetError) -> ProblemResponse {
    match error {
        PasswordResetError::NotFound
        | PasswordResetError::Session(SessionError::NotFound | SessionError::ShutOut) => {
            Code::NotFound.into()
        }
        PasswordResetError::WrongPassword => {
            let wrong = FieldError::new("/currentPassword", "is not the present password");
            Problem::invalid(vec![wrong]).into()
        }
        PasswordResetError::Blocked { retry_after } => blocked(retry_after),
        PasswordResetError::Busy(_) => busy(),
        PasswordResetError::Session(SessionError::NoSigningKey(error)) => ProblemResponse::internal(error),
        PasswordResetError::Database(error) | PasswordResetError::Session(SessionError::Database(error)) => {
            unexpected(error)
        }
    }
}
