//! Adding operators.

use audit::{Event, EventType, Personal};
use isolation::{ControlTx, Tx, violates};

use super::model::{Admin, AdminId, FirstAdmin, NewAdmin};
use crate::admin_api_keys;
use crate::email::Email;
use crate::key::KeyError;
use crate::passwords::{Busy, Hasher};

/// An operator could not be added.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Another operator has this address.
    #[error("the address belongs to another operator")]
    EmailTaken,
    /// The given key is not `tny_admin_` and 256 bits in base64url.
    #[error("the given key does not have the form of a platform key")]
    MalformedKey,
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The key could not be stored.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Adds an operator.
pub async fn create(tx: &mut ControlTx, new: NewAdmin) -> Result<Admin, AdminError> {
    let admin = Admin {
        id: tx.new_id(),
        email: new.email,
        name: new.name,
        created_at: tx.now(),
    };
    let inserted = sqlx::query!(
        "insert into control.admins (id, email, name, permissions, status, password_hash, created_at, updated_at)
         values ($1, $2, $3, array['*'], 'active', $4, $5, $5)",
        admin.id as _,
        admin.email as _,
        admin.name as _,
        new.password as _,
        admin.created_at as _
    )
    .execute(tx.conn())
    .await;
    if let Err(error) = inserted {
        let taken = violates(&error, "admins_email_unique");
        return Err(if taken {
            AdminError::EmailTaken
        } else {
            error.into()
        });
    }
    let event = Event::new(EventType::AdminCreated)
        .resource(admin.id, None)
        .change("email", None::<&str>, Personal(&admin.email));
    audit::record(tx, event).await?;
    Ok(admin)
}

/// Sees to it that the installation has an operator: adds this one unless there is any, and stores his key unless
/// it is known. Repeating it, on any number of nodes at once, changes nothing.
pub async fn ensure_first_admin(
    tx: &mut ControlTx,
    hasher: &Hasher,
    first: FirstAdmin,
) -> Result<(), AdminError> {
    if first.key.as_ref().is_some_and(|key| !admin_api_keys::is_key(key)) {
        return Err(AdminError::MalformedKey);
    }
    sqlx::query!("select pg_advisory_xact_lock(hashtext('tenantry first admin'))")
        .fetch_one(tx.conn())
        .await?;
    let holder = if any(tx).await? {
        by_email(tx, &first.email).await?
    } else {
        let password = hasher.hash(first.password).await?;
        let (email, name) = (first.email, first.name);
        Some(
            create(
                tx,
                NewAdmin {
                    email,
                    name,
                    password,
                },
            )
            .await?
            .id,
        )
    };
    if let (Some(holder), Some(key)) = (holder, first.key) {
        admin_api_keys::ensure_given(tx, holder, &key).await?;
    }
    Ok(())
}

/// Whether the installation has an operator.
pub async fn any(tx: &mut ControlTx) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"select exists (select from control.admins) as "any!""#)
        .fetch_one(tx.conn())
        .await
}

async fn by_email(tx: &mut ControlTx, email: &Email) -> Result<Option<AdminId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select id as "id: AdminId" from control.admins where email = $1"#,
        email as _
    )
    .fetch_optional(tx.conn())
    .await
}
