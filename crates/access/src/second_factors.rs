//! Second factors of somebody who lost them all, taken away by who is in charge of him: he comes in by his password and
//! adds new ones.
//!
//! Invariants: nobody does it to himself, for then a session that was left open would suffice, where otherwise fresh
//! proof is asked for; nobody does it to somebody who may more than he; the person's sessions end.

use identity::Person;
use identity::admins::{self, AdminError, AdminId, Authority};
use identity::users::{self, UserError};
use isolation::{ControlTx, Tx};
use kernel::{Grants, Permission, TenantId, UserId};
use mfa::FactorError;

use crate::sessions::{self, EndReason, SessionError};

/// Somebody's second factors could not be taken away.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// They are the caller's own.
    #[error("who lost his own second factors is helped by somebody else")]
    Own,
    /// The person of a tenant cannot be changed by this caller.
    #[error(transparent)]
    User(#[from] UserError),
    /// The operator cannot be changed by this caller.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// He has none.
    #[error(transparent)]
    Factor(#[from] FactorError),
    /// His sessions could not be ended.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Of a person of a tenant, for someone who may himself do what `held` says.
pub async fn reset_of_user(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    id: UserId,
) -> Result<(), ResetError> {
    let user = users::reach(tx, tenant, held, id, None).await?;
    reset(tx, Person::User(tenant, user.id)).await
}

/// Of an operator, for someone who may himself do what `held` says.
pub async fn reset_of_admin(tx: &mut ControlTx, held: &Authority, id: AdminId) -> Result<(), ResetError> {
    let admin = admins::get(tx, id).await?;
    if !held.covers(&admin.authority()) {
        return Err(AdminError::BeyondCaller.into());
    }
    reset(tx, Person::Admin(id)).await
}

async fn reset(tx: &mut ControlTx, person: Person) -> Result<(), ResetError> {
    let (actor, himself) = (tx.actor(), person.actor().id);
    if actor.id == himself || actor.on_behalf_of.as_ref() == Some(&himself) {
        return Err(ResetError::Own);
    }
    mfa::reset(tx, person).await?;
    sessions::end_all(tx, person, None, EndReason::SecondFactorChanged).await?;
    Ok(())
}
