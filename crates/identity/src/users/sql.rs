//! Statements on `control.users`.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, UserId};
use tenants::plans::Limit;

use super::model::User;
use crate::email::Email;
use crate::name::Name;
use crate::passwords::PasswordHash;

/// `select_user!("…", parameters)`: a checked query for [`User`]s of the tenant that is the first parameter.
macro_rules! select_user {
    ($rest:literal, $tenant:expr $(, $parameter:expr)*) => {
        sqlx::query_as!(
            User,
            r#"select id as "id: _", tenant_id as "tenant_id: _", email as "email: _", email_verified, name as "name: _",
                      role as "role: _", status as "status: _", last_login_at as "last_login_at: _", version,
                      created_at as "created_at: _", updated_at as "updated_at: _"
               from control.users where tenant_id = $1 "# + $rest,
            $tenant as _
            $(, $parameter)*
        )
    };
}

/// False if the tenant has a person of this address already.
pub(super) async fn insert(
    tx: &mut ControlTx,
    user: &User,
    password: Option<&PasswordHash>,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into control.users
             (tenant_id, id, email, email_verified, name, role, status, password_hash, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (tenant_id, email) do nothing",
        user.tenant_id as _,
        user.id as _,
        &user.email as _,
        user.email_verified,
        &user.name as _,
        &user.role as _,
        user.status as _,
        password as _,
        user.version,
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
    select_user!("and email = $2", tenant, email as _)
        .fetch_optional(tx.conn())
        .await
}

pub(crate) async fn get(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: UserId,
) -> Result<Option<User>, sqlx::Error> {
    select_user!("and id = $2", tenant, id as _)
        .fetch_optional(tx.conn())
        .await
}

/// The person as he is once nobody else can change him in this transaction's time; rows may still refer to him.
pub(crate) async fn lock(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: UserId,
) -> Result<Option<User>, sqlx::Error> {
    select_user!("and id = $2 for no key update", tenant, id as _)
        .fetch_optional(tx.conn())
        .await
}

/// Everything that can change.
pub(super) async fn save(tx: &mut ControlTx, user: &User) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.users set name = $3, role = $4, status = $5, version = $6, updated_at = $7
         where tenant_id = $1 and id = $2",
        user.tenant_id as _,
        user.id as _,
        &user.name as _,
        &user.role as _,
        user.status as _,
        user.version,
        user.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Makes a locked, invited person active: the letter has reached him.
pub(crate) async fn activate(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: UserId,
    name: Option<&Name>,
    password: Option<&PasswordHash>,
) -> Result<Option<User>, sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "update control.users
         set status = 'active', email_verified = true, name = coalesce($3, name),
             password_hash = coalesce($4, password_hash), version = version + 1, updated_at = $5
         where tenant_id = $1 and id = $2 and status = 'invited'",
        tenant as _,
        id as _,
        name as _,
        password as _,
        now as _
    )
    .execute(tx.conn())
    .await?;
    get(tx, tenant, id).await
}

/// How many people the tenant may have by a quota of its own; none where its plan says. A soft quota keeps nobody out.
pub(super) async fn own_seats(tx: &mut ControlTx, tenant: TenantId) -> Result<Option<Limit>, sqlx::Error> {
    let own = sqlx::query_scalar!(
        r#"select case mode when 'soft' then -1 else limit_at end as "limit!" from control.quotas
           where tenant_id = $1 and metric = 'users' and period = 'total'"#,
        tenant as _
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(own.and_then(|limit| Limit::new(limit).ok()))
}

/// How many people take a seat.
pub async fn seated(tx: &mut ControlTx, tenant: TenantId) -> Result<u64, sqlx::Error> {
    let seated = sqlx::query_scalar!(
        r#"select count(*) as "count!" from control.users where tenant_id = $1 and status <> 'deactivated'"#,
        tenant as _
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(u64::try_from(seated).unwrap_or_default())
}

/// How many owners there are beside one.
pub(super) struct Owners {
    pub(super) active: i64,
    pub(super) invited: i64,
}

pub(super) async fn other_owners(tx: &mut ControlTx, than: &User) -> Result<Owners, sqlx::Error> {
    sqlx::query_as!(
        Owners,
        r#"select count(*) filter (where status = 'active') as "active!",
                  count(*) filter (where status = 'invited') as "invited!"
           from control.users where tenant_id = $1 and role = 'owner' and id <> $2"#,
        than.tenant_id as _,
        than.id as _
    )
    .fetch_one(tx.conn())
    .await
}

/// Whether the person has ever come in, or could without an invitation.
pub(super) async fn came(tx: &mut ControlTx, tenant: TenantId, id: UserId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select email_verified or password_hash is not null as "came!"
           from control.users where tenant_id = $1 and id = $2"#,
        tenant as _,
        id as _
    )
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn delete(tx: &mut ControlTx, tenant: TenantId, id: UserId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from control.users where tenant_id = $1 and id = $2",
        tenant as _,
        id as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes all people of a tenant with their invitations; answers how many there were.
pub(super) async fn delete_all(tx: &mut ControlTx, tenant: TenantId) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!("delete from control.users where tenant_id = $1", tenant as _)
        .execute(tx.conn())
        .await?;
    Ok(deleted.rows_affected())
}
