//! Statements on `control.roles`.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};

use super::model::{Role, RoleName};

struct Row {
    name: RoleName,
    description: String,
    permissions: Vec<String>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Row> for Role {
    fn from(row: Row) -> Self {
        Self {
            name: row.name,
            description: row.description,
            permissions: row.permissions,
            builtin: false,
            version: Some(row.version),
            created_at: Some(row.created_at),
            updated_at: Some(row.updated_at),
        }
    }
}

/// `select_role!("…", parameters)`: a checked query for [`Row`]s of the tenant that is the first parameter.
macro_rules! select_role {
    ($rest:literal, $tenant:expr $(, $parameter:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select name as "name: _", description, permissions, version, created_at as "created_at: _",
                      updated_at as "updated_at: _"
               from control.roles where tenant_id = $1 "# + $rest,
            $tenant as _
            $(, $parameter)*
        )
    };
}

pub(super) async fn all(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<Role>, sqlx::Error> {
    let rows = select_role!("order by name", tenant).fetch_all(tx.conn()).await?;
    Ok(rows.into_iter().map(Role::from).collect())
}

pub(super) async fn get(
    tx: &mut ControlTx,
    tenant: TenantId,
    name: &RoleName,
) -> Result<Option<Role>, sqlx::Error> {
    let row = select_role!("and name = $2", tenant, name as _)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(Role::from))
}

/// The role as it is once nobody else can change it in this transaction's time; it can still be given to somebody.
pub(super) async fn lock(
    tx: &mut ControlTx,
    tenant: TenantId,
    name: &RoleName,
) -> Result<Option<Role>, sqlx::Error> {
    let row = select_role!("and name = $2 for no key update", tenant, name as _)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.map(Role::from))
}

pub(super) async fn count(tx: &mut ControlTx, tenant: TenantId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from control.roles where tenant_id = $1"#,
        tenant as _
    )
    .fetch_one(tx.conn())
    .await
}

/// False if the tenant has a role of this name already.
pub(super) async fn insert(tx: &mut ControlTx, tenant: TenantId, role: &Role) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into control.roles (tenant_id, name, description, permissions, version, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (tenant_id, name) do nothing",
        tenant as _,
        &role.name as _,
        role.description,
        &role.permissions,
        role.version,
        role.created_at as _,
        role.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub(super) async fn update(tx: &mut ControlTx, tenant: TenantId, role: &Role) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.roles set description = $3, permissions = $4, version = $5, updated_at = $6
         where tenant_id = $1 and name = $2",
        tenant as _,
        &role.name as _,
        role.description,
        &role.permissions,
        role.version,
        role.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut ControlTx, tenant: TenantId, name: &RoleName) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from control.roles where tenant_id = $1 and name = $2",
        tenant as _,
        name as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn delete_all(tx: &mut ControlTx, tenant: TenantId) -> Result<u64, sqlx::Error> {
    let deleted = sqlx::query!("delete from control.roles where tenant_id = $1", tenant as _)
        .execute(tx.conn())
        .await?;
    Ok(deleted.rows_affected())
}
