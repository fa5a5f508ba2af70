//! The check before serving: the application's role cannot go around row-level security, and every table it can
//! touch has it. A wall that does not stand means that the process does not start.

use sqlx::PgPool;

/// Something between two tenants is missing.
#[derive(Debug, thiserror::Error)]
pub enum WallError {
    /// The check itself could not be made.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The role could ignore every policy.
    #[error("the application's role {0} is superuser or BYPASSRLS; row-level security would not hold")]
    MightyRole(String),
    /// Tables that the application can read or write without a policy in the way.
    #[error("tables without forced row-level security and a policy, or owned by the application: {0}")]
    OpenTables(String),
}

/// Tables without a tenant's rows in them, which the application may only append to.
const WITHOUT_ROWS_OF_TENANTS: [&str; 1] = ["control.changes"];

pub(crate) async fn assert_standing(control: &PgPool) -> Result<(), WallError> {
    let mut tx = control.begin().await?;
    let mighty: Vec<String> = sqlx::query_scalar(
        "select rolname::text from pg_roles
         where rolname in (current_user, 'tenantry_platform', 'tenantry_relay', 'tenantry_tenant')
           and (rolsuper or rolbypassrls)",
    )
    .persistent(false)
    .fetch_all(&mut *tx)
    .await?;
    if let Some(role) = mighty.into_iter().next() {
        return Err(WallError::MightyRole(role));
    }
    let open: Vec<String> = sqlx::query_scalar(
        "select n.nspname || '.' || c.relname
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname in ('control', 'tenant') and c.relkind in ('r', 'p', 'v', 'm', 'f')
           and has_any_column_privilege(current_user, c.oid, 'select, insert, update')
           and not (c.relkind in ('r', 'p') and c.relrowsecurity and c.relforcerowsecurity
                    and pg_get_userbyid(c.relowner) <> current_user
                    and exists (select from pg_policy p where p.polrelid = c.oid))
           and not (c.relkind = 'v' and 'security_invoker=true' = any (coalesce(c.reloptions, '{}')))
           and n.nspname || '.' || c.relname <> all ($1)
         order by 1",
    )
    .persistent(false)
    .bind(WITHOUT_ROWS_OF_TENANTS.map(str::to_owned).to_vec())
    .fetch_all(&mut *tx)
    .await?;
    if open.is_empty() {
        Ok(())
    } else {
        Err(WallError::OpenTables(open.join(", ")))
    }
}
