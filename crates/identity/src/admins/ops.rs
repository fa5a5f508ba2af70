//! What can be done with operators.

use audit::{Event, EventType, Personal, Value};
use isolation::{ControlTx, Tx, violates};
use kernel::{Actor, FieldError, TenantId};

use super::authority::{self, Assignment, Authority};
use super::model::{Admin, AdminChange, AdminId, AdminStatus, NewAdmin};
use super::sql;
use crate::key::KeyError;
use crate::passwords::Busy;
use crate::person::Person;
use crate::version::{self, VersionMismatch};

/// Something could not be done with an operator.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Fields of the request are wrong.
    #[error("the request has fields that are not valid")]
    Invalid(Vec<FieldError>),
    /// There is no such operator.
    #[error("no such operator")]
    NotFound,
    /// Somebody else changed him first.
    #[error(transparent)]
    VersionMismatch(#[from] VersionMismatch),
    /// Another operator has this address.
    #[error("the address belongs to another operator")]
    EmailTaken,
    /// It would give, or take from, somebody what the caller does not have himself.
    #[error("nobody gives or takes what he does not have himself")]
    BeyondCaller,
    /// It would change what the caller himself may.
    #[error("nobody changes what he himself may")]
    OwnAuthority,
    /// Nobody would be left who may do everything.
    #[error("there is always an active operator who may do everything")]
    LastOperator,
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

/// An operator after a change.
#[derive(Debug)]
pub struct Changed {
    /// As he is now.
    pub admin: Admin,
    /// Whether he may something else than before, or came in or was shut out.
    pub stands_otherwise: bool,
}

/// Operators, the newest first, at most `limit` of them after the named one.
pub async fn list(
    tx: &mut ControlTx,
    status: Option<AdminStatus>,
    after: Option<AdminId>,
    limit: i64,
) -> Result<Vec<Admin>, sqlx::Error> {
    sql::page(tx, status, after, limit).await
}

/// One operator.
pub async fn get(tx: &mut ControlTx, id: AdminId) -> Result<Admin, AdminError> {
    sql::get(tx, id).await?.ok_or(AdminError::NotFound)
}

/// Adds an operator, for someone who may himself do what `held` says.
pub async fn create(tx: &mut ControlTx, held: &Authority, new: NewAdmin) -> Result<Admin, AdminError> {
    let Assignment { permissions, tenants } = assigned(tx, &new.permissions, new.tenants.as_deref()).await?;
    let now = tx.now();
    let admin = Admin {
        id: tx.new_id(),
        email: new.email,
        name: new.name,
        permissions,
        tenants,
        status: AdminStatus::Active,
        last_login_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    require_cover(held, &admin)?;
    if let Err(error) = sql::insert(tx, &admin, &new.password).await {
        let taken = violates(&error, "admins_email_unique");
        return Err(if taken {
            AdminError::EmailTaken
        } else {
            error.into()
        });
    }
    let event = event(EventType::AdminCreated, &admin)
        .change("email", None::<&str>, Personal(&admin.email))
        .change("permissions", None::<&str>, Value::plain(&admin.permissions))
        .change("tenants", None::<&str>, Value::plain(&admin.tenants));
    audit::record(tx, event).await?;
    Ok(admin)
}

/// Changes an operator, if he is still of the version that the caller expects, for someone who may himself do what
/// `held` says.
pub async fn update(
    tx: &mut ControlTx,
    held: &Authority,
    id: AdminId,
    expected: Option<i64>,
    change: AdminChange,
) -> Result<Changed, AdminError> {
    let before = reach(tx, held, id, expected).await?;
    let after = changed(tx, &before, change).await?;
    let stands_otherwise = standing(&after) != standing(&before);
    if after == before {
        return Ok(Changed {
            admin: before,
            stands_otherwise,
        });
    }
    if stands_otherwise && is_himself(tx, id) {
        return Err(AdminError::OwnAuthority);
    }
    if after.permissions != before.permissions || after.tenants != before.tenants {
        require_cover(held, &after)?;
    }
    let after = Admin {
        version: before.version + 1,
        updated_at: tx.now(),
        ..after
    };
    sql::save(tx, &after).await?;
    if stands_otherwise {
        require_operated(tx).await?;
        Person::Admin(id).announce(tx).await?;
    }
    audit::record(tx, changes(&before, &after)).await?;
    Ok(Changed {
        admin: after,
        stands_otherwise,
    })
}

/// Removes an operator with his keys and sessions, for someone who may himself do what `held` says.
pub async fn delete(
    tx: &mut ControlTx,
    held: &Authority,
    id: AdminId,
    expected: Option<i64>,
) -> Result<(), AdminError> {
    let admin = reach(tx, held, id, expected).await?;
    if is_himself(tx, id) {
        return Err(AdminError::OwnAuthority);
    }
    sql::delete(tx, id).await?;
    require_operated(tx).await?;
    Person::Admin(id).announce(tx).await?;
    let event = event(EventType::AdminDeleted, &admin)
        .change("email", Personal(&admin.email), None::<&str>)
        .change("name", Personal(&admin.name), None::<&str>)
        .change("permissions", Value::plain(&admin.permissions), None::<&str>);
    audit::record(tx, event).await?;
    Ok(())
}

/// The operator for this transaction alone, with all others held as they are, if the caller may change him.
async fn reach(
    tx: &mut ControlTx,
    held: &Authority,
    id: AdminId,
    expected: Option<i64>,
) -> Result<Admin, AdminError> {
    sql::lock_all(tx).await?;
    let admin = sql::lock(tx, id).await?.ok_or(AdminError::NotFound)?;
    if !is_himself(tx, id) {
        require_cover(held, &admin)?;
    }
    version::require(admin.version, expected)?;
    Ok(admin)
}

/// The operator who acts: he himself, or by a key of his.
pub fn acting(actor: &Actor) -> Option<AdminId> {
    let himself = actor.id.parse().ok();
    himself.or_else(|| actor.on_behalf_of.as_ref()?.parse().ok())
}

fn is_himself(tx: &ControlTx, admin: AdminId) -> bool {
    acting(tx.actor()) == Some(admin)
}

fn require_cover(held: &Authority, admin: &Admin) -> Result<(), AdminError> {
    if held.covers(&admin.authority()) {
        Ok(())
    } else {
        Err(AdminError::BeyondCaller)
    }
}

async fn require_operated(tx: &mut ControlTx) -> Result<(), AdminError> {
    if sql::is_operated(tx).await? {
        Ok(())
    } else {
        Err(AdminError::LastOperator)
    }
}

/// What decides whether he comes in, and what he may then.
fn standing(admin: &Admin) -> (&[String], Option<&[TenantId]>, AdminStatus) {
    (&admin.permissions, admin.tenants.as_deref(), admin.status)
}

async fn changed(tx: &mut ControlTx, before: &Admin, change: AdminChange) -> Result<Admin, AdminError> {
    let mut after = before.clone();
    after.name = change.name.unwrap_or(after.name);
    after.status = change.status.unwrap_or(after.status);
    if change.permissions.is_some() || change.tenants.is_some() {
        let permissions = change.permissions.as_ref().unwrap_or(&before.permissions);
        let tenants = change.tenants.as_ref().unwrap_or(&before.tenants);
        let kept = assigned(tx, permissions, tenants.as_deref()).await?;
        (after.permissions, after.tenants) = (kept.permissions, kept.tenants);
    }
    Ok(after)
}

/// The permissions and tenants as they are kept; the tenants must exist.
async fn assigned(
    tx: &mut ControlTx,
    permissions: &[String],
    tenants: Option<&[TenantId]>,
) -> Result<Assignment, AdminError> {
    let kept = authority::check(permissions, tenants).map_err(AdminError::Invalid)?;
    let Some(tenants) = tenants else {
        return Ok(kept);
    };
    let known = sql::known_tenants(tx, tenants).await?;
    let unknown = tenants
        .iter()
        .enumerate()
        .filter(|(_, tenant)| !known.contains(tenant));
    let errors: Vec<_> = unknown
        .map(|(index, _)| FieldError::new(format!("/tenants/{index}"), "no such tenant"))
        .collect();
    if errors.is_empty() {
        Ok(kept)
    } else {
        Err(AdminError::Invalid(errors))
    }
}

fn event(kind: EventType, admin: &Admin) -> Event {
    Event::new(kind).resource(admin.id, None)
}

fn changes(before: &Admin, after: &Admin) -> Event {
    let event = event(EventType::AdminUpdated, after)
        .change(
            "permissions",
            Value::plain(&before.permissions),
            Value::plain(&after.permissions),
        )
        .change(
            "tenants",
            Value::plain(&before.tenants),
            Value::plain(&after.tenants),
        )
        .change("status", before.status.name(), after.status.name());
    if before.name == after.name {
        event
    } else {
        event.change("name", Personal(&before.name), Personal(&after.name))
    }
}
