//! What changes whether a person may come in, and what he may do.

use audit::{EventType, Personal};
use isolation::ControlTx;
use kernel::{Grants, Permission, TenantId, UserId};

use super::authority::{is_himself, may_give, reach};
use super::model::{User, UserStatus};
use super::ops::{UserError, event, save};
use super::{seats, sql};
use crate::person::{Person, announce_seats};
use crate::roles::RoleName;

/// Gives a person another role.
pub async fn change_role(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    id: UserId,
    expected: Option<i64>,
    role: RoleName,
) -> Result<User, UserError> {
    let before = reach_with_all(tx, tenant, held, id, expected).await?;
    if is_himself(tx, id) {
        return Err(UserError::OwnRole);
    }
    may_give(tx, tenant, held, &role).await?;
    if role == before.role {
        return Ok(before);
    }
    seats::keep_an_owner(tx, &before).await?;
    let event =
        event(EventType::UserRoleChanged, &before).change("role", before.role.as_str(), role.as_str());
    let after = save(tx, User { role, ..before }, event).await?;
    announced(tx, after).await
}

/// Shuts a person out. His open invitations end; his keys are refused while he is out.
pub async fn deactivate(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    id: UserId,
    expected: Option<i64>,
) -> Result<User, UserError> {
    let before = reach_with_all(tx, tenant, held, id, expected).await?;
    let status = before.status.deactivated()?;
    seats::keep_an_owner(tx, &before).await?;
    crate::invitations::void(tx, tenant, id).await?;
    stand(tx, before, status, EventType::UserDeactivated).await
}

/// Lets a person in again who was shut out. He takes a seat; one who never came waits for an invitation.
pub async fn reactivate(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    id: UserId,
    expected: Option<i64>,
) -> Result<User, UserError> {
    let locked = seats::lock(tx, tenant).await?;
    let before = reach(tx, tenant, held, id, expected).await?;
    let came = sql::came(tx, tenant, id).await?;
    let status = before.status.reactivated(came)?;
    seats::take(tx, &locked).await?;
    stand(tx, before, status, EventType::UserReactivated).await
}

/// Removes a person with his keys, sessions and invitations.
pub async fn delete(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    id: UserId,
    expected: Option<i64>,
) -> Result<(), UserError> {
    let user = reach_with_all(tx, tenant, held, id, expected).await?;
    seats::keep_an_owner(tx, &user).await?;
    sql::delete(tx, tenant, id).await?;
    let event = event(EventType::UserDeleted, &user)
        .change("email", Personal(&user.email), None::<&str>)
        .change("name", Personal(&user.name), None::<&str>)
        .change("role", user.role.as_str(), None::<&str>);
    audit::record(tx, event).await?;
    announce_seats(tx, tenant).await?;
    announced(tx, user).await?;
    Ok(())
}

/// The person, with all people of the tenant held as they are: the tenant's lock comes before the person's, always.
async fn reach_with_all(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    id: UserId,
    expected: Option<i64>,
) -> Result<User, UserError> {
    seats::lock(tx, tenant).await?;
    reach(tx, tenant, held, id, expected).await
}

async fn stand(
    tx: &mut ControlTx,
    before: User,
    status: UserStatus,
    kind: EventType,
) -> Result<User, UserError> {
    let event = event(kind, &before).change("status", before.status.name(), status.name());
    let after = save(tx, User { status, ..before }, event).await?;
    announce_seats(tx, after.tenant_id).await?;
    announced(tx, after).await
}

async fn announced(tx: &mut ControlTx, user: User) -> Result<User, UserError> {
    Person::User(user.tenant_id, user.id).announce(tx).await?;
    Ok(user)
}
