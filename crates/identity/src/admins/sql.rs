//! Statements on `control.admins`.

use isolation::{ControlTx, Tx};
use kernel::TenantId;
use uuid::Uuid;

use super::model::{Admin, AdminId, AdminStatus};
use crate::email::Email;
use crate::passwords::PasswordHash;

/// `select_admins!("where …", parameters)`: a checked query for [`Admin`]s.
macro_rules! select_admins {
    ($rest:literal $(, $parameter:expr)*) => {
        sqlx::query_as!(
            Admin,
            r#"select id as "id: _", email as "email: _", name as "name: _", permissions, tenants as "tenants: _",
                      status as "status: _", last_login_at as "last_login_at: _", version,
                      created_at as "created_at: _", updated_at as "updated_at: _"
               from control.admins "# + $rest
            $(, $parameter)*
        )
    };
}

/// One transaction at a time from here on changes who may what.
pub(super) async fn lock_all(tx: &mut ControlTx) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock(hashtext('tenantry admins'))")
        .fetch_one(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn insert(
    tx: &mut ControlTx,
    admin: &Admin,
    password: &PasswordHash,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into control.admins
             (id, email, name, permissions, tenants, status, password_hash, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        admin.id as _,
        admin.email as _,
        admin.name as _,
        &admin.permissions,
        admin.tenants as _,
        admin.status as _,
        password as _,
        admin.version,
        admin.created_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn save(tx: &mut ControlTx, admin: &Admin) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.admins
         set name = $2, permissions = $3, tenants = $4, status = $5, version = $6, updated_at = $7 where id = $1",
        admin.id as _,
        admin.name as _,
        &admin.permissions,
        admin.tenants as _,
        admin.status as _,
        admin.version,
        admin.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut ControlTx, id: AdminId) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from control.admins where id = $1", id as _)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn get(tx: &mut ControlTx, id: AdminId) -> Result<Option<Admin>, sqlx::Error> {
    select_admins!("where id = $1", id as _)
        .fetch_optional(tx.conn())
        .await
}

/// The operator for this transaction alone.
pub(super) async fn lock(tx: &mut ControlTx, id: AdminId) -> Result<Option<Admin>, sqlx::Error> {
    select_admins!("where id = $1 for update", id as _)
        .fetch_optional(tx.conn())
        .await
}

pub(super) async fn page(
    tx: &mut ControlTx,
    status: Option<AdminStatus>,
    after: Option<AdminId>,
    limit: i64,
) -> Result<Vec<Admin>, sqlx::Error> {
    let before = after.map_or(Uuid::max(), kernel::Id::uuid);
    select_admins!(
        "where id < $1 and ($2::text is null or status = $2) order by id desc limit $3",
        before,
        status as _,
        limit
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn by_email(tx: &mut ControlTx, email: &Email) -> Result<Option<AdminId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select id as "id: AdminId" from control.admins where email = $1"#,
        email as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// Whether somebody is there who may do everything everywhere.
pub(super) async fn is_operated(tx: &mut ControlTx) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from control.admins
                          where status = 'active' and tenants is null and '*' = any (permissions)) as "operated!""#
    )
    .fetch_one(tx.conn())
    .await
}

/// Those of the tenants that exist, or have.
pub(super) async fn known_tenants(
    tx: &mut ControlTx,
    tenants: &[TenantId],
) -> Result<Vec<TenantId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select id as "id: TenantId" from control.tenants where id = any ($1)"#,
        tenants as _
    )
    .fetch_all(tx.conn())
    .await
}
