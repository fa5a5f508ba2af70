//! Changes of a tenant's people that reach to the door: whoever is shut out has no session any more.

use identity::Person;
use identity::users::{self, User, UserError};
use isolation::ControlTx;
use kernel::{Grants, Permission, TenantId, UserId};

use crate::sessions::{self, EndReason, Session, SessionError};

/// A person could not be shut out, or his sessions not be seen or ended.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The person could not be changed.
    #[error(transparent)]
    User(#[from] UserError),
    /// His sessions could not be read or ended.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Shuts a person out and ends his sessions: letting him in again does not open them.
pub async fn deactivate(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    id: UserId,
    expected: Option<i64>,
) -> Result<User, DoorError> {
    let user = users::deactivate(tx, tenant, held, id, expected).await?;
    sessions::end_all(tx, Person::User(tenant, id), None, EndReason::Deactivated).await?;
    Ok(user)
}

/// The sessions of a person that have not ended.
pub async fn sessions(tx: &mut ControlTx, tenant: TenantId, id: UserId) -> Result<Vec<Session>, DoorError> {
    let user = users::get(tx, tenant, id).await?;
    Ok(sessions::list(tx, Person::User(tenant, user.id)).await?)
}

/// Ends all sessions of a person, for someone who may himself do what `held` says.
pub async fn end_sessions(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    id: UserId,
) -> Result<(), DoorError> {
    let user = users::reach(tx, tenant, held, id, None).await?;
    sessions::end_all(tx, Person::User(tenant, user.id), None, EndReason::Revoked).await?;
    Ok(())
}
