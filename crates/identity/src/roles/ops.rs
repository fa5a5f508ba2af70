//! What can be done with a tenant's own roles.

use audit::{Event, EventType, Personal, Value};
use isolation::{ControlTx, Tx, violates};
use kernel::{FieldError, Grants, Permission, TenantId, Validate};

use super::model::{BuiltinRole, NewRole, Role, RoleChange, RoleName, distinct};
use super::sql;
use crate::person::announce_people;
use crate::version::{self, VersionMismatch};

/// How many roles of its own a tenant has at most, so that a list of them is one page.
pub const MOST_ROLES: i64 = 100;

/// Something could not be done with a role.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// Fields of the request are wrong.
    #[error("the request has fields that are not valid")]
    Invalid(Vec<FieldError>),
    /// The tenant has a role of this name.
    #[error("the tenant has a role of this name")]
    NameTaken,
    /// There is no such role, or it is another tenant's.
    #[error("no such role")]
    NotFound,
    /// Every tenant has this role as it is.
    #[error("a role that every tenant has cannot be changed")]
    Builtin,
    /// Somebody has the role.
    #[error("somebody has this role")]
    InUse,
    /// The tenant has as many roles of its own as it may.
    #[error("a tenant has at most {MOST_ROLES} roles of its own")]
    TooMany,
    /// The role allows, or would allow, what the caller may not do himself.
    #[error("a role that allows more than its maker may is not his to make or change")]
    BeyondCaller,
    /// It was changed since the caller read it.
    #[error(transparent)]
    VersionMismatch(#[from] VersionMismatch),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The roles that every tenant has, then the tenant's own by name.
pub async fn list(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<Role>, RoleError> {
    let own = sql::all(tx, tenant).await?;
    Ok(BuiltinRole::ALL.into_iter().map(Role::from).chain(own).collect())
}

/// One role.
pub async fn get(tx: &mut ControlTx, tenant: TenantId, name: &RoleName) -> Result<Role, RoleError> {
    find(tx, tenant, name).await?.ok_or(RoleError::NotFound)
}

/// What the role of this name allows; none where the tenant has no such role.
pub async fn grants_of(
    tx: &mut ControlTx,
    tenant: TenantId,
    name: &RoleName,
) -> Result<Option<Grants<Permission>>, sqlx::Error> {
    Ok(find(tx, tenant, name).await?.map(|role| role.grants()))
}

/// One that every tenant has costs no statement.
pub(crate) async fn find(
    tx: &mut ControlTx,
    tenant: TenantId,
    name: &RoleName,
) -> Result<Option<Role>, sqlx::Error> {
    match name.builtin() {
        Some(builtin) => Ok(Some(builtin.into())),
        None => sql::get(tx, tenant, name).await,
    }
}

/// Makes a role for someone who may himself do what `held` says.
pub async fn create(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    new: NewRole,
) -> Result<Role, RoleError> {
    valid(&new)?;
    if new.name.builtin().is_some() {
        return Err(RoleError::NameTaken);
    }
    let role = shape(tx, new);
    within(held, &role)?;
    // The lock makes the count true until the role is there.
    let known = tenants::get_for_update(tx, tenant).await?;
    known.ok_or(RoleError::NotFound)?;
    if sql::count(tx, tenant).await? >= MOST_ROLES {
        return Err(RoleError::TooMany);
    }
    if !sql::insert(tx, tenant, &role).await? {
        return Err(RoleError::NameTaken);
    }
    let event = event(EventType::RoleCreated, tenant, &role.name).change(
        "permissions",
        None::<&str>,
        Value::plain(&role.permissions),
    );
    audit::record(tx, event).await?;
    Ok(role)
}

/// Changes what a role is for and what it allows, of everybody who has it at once.
pub async fn replace(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    name: &RoleName,
    expected: Option<i64>,
    change: RoleChange,
) -> Result<Role, RoleError> {
    valid(&change)?;
    let before = changeable(tx, tenant, held, name, expected).await?;
    let mut after = Role {
        description: change.description.trim().to_owned(),
        permissions: distinct(&change.permissions),
        ..before.clone()
    };
    within(held, &after)?;
    if after == before {
        return Ok(before);
    }
    after.version = before.version.map(|version| version + 1);
    after.updated_at = Some(tx.now());
    sql::update(tx, tenant, &after).await?;
    audit::record(tx, changed(tenant, &before, &after)).await?;
    announce_people(tx, tenant).await?;
    Ok(after)
}

/// Deletes a role that nobody has.
pub async fn delete(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    name: &RoleName,
    expected: Option<i64>,
) -> Result<(), RoleError> {
    let role = changeable(tx, tenant, held, name, expected).await?;
    let deleted = sql::delete(tx, tenant, name).await;
    deleted.map_err(|error| {
        if violates(&error, "users_role") {
            RoleError::InUse
        } else {
            RoleError::Database(error)
        }
    })?;
    let event = event(EventType::RoleDeleted, tenant, name).change(
        "permissions",
        Value::plain(&role.permissions),
        None::<&str>,
    );
    Ok(audit::record(tx, event).await?)
}

/// Removes all roles of a tenant of which nobody is left.
pub(crate) async fn remove_all(tx: &mut ControlTx, tenant: TenantId) -> Result<u64, sqlx::Error> {
    sql::delete_all(tx, tenant).await
}

/// A role of the tenant's own, for this transaction alone, if the caller may change it.
async fn changeable(
    tx: &mut ControlTx,
    tenant: TenantId,
    held: Grants<Permission>,
    name: &RoleName,
    expected: Option<i64>,
) -> Result<Role, RoleError> {
    if name.builtin().is_some() {
        return Err(RoleError::Builtin);
    }
    let role = sql::lock(tx, tenant, name).await?.ok_or(RoleError::NotFound)?;
    within(held, &role)?;
    version::require(role.version.unwrap_or_default(), expected)?;
    Ok(role)
}

fn within(held: Grants<Permission>, role: &Role) -> Result<(), RoleError> {
    if held.covers(role.grants()) {
        Ok(())
    } else {
        Err(RoleError::BeyondCaller)
    }
}

fn valid(request: &impl Validate) -> Result<(), RoleError> {
    let mut errors = Vec::new();
    request.check(&mut errors);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(RoleError::Invalid(errors))
    }
}

fn shape(tx: &ControlTx, new: NewRole) -> Role {
    Role {
        name: new.name,
        description: new.description.trim().to_owned(),
        permissions: distinct(&new.permissions),
        builtin: false,
        version: Some(1),
        created_at: Some(tx.now()),
        updated_at: Some(tx.now()),
    }
}

fn event(kind: EventType, tenant: TenantId, name: &RoleName) -> Event {
    Event::new(kind)
        .of_tenant(tenant)
        .resource_named("role", name.as_str(), Some(name.as_str()))
}

/// What a role is for is free text, which may speak of people.
fn changed(tenant: TenantId, before: &Role, after: &Role) -> Event {
    let event = event(EventType::RoleUpdated, tenant, &after.name).change(
        "permissions",
        Value::plain(&before.permissions),
        Value::plain(&after.permissions),
    );
    if before.description == after.description {
        event
    } else {
        event.change("description", Personal(()), Personal(()))
    }
}
