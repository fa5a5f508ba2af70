//! What can be done with a tenant's people.

use audit::{Event, EventType, Personal};
use isolation::{ControlTx, Tx};
use kernel::{TenantId, UserId};

use super::model::{User, UserStatus};
use super::sql;
use crate::api_keys;
use crate::email::Email;
use crate::name::Name;
use crate::passwords::PasswordHash;
use crate::roles::Role;

/// Something could not be done with a person.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// The tenant has another person of this address.
    #[error("the address belongs to another person of the tenant")]
    EmailTaken,
    /// There is no such person, or he is another tenant's.
    #[error("no such person")]
    NotFound,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The tenant's owner: added, or the one that was added before under the same address.
pub async fn create_owner(
    tx: &mut ControlTx,
    tenant: TenantId,
    email: Email,
    name: Name,
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
        email,
        name,
        role: Role::Owner,
        status,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    if !sql::insert(tx, &user, password.as_ref()).await? {
        let known = sql::by_email(tx, tenant, &user.email).await?;
        return known
            .filter(|known| known.role == Role::Owner)
            .ok_or(UserError::EmailTaken);
    }
    let event = Event::new(EventType::UserCreated)
        .of_tenant(tenant)
        .resource(user.id, None)
        .change("email", None::<&str>, Personal(&user.email))
        .change("name", None::<&str>, Personal(&user.name))
        .change("role", None::<&str>, user.role.name());
    audit::record(tx, event).await?;
    Ok(user)
}

/// One person.
pub async fn get(tx: &mut ControlTx, tenant: TenantId, id: UserId) -> Result<User, UserError> {
    sql::get(tx, tenant, id).await?.ok_or(UserError::NotFound)
}

/// Removes everyone of a tenant, with invitations and keys: when its provisioning is rolled back, and at its end.
pub async fn remove_all(tx: &mut ControlTx, tenant: TenantId) -> Result<(), UserError> {
    let keys = api_keys::remove_all(tx, tenant).await?;
    let users = sql::delete_all(tx, tenant).await?;
    if users == 0 && keys == 0 {
        return Ok(());
    }
    let event = Event::new(EventType::UserDeleted)
        .of_tenant(tenant)
        .action("deleted_with_tenant")
        .meta("users", users)
        .meta("apiKeys", u64::try_from(keys).unwrap_or(u64::MAX));
    Ok(audit::record(tx, event).await?)
}
