//! What is decided about all of a tenant's people together: seats, and that an owner remains. The lock of the
//! tenant's record makes it true until the transaction ends, and keeps the plan as it is meanwhile.

use isolation::ControlTx;
use kernel::TenantId;
use tenants::{Status, Tenant};

use super::model::{User, UserStatus};
use super::ops::UserError;
use super::sql;

/// The tenant, with nobody else changing its people or its plan until the transaction ends.
pub(crate) async fn lock(tx: &mut ControlTx, tenant: TenantId) -> Result<Tenant, UserError> {
    let known = tenants::get_for_update(tx, tenant).await?;
    known.ok_or(UserError::NotFound)
}

/// Passes when the locked tenant may have one more person: the plan, or the quota of people that was set for the tenant
/// itself, has a seat left, and nobody is about to remove
/// the tenant, whose removal would miss somebody who is added behind its back.
pub(super) async fn take(tx: &mut ControlTx, tenant: &Tenant) -> Result<(), UserError> {
    if !tenant.status.is_editable() && tenant.status != Status::Provisioning {
        return Err(UserError::Closed(tenant.status));
    }
    let used = sql::seated(tx, tenant.id).await?;
    let limit = sql::own_seats(tx, tenant.id)
        .await?
        .unwrap_or_else(|| tenant.limits().users);
    match limit.at_most() {
        Some(limit) if used >= limit => Err(UserError::NoSeat { limit, used }),
        _ => Ok(()),
    }
}

/// Passes when the locked tenant keeps an owner without this one: somebody who can come in, or, where he could not
/// himself, somebody who is at least invited.
pub(super) async fn keep_an_owner(tx: &mut ControlTx, leaving: &User) -> Result<(), UserError> {
    if !leaving.role.is_owner() || leaving.status == UserStatus::Deactivated {
        return Ok(());
    }
    let others = sql::other_owners(tx, leaving).await?;
    if others.active > 0 || (leaving.status == UserStatus::Invited && others.invited > 0) {
        Ok(())
    } else {
        Err(UserError::LastOwner)
    }
}
