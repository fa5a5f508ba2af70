//! `POST /api/invitations/accept`: the token is the credential.

use axum::extract::State;
use edge::{IdempotencyKey, ProblemBody, ProblemResponse};
use gate::keys::{self, CreatedKey};
use gate::{Answer, AppState, Asked, Keyed, OfVisitor, public, require_active, unexpected};
use identity::api_keys::ApiKey;
use identity::invitations::{self, Acceptance, InvitationError};
use identity::passwords::{Busy, Password, PasswordHash};
use identity::users::User;
use identity::{Hasher, Name};
use kernel::{Code, FieldError, Secret, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(public(routes!(accept)))
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
    /// A key that acts as him.
    api_key: CreatedKey<ApiKey>,
}

/// Accept an invitation
///
/// Works once. A token that is wrong, used or expired is not found.
#[utoipa::path(post, path = "/api/invitations/accept", operation_id = "acceptInvitation", tag = "identity",
    params(IdempotencyKey), request_body = AcceptanceOrder,
    responses(
        (status = 201, description = "The person with his key.", body = Accepted, headers(("Location" = String))),
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
    let Invited { password } = invited.ok_or(Code::NotFound)?;
    let accepted = invitations::accept(&mut tx, &body.token, body.name, password)
        .await
        .map_err(failed)?;
    let location = format!("/api/api-keys/{}", accepted.api_key.id);
    request
        .finish(tx, Answer::created(location, &Accepted::from(accepted))?)
        .await
}

/// Somebody whose invitation is open.
struct Invited {
    password: Option<PasswordHash>,
}

/// Finds out who presents the token, so that only for an invited person a password is hashed, and no transaction
/// waits for it. Nobody where the token is not open: its acceptance may have been answered under the same key before.
async fn recognise(
    state: &AppState,
    mut request: Asked<OfVisitor>,
    body: &AcceptanceOrder,
) -> Result<(Asked<OfVisitor>, Option<Invited>), ProblemResponse> {
    let mut tx = request.caller.ctx.control().await.map_err(unexpected)?;
    let (invitation, user) = match invitations::find(&mut tx, &body.token).await {
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
    request.caller = request.caller.recognised(user.id);
    let password = hashed(&state.hasher, body.password.clone()).await?;
    Ok((request, Some(Invited { password })))
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
            api_key: (accepted.api_key, accepted.secret).into(),
        }
    }
}

fn failed(error: InvitationError) -> ProblemResponse {
    match error {
        InvitationError::NotFound | InvitationError::NotInvited => Code::NotFound.into(),
        InvitationError::Key(error) => keys::failed(error),
        InvitationError::Database(error) => unexpected(error),
    }
}
