use isolation::{IsolationStrategy, Tx};
use sqlx::{Connection, Executor, Row};
use testkit::TestDatabase;

/// As `psql` would see it: the application's login, no tenant set.
#[tokio::test]
async fn the_applications_role_without_a_tenant_sees_no_row_of_any_tenant_table() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    let mut tx = ctx.write().await.expect("a transaction");
    sqlx::query("insert into settings (tenant_id, key, value, updated_at) values ($1, 'x', '1', now())")
        .bind(ctx.tenant_id())
        .execute(tx.conn())
        .await
        .expect("an own row");
    tx.commit().await.expect("committed");

    let mut connection = db.superuser().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', table_schema, table_name) from information_schema.columns
         where table_schema in ('tenant', 'control') and column_name = 'tenant_id'
           and has_table_privilege('tenantry_app', format('%I.%I', table_schema, table_name), 'select')",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the catalogue");
    assert!(tables.len() >= 10, "{tables:?}");
    connection
        .execute("set role tenantry_app")
        .await
        .expect("the superuser may");
    for table in tables {
        let seen: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select count(*) from {table}")))
            .fetch_one(&mut connection)
            .await
            .expect("readable");
        assert_eq!(seen, 0, "{table} shows rows without a tenant");
    }
}

/// The rules of `isolation` from the catalogue, for every table that a tenant's rows are in.
#[tokio::test]
async fn every_tenant_table_is_walled() {
    let db = TestDatabase::new().await;
    let mut connection = db.superuser().await;
    let rows = sqlx::query(
        "select c.relname::text as name, c.relrowsecurity and c.relforcerowsecurity as forced,
                exists (select from pg_policy p where p.polrelid = c.oid) as policy,
                (select attnotnull from pg_attribute a where a.attrelid = c.oid and attname = 'tenant_id') as not_null,
                not exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and
                    (select attname from pg_attribute a where a.attrelid = c.oid and a.attnum = i.indkey[0]) <> 'tenant_id') as keys,
                not exists (select from pg_constraint f where f.conrelid = c.oid and f.contype = 'f' and
                    (select attname from pg_attribute a where a.attrelid = c.oid and a.attnum = f.conkey[1]) <> 'tenant_id') as foreign_keys
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'tenant' and c.relkind in ('r', 'p') and c.relname <> 'migrations'",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the catalogue");
    assert!(rows.len() >= 6);
    for row in rows {
        let name: String = row.get("name");
        for rule in ["forced", "policy", "not_null", "keys", "foreign_keys"] {
            assert_eq!(row.get::<Option<bool>, _>(rule), Some(true), "{name}: {rule}");
        }
    }
}

#[tokio::test]
async fn a_server_with_an_open_table_is_refused() {
    let db = TestDatabase::new().await;
    let mut connection = db.superuser().await;
    for breach in [
        "create table tenant.open (tenant_id uuid not null); grant select on tenant.open to tenantry_app",
        "alter table tenant.projects no force row level security",
        "alter table control.users disable row level security",
        "drop policy tenant_wall on tenant.files",
        "alter policy limited on control.users using (true)",
    ] {
        connection.execute("begin").await.expect("begun");
        connection.execute("commit").await.expect("ended");
        connection
            .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(breach.to_owned())))
            .await
            .expect("breached");
        let refused = db.try_another_node().await.expect_err(breach);
        assert!(
            refused.to_string().contains("row-level security"),
            "{breach}: {refused}"
        );
        mend(&mut connection).await;
    }
    assert!(
        db.try_another_node().await.is_ok(),
        "the mended server is accepted"
    );
}

async fn mend(connection: &mut sqlx::PgConnection) {
    connection
        .execute(sqlx::raw_sql(
            "drop table if exists tenant.open;
             alter table tenant.projects force row level security;
             alter table control.users enable row level security;
             alter policy limited on control.users using (false);
             drop policy if exists tenant_wall on tenant.files;
             create policy tenant_wall on tenant.files
                 using (tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')::uuid)",
        ))
        .await
        .expect("mended");
    connection.ping().await.expect("alive");
}
