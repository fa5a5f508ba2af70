//! For people of a tenant.

use axum::extract::State;
use axum::response::Response;
use edge::{IdempotencyKey, Json, Path, ProblemBody, ProblemResponse};
use gate::{Answer, AppState, Keyed, OfTenantControl, Optional, TenantCaller, any_caller, pending_session};
use mfa::passkeys::{Challenge, Passkey, PasskeyId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::changing::{self, Gone};
use super::orders::{
    Added, Confirmation, Overview, PasskeyOrder, PasskeyVerification, Proof, RecoveryCodes, TotpEnrolment,
    Verification,
};
use super::{adding, passing};
use crate::outcome::LoginOutcome;

const PASSKEYS: &str = "/api/auth/mfa/passkeys";

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(pending_session(routes!(overview)))
        .routes(pending_session(routes!(begin_totp)))
        .routes(pending_session(routes!(confirm_totp)))
        .routes(any_caller(routes!(remove_totp)))
        .routes(any_caller(routes!(make_recovery_codes)))
        .routes(pending_session(routes!(registration_options)))
        .routes(any_caller(routes!(list_passkeys)))
        .routes(pending_session(routes!(add_passkey)))
        .routes(any_caller(routes!(get_passkey)))
        .routes(any_caller(routes!(remove_passkey)))
        .routes(pending_session(routes!(verify)))
        .routes(pending_session(routes!(challenge)))
        .routes(pending_session(routes!(verify_passkey)))
}

/// Get my second factors
#[utoipa::path(get, path = "/api/auth/mfa", operation_id = "getSecondFactors", tag = "auth",
    security(("tenantKey" = [])),
    responses((status = 200, description = "What I have.", body = Overview)))]
async fn overview(
    State(state): State<AppState>,
    caller: TenantCaller,
) -> Result<Json<Overview>, ProblemResponse> {
    changing::overview(&state, &caller).await.map(Json)
}

/// Begin adding an authenticator app
///
/// Needs fresh proof where the session is open already. It counts when a code from the app confirms it, within fifteen minutes. Beginning anew replaces what was begun; an
/// app in use has to be removed first.
#[utoipa::path(post, path = "/api/auth/mfa/totp", operation_id = "beginTotp", tag = "auth",
    security(("tenantKey" = [])), params(IdempotencyKey), request_body = Proof,
    responses((status = 200, description = "The secret for the app.", body = TotpEnrolment),
        (status = 401, description = "The proof is wrong.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "An app is in use.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn begin_totp(
    State(state): State<AppState>,
    keyed: Keyed<OfTenantControl, Optional<Proof>>,
) -> Result<Answer, ProblemResponse> {
    adding::begin_totp(&state, keyed).await
}

/// Confirm an authenticator app
///
/// With somebody's first second factor come ten recovery codes, and his other sessions end. A session that waited for it
/// is open from now on.
#[utoipa::path(post, path = "/api/auth/mfa/totp/confirm", operation_id = "confirmTotp", tag = "auth",
    security(("tenantKey" = [])), request_body = Confirmation,
    responses((status = 200, description = "The app is in use.", body = Added),
        (status = 401, description = "The code is wrong.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "Nothing was begun, or too long ago.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn confirm_totp(
    State(state): State<AppState>,
    caller: TenantCaller,
    Json(body): Json<Confirmation>,
) -> Result<Added, ProblemResponse> {
    adding::confirm_totp(&state, &caller, body.code.expose()).await
}

/// Remove the authenticator app
///
/// Needs fresh proof. My other sessions end. The last second factor stays where one is demanded.
#[utoipa::path(delete, path = "/api/auth/mfa/totp", operation_id = "removeTotp", tag = "auth",
    security(("tenantKey" = [])), params(IdempotencyKey), request_body = Proof,
    responses((status = 204, description = "It is removed."),
        (status = 401, description = "The proof is wrong.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "It is the last one, and one is demanded.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn remove_totp(
    State(state): State<AppState>,
    keyed: Keyed<OfTenantControl, Optional<Proof>>,
) -> Result<Answer, ProblemResponse> {
    changing::remove(&state, keyed, Gone::Totp).await
}

/// Make new recovery codes
///
/// Needs fresh proof. Those before are void.
#[utoipa::path(post, path = "/api/auth/mfa/recovery-codes", operation_id = "makeRecoveryCodes", tag = "auth",
    security(("tenantKey" = [])), params(IdempotencyKey), request_body = Proof,
    responses((status = 200, description = "Ten codes, this once.", body = RecoveryCodes),
        (status = 401, description = "The proof is wrong.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no other second factor.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn make_recovery_codes(
    State(state): State<AppState>,
    keyed: Keyed<OfTenantControl, Optional<Proof>>,
) -> Result<Answer, ProblemResponse> {
    changing::make_recovery_codes(&state, keyed).await
}

/// Begin adding a passkey
///
/// Needs fresh proof where the session is open already. For `PublicKeyCredential.parseCreationOptionsFromJSON()`. Good for one answer within five minutes.
#[utoipa::path(post, path = "/api/auth/mfa/passkeys/options", operation_id = "beginPasskey", tag = "auth",
    security(("tenantKey" = [])), params(IdempotencyKey), request_body = Proof,
    responses((status = 200, description = "The challenge.", body = Challenge),
        (status = 401, description = "The proof is wrong.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn registration_options(
    State(state): State<AppState>,
    keyed: Keyed<OfTenantControl, Optional<Proof>>,
) -> Result<Answer, ProblemResponse> {
    adding::registration_options(&state, keyed).await
}

/// List my passkeys
#[utoipa::path(get, path = "/api/auth/mfa/passkeys", operation_id = "listPasskeys", tag = "auth",
    security(("tenantKey" = [])),
    responses((status = 200, description = "All of them, the oldest first.", body = Vec<Passkey>)))]
async fn list_passkeys(caller: TenantCaller) -> Result<Json<Vec<Passkey>>, ProblemResponse> {
    changing::list_passkeys(&caller).await.map(Json)
}

/// Add a passkey
///
/// With somebody's first second factor come ten recovery codes, and his other sessions end. A session that waited for it
/// is open from now on.
#[utoipa::path(post, path = "/api/auth/mfa/passkeys", operation_id = "addPasskey", tag = "auth",
    security(("tenantKey" = [])), request_body = PasskeyOrder,
    responses((status = 201, description = "The passkey.", body = Added, headers(("Location" = String))),
        (status = 401, description = "The authenticator's answer is refused.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "The challenge is over, or the authenticator registered already.",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn add_passkey(
    State(state): State<AppState>,
    caller: TenantCaller,
    Json(body): Json<PasskeyOrder>,
) -> Result<Added, ProblemResponse> {
    let added = adding::add_passkey(&state, &caller, body).await?;
    Ok(added.located(PASSKEYS))
}

/// Get a passkey
#[utoipa::path(get, path = "/api/auth/mfa/passkeys/{id}", operation_id = "getPasskey", tag = "auth",
    security(("tenantKey" = [])), params(("id" = PasskeyId, Path)),
    responses((status = 200, description = "The passkey.", body = Passkey)))]
async fn get_passkey(
    caller: TenantCaller,
    Path(id): Path<PasskeyId>,
) -> Result<Json<Passkey>, ProblemResponse> {
    changing::get_passkey(&caller, id).await.map(Json)
}

/// Remove a passkey
///
/// Needs fresh proof. My other sessions end. The last second factor stays where one is demanded.
#[utoipa::path(delete, path = "/api/auth/mfa/passkeys/{id}", operation_id = "removePasskey", tag = "auth",
    security(("tenantKey" = [])), params(("id" = PasskeyId, Path), IdempotencyKey), request_body = Proof,
    responses((status = 204, description = "It is removed."),
        (status = 401, description = "The proof is wrong.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "It is the last one, and one is demanded.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn remove_passkey(
    State(state): State<AppState>,
    Path(id): Path<PasskeyId>,
    keyed: Keyed<OfTenantControl, Optional<Proof>>,
) -> Result<Answer, ProblemResponse> {
    changing::remove(&state, keyed, Gone::Passkey(id)).await
}

/// Pass the second factor with a code
///
/// For a session whose status is `second_factor`. A code is accepted once. From the fifth wrong one in a row on, codes
/// are not looked at for a while that grows to a quarter of an hour.
#[utoipa::path(post, path = "/api/auth/mfa/verify", operation_id = "verifyCode", tag = "auth",
    security(("tenantKey" = [])), request_body = Verification,
    responses((status = 200, description = "The session is open, by another secret.", body = LoginOutcome),
        (status = 401, description = "The code is wrong, used or too old.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong codes.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn verify(
    State(state): State<AppState>,
    caller: TenantCaller,
    Json(body): Json<Verification>,
) -> Result<Response, ProblemResponse> {
    passing::verify(&state, &caller, body).await
}

/// Begin passing the second factor with a passkey
///
/// For `PublicKeyCredential.parseRequestOptionsFromJSON()`. Good for one answer within five minutes.
#[utoipa::path(post, path = "/api/auth/mfa/passkeys/challenge", operation_id = "challengePasskeys", tag = "auth",
    security(("tenantKey" = [])),
    responses((status = 200, description = "The challenge.", body = Challenge),
        (status = 404, description = "There is no passkey.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn challenge(
    State(state): State<AppState>,
    caller: TenantCaller,
) -> Result<Json<Challenge>, ProblemResponse> {
    passing::challenge(&state, &caller).await.map(Json)
}

/// Pass the second factor with a passkey
#[utoipa::path(post, path = "/api/auth/mfa/passkeys/verify", operation_id = "verifyPasskey", tag = "auth",
    security(("tenantKey" = [])), request_body = PasskeyVerification,
    responses((status = 200, description = "The session is open, by another secret.", body = LoginOutcome),
        (status = 401, description = "The answer is refused.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn verify_passkey(
    State(state): State<AppState>,
    caller: TenantCaller,
    Json(body): Json<PasskeyVerification>,
) -> Result<Response, ProblemResponse> {
    passing::verify_passkey(&state, &caller, body).await
}
