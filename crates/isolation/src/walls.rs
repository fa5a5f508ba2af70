//! The check before serving: neither the application's role nor that of limited operators can go around row-level
//! security, and every table they can touch has it. A wall that does not stand means that the process does not start.

use sqlx::PgPool;

use crate::limit::LIMITED_ROLE;

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

/// Tables without a tenant's rows in them, which tenants' requests and limited operators may only append to.
const WITHOUT_ROWS_OF_TENANTS: [&str; 2] = ["control.changes", "control.coupon_totals"];

pub(crate) async fn assert_standing(control: &PgPool) -> Result<(), WallError> {
    let mut tx = control.begin().await?;
    let mighty: Vec<String> = sqlx::query_scalar(
        "select rolname::text from pg_roles
         where rolname in (current_user, 'tenantry_platform', $1, 'tenantry_relay', 'tenantry_tenant')
           and (rolsuper or rolbypassrls)",
    )
    .bind(LIMITED_ROLE)
    .persistent(false)
    .fetch_all(&mut *tx)
    .await?;
    if let Some(role) = mighty.into_iter().next() {
        return Err(WallError::MightyRole(role));
    }
    // Row-level security refuses a role that no policy is for. A policy that lets every tenant's rows through is none.
    let open: Vec<String> = sqlx::query_scalar(
        "select distinct n.nspname || '.' || c.relname
         from pg_class c join pg_namespace n on n.oid = c.relnamespace,
              unnest(array[current_user::text, $2]) as role (name)
         where n.nspname in ('control', 'tenant') and c.relkind in ('r', 'p', 'v', 'm', 'f')
           and has_any_column_privilege(role.name, c.oid, 'select, insert, update')
           and not (c.relkind in ('r', 'p') and c.relrowsecurity and c.relforcerowsecurity
                    and pg_get_userbyid(c.relowner) <> role.name
                    and exists (select from pg_policy p where p.polrelid = c.oid)
                    and not exists (select from pg_policy p join pg_attribute a on a.attrelid = p.polrelid
                                    where p.polrelid = c.oid and a.attname = 'tenant_id' and p.polroles && array[0, to_regrole(role.name)::oid]
                                      and 'true' in (pg_get_expr(p.polqual, p.polrelid),
                                                     pg_get_expr(p.polwithcheck, p.polrelid))))
           and not (c.relkind = 'v' and 'security_invoker=true' = any (coalesce(c.reloptions, '{}')))
           and n.nspname || '.' || c.relname <> all ($1)
         order by 1",
    )
    .persistent(false)
    .bind(WITHOUT_ROWS_OF_TENANTS.map(str::to_owned).to_vec())
    .bind(LIMITED_ROLE)
    .fetch_all(&mut *tx)
    .await?;
    if open.is_empty() {
        Ok(())
    } else {
        Err(WallError::OpenTables(open.join(", ")))
    }
}
