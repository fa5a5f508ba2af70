//! Inviting and accepting.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::{Grants, Permission, Secret, TenantId, UserId};

use super::model::{Acceptance, Invitation, Newcomer};
use super::sql;
use crate::api_keys::{self, ApiKey, NewApiKey};
use crate::email::Email;
use crate::key::KeyError;
use crate::person::Person;
use crate::roles;
use crate::token;
use crate::users::{self, User, UserError, UserStatus};

const DAYS: i64 = 7;

/// An invitation could not be made or accepted.
#[derive(Debug, thiserror::Error)]
pub enum InvitationError {
    /// The person is not waiting for an invitation.
    #[error("the person is not invited, or has come already")]
    NotInvited,
    /// There is no open invitation of this token, or of this person.
    #[error("no such invitation")]
    NotFound,
    /// The caller may not change this person.
    #[error(transparent)]
    User(#[from] UserError),
    /// The key could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Invites a person who was added without a password, for someone who may himself do what `held` says. What was open
/// before is void; the token is answered this once.
pub async fn invite(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    user: UserId,
) -> Result<(Invitation, Secret<String>), InvitationError> {
    let known = users::reach(tx, tenant, held, user, None).await?;
    if known.status != UserStatus::Invited {
        return Err(InvitationError::NotInvited);
    }
    void(tx, tenant, user).await?;
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

/// Makes a person's link useless. He stays invited, and keeps his seat, until he is invited again or deleted.
pub async fn withdraw(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    user: UserId,
) -> Result<(), InvitationError> {
    users::reach(tx, tenant, held, user, None).await?;
    if void(tx, tenant, user).await? == 0 {
        return Err(InvitationError::NotFound);
    }
    let event = Event::new(EventType::InvitationWithdrawn)
        .of_tenant(tenant)
        .resource(user, None);
    Ok(audit::record(tx, event).await?)
}

/// Ends what is open of a locked person's invitations; answers how many there were.
pub(crate) async fn void(tx: &mut ControlTx, tenant: TenantId, user: UserId) -> Result<u64, sqlx::Error> {
    sql::delete_open(tx, tenant, user).await
}

/// The open invitation of this token with whom it is for: somebody of this address, where one is said.
pub async fn find(
    tx: &mut ControlTx,
    presented: &Secret<String>,
    email: Option<&Email>,
) -> Result<(Invitation, User), InvitationError> {
    let now = tx.now();
    let invitation = sql::find(tx, &token::hash(presented.expose()), now)
        .await?
        .ok_or(InvitationError::NotFound)?;
    let user = users::sql::get(tx, invitation.tenant_id, invitation.user_id).await?;
    let user = user.filter(|user| email.is_none_or(|said| *said == user.email));
    Ok((invitation, user.ok_or(InvitationError::NotFound)?))
}

/// Takes the place: the person is active from now on, and has a key that acts as him if he is to get one. On an error nothing of the
/// transaction may be committed.
pub async fn accept(tx: &mut ControlTx, newcomer: Newcomer) -> Result<Acceptance, InvitationError> {
    let Newcomer {
        token,
        email,
        name,
        password,
        with_key,
    } = newcomer;
    let (_, waiting) = find(tx, &token, email.as_ref()).await?;
    let (tenant, id) = (waiting.tenant_id, waiting.id);
    // The person before his invitation, as everywhere: two who change both never wait for each other.
    let locked = users::sql::lock(tx, tenant, id).await?;
    if locked.is_none_or(|locked| locked.status != UserStatus::Invited) {
        return Err(InvitationError::NotFound);
    }
    let now = tx.now();
    let invitation = sql::redeem(tx, &token::hash(token.expose()), now)
        .await?
        .ok_or(InvitationError::NotFound)?;
    let user = users::sql::activate(tx, tenant, id, name.as_ref(), password.as_ref())
        .await?
        .ok_or(InvitationError::NotFound)?;
    record(tx, EventType::InvitationAccepted, &invitation).await?;
    Person::User(tenant, id).announce(tx).await?;
    let key = if with_key {
        Some(first_key(tx, &user).await?)
    } else {
        None
    };
    Ok(Acceptance { user, key })
}

/// A key that acts as him, with everything that his role allows now.
async fn first_key(tx: &mut ControlTx, user: &User) -> Result<(ApiKey, Secret<String>), InvitationError> {
    let role = roles::find(tx, user.tenant_id, &user.role).await?;
    let role = role.ok_or(InvitationError::NotFound)?;
    let new = NewApiKey {
        name: "Made on accepting the invitation".to_owned(),
        scopes: roles::known_scopes::<Permission>(&role.permissions),
        expires_at: None,
        user_id: Some(user.id),
    };
    Ok(api_keys::create(tx, user.tenant_id, role.grants(), new).await?)
}

async fn record(tx: &mut ControlTx, kind: EventType, invitation: &Invitation) -> Result<(), sqlx::Error> {
    let event = Event::new(kind)
        .of_tenant(invitation.tenant_id)
        .resource(invitation.user_id, None)
        .meta("invitation", invitation.id.to_string());
    audit::record(tx, event).await
}
