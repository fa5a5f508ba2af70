//! What can be done with a tenant's people.

use audit::{Event, EventType, Personal};
use isolation::{ControlTx, Tx, violates};
use kernel::{Grants, Permission, TenantId, UserId};
use tenants::Status;

use super::authority::{may_give, reach};
use super::model::{InvalidTransition, NewUser, PatchUser, User, UserStatus};
use super::{seats, sql};
use crate::api_keys;
use crate::email::Email;
use crate::name::Name;
use crate::passwords::PasswordHash;
use crate::person::{announce_people, announce_seats};
use crate::roles::{self, BuiltinRole};
use crate::version::VersionMismatch;

/// Something could not be done with a person.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The tenant has another person of this address.
    #[error("the address belongs to another person of the tenant")]
    EmailTaken,
    /// There is no such person, or he is another tenant's.
    #[error("no such person")]
    NotFound,
    /// The tenant has no role of this name.
    #[error("no such role")]
    NoSuchRole,
    /// The role, or the person's present one, allows what the caller may not do himself.
    #[error("only somebody who may do everything that the role allows can do this")]
    BeyondCaller,
    /// He would change his own role.
    #[error("nobody changes his own role")]
    OwnRole,
    /// The tenant would have no owner any more.
    #[error("a tenant always has at least one active owner")]
    LastOwner,
    /// The plan's seats are taken.
    #[error("the plan has {limit} seats, and {used} are taken")]
    NoSeat {
        /// How many people the tenant may have.
        limit: u64,
        /// How many it has.
        used: u64,
    },
    /// The tenant is not there to stay.
    #[error("a tenant that is {} gets no more people", .0.name())]
    Closed(Status),
    /// He stands where this cannot be done.
    #[error(transparent)]
    InvalidTransition(#[from] InvalidTransition),
    /// He was changed since the caller read him.
    #[error(transparent)]
    VersionMismatch(#[from] VersionMismatch),
    /// The database failed.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for UserError {
    fn from(error: sqlx::Error) -> Self {
        if violates(&error, "users_role") {
            Self::NoSuchRole
        } else {
            Self::Database(error)
        }
    }
}

/// Adds a person who is to be invited, for someone who may himself do what `held` says. He takes a seat.
pub async fn add(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    new: NewUser,
) -> Result<User, UserError> {
    may_give(tx, tenant, held, &new.role).await?;
    let known = seats::lock(tx, tenant).await?;
    if sql::by_email(tx, tenant, &new.email).await?.is_some() {
        return Err(UserError::EmailTaken);
    }
    seats::take(tx, &known).await?;
    insert(tx, tenant, new, None).await
}

/// The tenant's owner: added, or the one that was added before under the same address.
pub async fn create_owner(
    tx: &mut ControlTx,
    tenant: TenantId,
    email: Email,
    name: Name,
    password: Option<PasswordHash>,
) -> Result<User, UserError> {
    let locked = seats::lock(tx, tenant).await?;
    if let Some(known) = sql::by_email(tx, tenant, &email).await? {
        return Some(known)
            .filter(|known| known.role.is_owner())
            .ok_or(UserError::EmailTaken);
    }
    seats::take(tx, &locked).await?;
    let owner = NewUser {
        email,
        name,
        role: BuiltinRole::Owner.into(),
    };
    insert(tx, tenant, owner, password).await
}

/// Adds a person to the locked tenant.
async fn insert(
    tx: &mut ControlTx,
    tenant: TenantId,
    new: NewUser,
    password: Option<PasswordHash>,
) -> Result<User, UserError> {
    let status = if password.is_some() {
        UserStatus::Active
    } else {
        UserStatus::Invited
    };
    let user = User {
        id: tx.new_id(),
        tenant_id: tenant,
        email: new.email,
        email_verified: false,
        name: new.name,
        role: new.role,
        status,
        last_login_at: None,
        version: 1,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    if !sql::insert(tx, &user, password.as_ref()).await? {
        return Err(UserError::EmailTaken);
    }
    let event = event(EventType::UserCreated, &user)
        .change("email", None::<&str>, Personal(&user.email))
        .change("name", None::<&str>, Personal(&user.name))
        .change("role", None::<&str>, user.role.as_str());
    audit::record(tx, event).await?;
    announce_seats(tx, tenant).await?;
    Ok(user)
}

/// One person.
pub async fn get(tx: &mut ControlTx, tenant: TenantId, id: UserId) -> Result<User, UserError> {
    sql::get(tx, tenant, id).await?.ok_or(UserError::NotFound)
}

/// Changes what a person is called, for himself or for someone who may do what his role allows.
pub async fn update(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    id: UserId,
    expected: Option<i64>,
    patch: PatchUser,
) -> Result<User, UserError> {
    let before = reach(tx, tenant, held, id, expected).await?;
    let after = User {
        name: patch.name.unwrap_or_else(|| before.name.clone()),
        ..before.clone()
    };
    if after == before {
        return Ok(before);
    }
    let event =
        event(EventType::UserUpdated, &after).change("name", Personal(&before.name), Personal(&after.name));
    save(tx, after, event).await
}

/// Stores a changed person with its event.
pub(super) async fn save(tx: &mut ControlTx, user: User, event: Event) -> Result<User, UserError> {
    let user = User {
        version: user.version + 1,
        updated_at: tx.now(),
        ..user
    };
    sql::save(tx, &user).await?;
    audit::record(tx, event).await?;
    Ok(user)
}

/// An event about this person.
pub(super) fn event(kind: EventType, user: &User) -> Event {
    Event::new(kind).of_tenant(user.tenant_id).resource(user.id, None)
}

/// Removes everyone of a tenant, with invitations, keys and roles: when its provisioning is rolled back, and at its
/// end.
pub async fn remove_all(tx: &mut ControlTx, tenant: TenantId) -> Result<(), UserError> {
    let keys = api_keys::remove_all(tx, tenant).await?;
    let users = sql::delete_all(tx, tenant).await?;
    let roles = roles::remove_all(tx, tenant).await?;
    if users == 0 && keys == 0 && roles == 0 {
        return Ok(());
    }
    let event = Event::new(EventType::UserDeleted)
        .of_tenant(tenant)
        .action("deleted_with_tenant")
        .meta("users", users)
        .meta("roles", roles)
        .meta("apiKeys", u64::try_from(keys).unwrap_or(u64::MAX));
    audit::record(tx, event).await?;
    announce_seats(tx, tenant).await?;
    Ok(announce_people(tx, tenant).await?)
}
