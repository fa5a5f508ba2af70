//! Who may change whom.

use isolation::{ControlTx, Tx};
use kernel::{ActorKind, Grants, Permission, TenantId, UserId};

use super::model::User;
use super::ops::UserError;
use super::sql;
use crate::roles::{self, RoleName};
use crate::version;

/// The person, for this transaction alone, if someone who may himself do what `held` says may change him.
pub async fn reach(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    id: UserId,
    expected: Option<i64>,
) -> Result<User, UserError> {
    let user = sql::lock(tx, tenant, id).await?.ok_or(UserError::NotFound)?;
    if !is_himself(tx, id) {
        let allowed = roles::grants_of(tx, tenant, &user.role).await?;
        if !held.covers(allowed.unwrap_or(Grants::all())) {
            return Err(UserError::BeyondCaller);
        }
    }
    version::require(user.version, expected)?;
    Ok(user)
}

/// Passes when somebody who may himself do what `held` says may give this role.
pub(super) async fn may_give(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    role: &RoleName,
) -> Result<(), UserError> {
    let allowed = roles::grants_of(tx, tenant, role).await?;
    if held.covers(allowed.ok_or(UserError::NoSuchRole)?) {
        Ok(())
    } else {
        Err(UserError::BeyondCaller)
    }
}

/// Whether the transaction's actor is this person, or a key that acts as him.
pub(super) fn is_himself(tx: &ControlTx, user: UserId) -> bool {
    let (actor, user) = (tx.actor(), user.to_string());
    match actor.kind {
        ActorKind::User => actor.id == user,
        _ => actor.on_behalf_of.as_ref() == Some(&user),
    }
}
