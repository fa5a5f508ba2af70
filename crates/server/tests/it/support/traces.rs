//! What a tenant leaves behind.

use std::path::Path;

use kernel::TenantId;
use sqlx::{AssertSqlSafe, PgConnection};

/// Tables that keep a tenant's rows after its end: the trail, the proof of its removal, what may not be claimed by
/// others for a while, and the saga's own record.
const KEPT: [&str; 5] = [
    "deletion_records",
    "slugs",
    "custom_domains",
    "provisioning_runs",
    "provisioning_steps",
];

/// Everything that still names the tenant where nothing should after its removal: in the catalogue, in the rows of
/// every table, in the object store.
pub(crate) async fn of(connection: &mut PgConnection, files: &Path, tenant: &str) -> Vec<String> {
    let id: TenantId = tenant.parse().expect("an identifier");
    let mut found = catalogued(connection, id).await;
    for table in tables(connection).await {
        found.extend(rows(connection, &table, id).await);
    }
    if files.join("tenants").join(id.hex()).exists() {
        found.push("files".to_owned());
    }
    found
}

/// What a provisioning that failed keeps beside that, although it should not.
pub(crate) async fn of_failed(connection: &mut PgConnection, files: &Path, tenant: &str) -> Vec<String> {
    let id: TenantId = tenant.parse().expect("an identifier");
    let mut found = of(connection, files, tenant).await;
    for table in ["control.slugs", "control.custom_domains"] {
        found.extend(rows(connection, table, id).await);
    }
    found
}

/// The tenant's own database, role and schema, as far as they exist.
pub(crate) async fn catalogued(connection: &mut PgConnection, tenant: TenantId) -> Vec<String> {
    sqlx::query_scalar(
        "select 'database' from pg_database where datname = $1
         union all select 'role' from pg_roles where rolname = $1
         union all select 'schema' from pg_namespace where nspname = $1",
    )
    .bind(format!("t_{}", tenant.hex()))
    .fetch_all(connection)
    .await
    .expect("the catalogue")
}

async fn tables(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "select format('%I.%I', table_schema, table_name) from information_schema.columns
         join pg_class c on c.relname = table_name and c.relnamespace = table_schema::regnamespace and c.relkind = 'r'
         where column_name = 'tenant_id' and table_schema in ('tenant', 'control')
           and table_name not like 'audit_events%' and table_name <> all ($1)",
    )
    .bind(KEPT.map(str::to_owned).to_vec())
    .fetch_all(connection)
    .await
    .expect("the catalogue")
}

async fn rows(connection: &mut PgConnection, table: &str, tenant: TenantId) -> Option<String> {
    let count = format!("select count(*) from {table} where tenant_id = $1");
    let rows: i64 = sqlx::query_scalar(AssertSqlSafe(count))
        .bind(tenant)
        .fetch_one(connection)
        .await
        .expect("readable");
    (rows > 0).then(|| format!("{rows} rows in {table}"))
}
