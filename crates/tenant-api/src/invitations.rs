//! `/api/users/{id}/invitation`, for those who may invite, and `POST /api/invitations/accept`, where the token is the
//! credential.

use access::invitations::{self as inviting, InviteError};
use axum::extract::State;
use edge::{IdempotencyKey, Path, ProblemBody, ProblemResponse};
use gate::keys::{self, CreatedKey};
use gate::{
    Answer, AppState, Asked, Change, Keyed, NoBody, OfTenantControl, OfVisitor, people, permitted, public,
    require_active, unexpected,
};
use identity::api_keys::ApiKey;
use identity::invitations::{self, Acceptance, Invitation, InvitationError, Newcomer};
use identity::passwords::{Busy, Password, PasswordHash};
use identity::users::User;
use identity::{Email, Hasher, Name};
use kernel::{Code, FieldError, Permission, Problem, Secret, UserId, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::refusals::sentence;
use crate::users::asked;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(send_again), Permission::UsersWrite))
        .routes(permitted(routes!(withdraw), Permission::UsersWrite))
        .routes(public(routes!(accept)))
}

/// Send an invitation again
///
/// To somebody who has not come yet. The link of the letter before is void.
#[utoipa::path(post, path = "/api/users/{id}/invitation", operation_id = "sendInvitation", tag = "identity",
    security(("tenantKey" = [])), params(("id" = UserId, Path), IdempotencyKey),
    responses(
        (status = 200, description = "The new invitation; its link is in the letter alone.", body = Invitation),
        (status = 409, description = "The person is not waiting for an invitation.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn send_again(
    State(state): State<AppState>,
    Path(id): Path<UserId>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (tenant, held, _) = asked(&change);
    let sent = inviting::invite_again(&mut change.tx, &state.letters, tenant, held, id)
        .await
        .map_err(refused)?;
    change.answer(Answer::ok(&sent)?).await
}

/// Withdraw an invitation
///
/// Its link is void. The person stays invited and keeps his seat until he is invited again or deleted.
#[utoipa::path(delete, path = "/api/users/{id}/invitation", operation_id = "withdrawInvitation", tag = "identity",
    security(("tenantKey" = [])), params(("id" = UserId, Path), IdempotencyKey),
    responses((status = 204, description = "The link opens nothing any more.")))]
async fn withdraw(
    Path(id): Path<UserId>,
    mut change: Change<OfTenantControl, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (tenant, held, _) = asked(&change);
    invitations::withdraw(&mut change.tx, tenant, held, id)
        .await
        .map_err(failed)?;
    change.answer(Answer::no_content()).await
}

/// What an invited person sends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "token": "3fK9aB2xQ0mZ8r7tLw5vYp1sUe6nXd4hJc2gIkOoRbA",
    "name": "Ada Lovelace",
    "password": "seven-lanterns-over-quiet-water"
}))]
struct AcceptanceOrder {
    /// What stands behind the `#` of the invitation's link.
    #[schema(value_type = String)]
    token: Secret<String>,
    /// The address that he was invited under, to make sure; another one is answered like a wrong token.
    #[schema(value_type = Option<String>, format = Email, example = "ada@example.com")]
    email: Option<Email>,
    /// What he is called from now on; as he was invited unless given.
    name: Option<Name>,
    /// At least 12 characters and at most 72 bytes.
    #[schema(value_type = Option<String>, format = Password, min_length = 12, max_length = 72)]
    password: Option<Secret<String>>,
}

impl Validate for AcceptanceOrder {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if let Some(Err(weak)) = self.password.clone().map(Password::new) {
            errors.push(FieldError::new("/password", weak.to_string()));
        }
    }
}

/// An accepted invitation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    /// The person, active now.
    user: User,
    /// A key that acts as him; none where the tenant demands a second factor: he logs in and adds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<CreatedKey<ApiKey>>,
}

/// Accept an invitation
///
/// Works once. A token that is wrong, used or expired is not found.
#[utoipa::path(post, path = "/api/invitations/accept", operation_id = "acceptInvitation", tag = "identity",
    params(IdempotencyKey), request_body = AcceptanceOrder,
    responses(
        (status = 201, description = "The person, with his key if he gets one.", body = Accepted, headers(("Location" = String))),
        (status = 403, description = "The tenant is not open.", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no open invitation of this token.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn accept(
    State(state): State<AppState>,
    Keyed { body, request }: Keyed<OfVisitor, AcceptanceOrder>,
) -> Result<Answer, ProblemResponse> {
    let (request, invited) = recognise(&state, request, &body).await?;
    let (mut tx, kept) = request.open().await?;
    if let Some(kept) = kept {
        return Ok(kept.into());
    }
    let Invited { password, with_key } = invited.ok_or(Code::NotFound)?;
    let newcomer = Newcomer {
        token: body.token,
        email: body.email,
        name: body.name,
        password,
        with_key,
    };
    let accepted = invitations::accept(&mut tx, newcomer).await.map_err(failed)?;
    let location = match &accepted.key {
        Some((key, _)) => format!("/api/api-keys/{}", key.id),
        None => format!("/api/users/{}", accepted.user.id),
    };
    request
        .finish(tx, Answer::created(location, &Accepted::from(accepted))?)
        .await
}

/// Somebody whose invitation is open.
struct Invited {
    password: Option<PasswordHash>,
    with_key: bool,
}

/// Finds out who presents the token, so that only for an invited person a password is hashed, and no transaction
/// waits for it. Nobody where the token is not open: its acceptance may have been answered under the same key before.
async fn recognise(
    state: &AppState,
    mut request: Asked<OfVisitor>,
    body: &AcceptanceOrder,
) -> Result<(Asked<OfVisitor>, Option<Invited>), ProblemResponse> {
    let mut tx = request.caller.ctx.control().await.map_err(unexpected)?;
    let (invitation, user) = match invitations::find(&mut tx, &body.token, body.email.as_ref()).await {
        Ok(found) => found,
        Err(InvitationError::NotFound) => return Ok((request, None)),
        Err(other) => return Err(failed(other)),
    };
    drop(tx);
    let tenant = state
        .directory
        .by_id(invitation.tenant_id)
        .await
        .map_err(unexpected)?
        .ok_or(Code::NotFound)?;
    if request.caller.tenant.is_some_and(|named| named != tenant.id) {
        return Err(Code::NotFound.into());
    }
    require_active(tenant.status)?;
    request.caller.let_in_by(state, tenant.id).await?;
    let with_key = !state
        .policies
        .of(tenant.id)
        .await
        .map_err(unexpected)?
        .mfa_required;
    if !with_key && body.password.is_none() {
        let why = "has to be set: the tenant demands a second factor, which is added after logging in";
        return Err(Problem::invalid(vec![FieldError::new("/password", why)]).into());
    }
    request.caller = request.caller.recognised(user.id);
    let password = hashed(&state.hasher, body.password.clone()).await?;
    Ok((request, Some(Invited { password, with_key })))
}

async fn hashed(
    hasher: &Hasher,
    password: Option<Secret<String>>,
) -> Result<Option<PasswordHash>, ProblemResponse> {
    let Some(Ok(password)) = password.map(Password::new) else {
        return Ok(None);
    };
    let hash = hasher.hash(password).await;
    hash.map(Some).map_err(|Busy| Code::Overloaded.into())
}

impl From<Acceptance> for Accepted {
    fn from(accepted: Acceptance) -> Self {
        Self {
            user: accepted.user,
            api_key: accepted.key.map(Into::into),
        }
    }
}

/// What a failed invitation is answered.
pub(crate) fn refused(error: InviteError) -> ProblemResponse {
    match error {
        InviteError::Invitation(error) => failed(error),
        InviteError::Unreachable => {
            Problem::invalid(vec![FieldError::new("/email", error.to_string())]).into()
        }
        InviteError::Database(error) => unexpected(error),
    }
}

fn failed(error: InvitationError) -> ProblemResponse {
    match error {
        InvitationError::NotFound => Code::NotFound.into(),
        InvitationError::NotInvited => Problem::new(Code::InvalidTransition, sentence(&error)).into(),
        InvitationError::User(error) => people::failed(error),
        InvitationError::Key(error) => keys::failed(error),
        InvitationError::Database(error) => unexpected(error),
    }
}
