//! Statements on `control.users`.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp, UserId};

use super::model::{User, UserStatus};
use crate::email::Email;
use crate::name::Name;
use crate::passwords::PasswordHash;
use crate::roles::Role;

/// False if the tenant has a person of this address already.
pub(super) async fn insert(
    tx: &mut ControlTx,
    user: &User,
    password: Option<&PasswordHash>,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into control.users (tenant_id, id, email, name, role, status, password_hash, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (tenant_id, email) do nothing",
        user.tenant_id as _,
        user.id as _,
        &user.email as _,
        &user.name as _,
        user.role as _,
        user.status as _,
        password as _,
        user.created_at as _,
        user.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub(super) async fn by_email(
    tx: &mut ControlTx,
    tenant: TenantId,
    email: &Email,
) -> Result<Option<User>, sqlx::Error> {
    sqlx::query_as!(
        User,
        r#"select id as "id: UserId", tenant_id as "tenant_id: TenantId", email as "email: Email",
                  name as "name: Name", role as "role: Role", status as "status: UserStatus",
                  created_at as "created_at: Timestamp", updated_at as "updated_at: Timestamp"
           from control.users where tenant_id = $1 and email = $2"#,
        tenant as _,
        email as _
    )
    .fetch_optional(tx.conn())
    .await
}

pub(crate) async fn get(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: UserId,
) -> Result<Option<User>, sqlx::Error> {
    sqlx::query_as!(
        User,
        r#"select id as "id: UserId", tenant_id as "tenant_id: TenantId", email as "email: Email",
                  name as "name: Name", role as "role: Role", status as "status: UserStatus",
                  created_at as "created_at: Timestamp", updated_at as "updated_at: Timestamp"
           from control.users where tenant_id = $1 and id = $2"#,
        tenant as _,
        id as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// Makes an invited person active; none if he is not invited (any more).
pub(crate) async fn activate(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: UserId,
    name: Option<&Name>,
    password: Option<&PasswordHash>,
) -> Result<Option<User>, sqlx::Error> {
    let now = tx.now();
    sqlx::query_as!(
        User,
        r#"update control.users
           set status = 'active', name = coalesce($3, name), password_hash = coalesce($4, password_hash), updated_at = $5
           where tenant_id = $1 and id = $2 and status = 'invited'
           returning id as "id: UserId", tenant_id as "tenant_id: TenantId", email as "email: Email",
                     name as "name: Name", role as "role: Role", status as "status: UserStatus",
                     created_at as "created_at: Timestamp", updated_at as "updated_at: Timestamp""#,
        tenant as _,
        id as _,
        name as _,
        password as _,
        now as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// Removes all people of a tenant with their invitations; answers how many there were.
pub(super) async fn delete_all(tx: &mut ControlTx, tenant: TenantId) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!("delete from control.users where tenant_id = $1", tenant as _)
        .execute(tx.conn())
        .await?;
    Ok(deleted.rows_affected())
}
