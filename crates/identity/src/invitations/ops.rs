//! Inviting and accepting.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::{Secret, TenantId, UserId};

use super::model::{Acceptance, Invitation};
use super::sql;
use crate::api_keys::{self, NewApiKey};
use crate::key::KeyError;
use crate::name::Name;
use crate::passwords::PasswordHash;
use crate::token;
use crate::users::{self, User, UserStatus};

const DAYS: i64 = 7;

/// An invitation could not be made or accepted.
#[derive(Debug, thiserror::Error)]
pub enum InvitationError {
    /// The person is not waiting for an invitation.
    #[error("the person is not invited, or has come already")]
    NotInvited,
    /// There is no open invitation of this token.
    #[error("no such invitation")]
    NotFound,
    /// The key could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Invites a person who was added without a password. What was open before is void; the token is answered this once.
pub async fn invite(
    tx: &mut ControlTx,
    tenant: TenantId,
    user: UserId,
) -> Result<(Invitation, Secret<String>), InvitationError> {
    let known = users::sql::get(tx, tenant, user).await?;
    if known.is_none_or(|known| known.status != UserStatus::Invited) {
        return Err(InvitationError::NotInvited);
    }
    sql::withdraw(tx, tenant, user).await?;
    let now = tx.now();
    let invitation = Invitation {
        id: tx.new_id(),
        tenant_id: tenant,
        user_id: user,
        expires_at: now.plus_days(DAYS),
        accepted_at: None,
        created_at: now,
    };
    let secret = token::mint(tx.seams(), "");
    sql::insert(tx, &invitation, &token::hash(secret.expose())).await?;
    record(tx, EventType::InvitationSent, &invitation).await?;
    Ok((invitation, secret))
}

/// The open invitation of this token with whom it is for, for the page that it leads to.
pub async fn find(
    tx: &mut ControlTx,
    presented: &Secret<String>,
) -> Result<(Invitation, User), InvitationError> {
    let now = tx.now();
    let invitation = sql::find(tx, &token::hash(presented.expose()), now)
        .await?
        .ok_or(InvitationError::NotFound)?;
    let user = users::sql::get(tx, invitation.tenant_id, invitation.user_id).await?;
    Ok((invitation, user.ok_or(InvitationError::NotFound)?))
}

/// Takes the place: the person is active from now on and has a key that acts as him. On an error nothing of the
/// transaction may be committed.
pub async fn accept(
    tx: &mut ControlTx,
    presented: &Secret<String>,
    name: Option<Name>,
    password: Option<PasswordHash>,
) -> Result<Acceptance, InvitationError> {
    let now = tx.now();
    let invitation = sql::redeem(tx, &token::hash(presented.expose()), now)
        .await?
        .ok_or(InvitationError::NotFound)?;
    let (tenant, id) = (invitation.tenant_id, invitation.user_id);
    let user = users::sql::activate(tx, tenant, id, name.as_ref(), password.as_ref())
        .await?
        .ok_or(InvitationError::NotFound)?;
    record(tx, EventType::InvitationAccepted, &invitation).await?;
    let new = NewApiKey {
        name: "Made on accepting the invitation".to_owned(),
        scopes: user.role.scopes().iter().map(|&scope| scope.to_owned()).collect(),
        expires_at: None,
        user_id: Some(user.id),
    };
    let (api_key, secret) = api_keys::create(tx, tenant, user.role.grants(), new).await?;
    Ok(Acceptance {
        user,
        api_key,
        secret,
    })
}

async fn record(tx: &mut ControlTx, kind: EventType, invitation: &Invitation) -> Result<(), sqlx::Error> {
    let event = Event::new(kind)
        .of_tenant(invitation.tenant_id)
        .resource(invitation.user_id, None)
        .meta("invitation", invitation.id.to_string());
    audit::record(tx, event).await
}
