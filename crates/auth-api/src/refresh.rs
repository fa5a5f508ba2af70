//! `POST /api/auth/refresh`, and the same under `/admin/auth`: the refresh token is the credential.

use access::sessions::{self, Audience, Opened, RefreshError};
use axum::extract::State;
use edge::{IdempotencyKey, ProblemBody, ProblemResponse};
use gate::{Answer, AppState, Asked, Keyed, OfVisitor, public, require_standing, unexpected};
use kernel::{Code, Secret, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::sessions::failed;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(public(routes!(refresh)))
        .routes(public(routes!(refresh_admin)))
}

/// What a program renews its access with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"refreshToken": "tny_refresh_3fK9aB2xQ0mZ8r7tLw5vYp1sUe6nXd4hJc2gIkOoRbA"}))]
struct RefreshOrder {
    /// The refresh token that was given last.
    #[schema(value_type = String)]
    refresh_token: Secret<String>,
}

impl Validate for RefreshOrder {}

/// A new pair.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TokenPair {
    /// What a program presents, for `expiresIn` seconds.
    access_token: String,
    /// What it renews that with, once.
    #[schema(example = "tny_refresh_3fK9aB2xQ0mZ8r7tLw5vYp1sUe6nXd4hJc2gIkOoRbA")]
    refresh_token: String,
    /// How it presents the access token.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// How long the access token is good for, in seconds.
    #[schema(example = 600)]
    expires_in: u64,
}

/// Renew an access token
///
/// Each refresh token is good for one use. One that comes back after its use ends its session at once, so a client must
/// not race itself; one that lost the answer repeats the request under the same `Idempotency-Key`.
#[utoipa::path(post, path = "/api/auth/refresh", operation_id = "refresh", tag = "auth", params(IdempotencyKey),
    request_body = RefreshOrder,
    responses(
        (status = 200, description = "A new pair.", body = TokenPair),
        (status = 401, description = "The token is not valid, or was used before.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 403, description = "The tenant is not open, or not from here.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn refresh(
    State(state): State<AppState>,
    Keyed { body, request }: Keyed<OfVisitor, RefreshOrder>,
) -> Result<Answer, ProblemResponse> {
    let at = Audience::Tenant(request.caller.tenant);
    renew(&state, request, at, &body.refresh_token).await
}

/// Renew an access token
///
/// Each refresh token is good for one use. One that comes back after its use ends its session at once, so a client must
/// not race itself; one that lost the answer repeats the request under the same `Idempotency-Key`.
#[utoipa::path(post, path = "/admin/auth/refresh", operation_id = "refreshAdmin", tag = "auth",
    params(IdempotencyKey), request_body = RefreshOrder,
    responses(
        (status = 200, description = "A new pair.", body = TokenPair),
        (status = 401, description = "The token is not valid, or was used before.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 403, description = "Operators are not let in from here.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn refresh_admin(
    State(state): State<AppState>,
    Keyed { body, request }: Keyed<OfVisitor, RefreshOrder>,
) -> Result<Answer, ProblemResponse> {
    renew(&state, request, Audience::Platform, &body.refresh_token).await
}

async fn renew(
    state: &AppState,
    request: Asked<OfVisitor>,
    at: Audience,
    presented: &Secret<String>,
) -> Result<Answer, ProblemResponse> {
    let (mut tx, kept) = request.open().await?;
    if let Some(kept) = kept {
        return Ok(kept.into());
    }
    match sessions::refresh(&mut tx, &state.signing_keys, at, presented).await {
        Ok(opened) => {
            require_open_door(state, &request, &opened).await?;
            let pair = TokenPair::try_from(opened)?;
            request.finish(tx, Answer::ok(&pair)?).await
        }
        Err(RefreshError::Reused) => {
            // The session's end has to outlive this refusal.
            tx.commit().await.map_err(unexpected)?;
            Err(Code::Unauthenticated.into())
        }
        Err(RefreshError::Refused) => Err(Code::Unauthenticated.into()),
        Err(RefreshError::Session(error)) => Err(failed(error)),
    }
}

/// Whether the session's tenant may be served, and from there. Otherwise the token stays unused.
async fn require_open_door(
    state: &AppState,
    request: &Asked<OfVisitor>,
    opened: &Opened,
) -> Result<(), ProblemResponse> {
    let Some(tenant) = opened.session.person.tenant() else {
        return Ok(());
    };
    request.caller.let_in_by(state, tenant).await?;
    let tenant = state.directory.by_id(tenant).await.map_err(unexpected)?;
    let tenant = tenant.ok_or(Code::Unauthenticated)?;
    require_standing(&tenant)
}

impl TryFrom<Opened> for TokenPair {
    type Error = ProblemResponse;
    fn try_from(opened: Opened) -> Result<Self, ProblemResponse> {
        let tokens = opened.tokens.ok_or(Code::Unauthenticated)?;
        Ok(Self {
            access_token: tokens.access.expose().clone(),
            refresh_token: tokens.refresh.expose().clone(),
            token_type: "Bearer",
            expires_in: tokens.expires_in,
        })
    }
}
