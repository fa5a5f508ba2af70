use std::time::{Duration, Instant};

use isolation::{IsolationStrategy, Store, TenantCtx, Tx};
use sqlx::{Connection, Executor};
use testkit::TestDatabase;

const ALL: [IsolationStrategy; 3] = [
    IsolationStrategy::SharedDatabase,
    IsolationStrategy::SchemaPerTenant,
    IsolationStrategy::DatabasePerTenant,
];

async fn add_setting(ctx: &TenantCtx, key: &str) {
    let mut tx = ctx.write().await.expect("a transaction");
    sqlx::query("insert into settings (tenant_id, key, value, updated_at) values ($1, $2, '1', now())")
        .bind(ctx.tenant_id())
        .bind(key)
        .execute(tx.conn())
        .await
        .expect("an own row");
    tx.commit().await.expect("committed");
}

async fn settings(ctx: &TenantCtx) -> Vec<String> {
    let mut tx = ctx.read().await.expect("a transaction");
    sqlx::query_scalar("select key from settings order by key")
        .fetch_all(tx.conn())
        .await
        .expect("readable")
}

#[tokio::test]
async fn every_strategy_holds_its_tenants_rows_and_no_others() {
    let db = TestDatabase::new().await;
    let mut tenants = Vec::new();
    for strategy in ALL {
        tenants.push((db.tenant(strategy).await, db.tenant(strategy).await));
    }
    for (number, (one, other)) in tenants.iter().enumerate() {
        add_setting(one, &format!("one{number}")).await;
        add_setting(other, &format!("other{number}")).await;
    }
    for (number, (one, other)) in tenants.iter().enumerate() {
        assert_eq!(settings(one).await, [format!("one{number}")]);
        assert_eq!(settings(other).await, [format!("other{number}")]);
    }
}

#[tokio::test]
async fn a_row_of_another_tenant_cannot_be_written() {
    let db = TestDatabase::new().await;
    for strategy in ALL {
        let (one, other) = (db.tenant(strategy).await, db.tenant(strategy).await);
        let mut tx = one.write().await.expect("a transaction");
        let refused = sqlx::query(
            "insert into settings (tenant_id, key, value, updated_at) values ($1, 'x', '1', now())",
        )
        .bind(other.tenant_id())
        .execute(tx.conn())
        .await
        .expect_err("row-level security refuses it");
        let code = refused
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        assert_eq!(code.as_deref(), Some("42501"), "{strategy:?}");
    }
}

#[tokio::test]
async fn a_transaction_that_is_dropped_leaves_nothing_and_a_read_cannot_write() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    {
        let mut tx = ctx.write().await.expect("a transaction");
        sqlx::query("insert into settings (tenant_id, key, value, updated_at) values ($1, 'x', '1', now())")
            .bind(ctx.tenant_id())
            .execute(tx.conn())
            .await
            .expect("an own row");
    }
    assert_eq!(settings(&ctx).await, Vec::<String>::new());
    let mut tx = ctx.read().await.expect("a transaction");
    let refused = sqlx::query("delete from settings where tenant_id = $1")
        .bind(ctx.tenant_id())
        .execute(tx.conn())
        .await
        .expect_err("a read");
    assert_eq!(
        refused
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .as_deref(),
        Some("25006")
    );
}

#[tokio::test]
async fn making_and_removing_a_store_may_be_repeated() {
    let db = TestDatabase::new().await;
    for strategy in ALL {
        let ctx = db.tenant(strategy).await;
        let store = ctx.store().clone();
        db.databases().create_store(&store).await.expect("again");
        db.databases()
            .migrate_store(&store)
            .await
            .expect("already newest");
        add_setting(&ctx, "kept").await;
        assert_eq!(
            settings(&ctx).await,
            ["kept"],
            "{strategy:?}: creating again loses nothing"
        );
        db.databases().drop_store(&store).await.expect("removed");
        db.databases().drop_store(&store).await.expect("again");
        assert_eq!(traces(&db, &store).await, 0, "{strategy:?}");
    }
}

/// Databases, roles, schemas and rows that name the tenant.
async fn traces(db: &TestDatabase, store: &Store) -> i64 {
    let mut connection = db.superuser().await;
    let name = format!("t_{}", store.tenant.hex());
    let objects: i64 = sqlx::query_scalar(
        "select (select count(*) from pg_database where datname = $1) + (select count(*) from pg_roles where rolname = $1)
              + (select count(*) from pg_namespace where nspname = $1)
              + (select count(*) from tenant.settings where tenant_id = $2)",
    )
    .bind(&name)
    .bind(store.tenant)
    .fetch_one(&mut connection)
    .await
    .expect("the catalogue");
    connection.close().await.expect("closed");
    objects
}

#[tokio::test]
async fn a_tenants_own_role_reaches_no_other_database() {
    let db = TestDatabase::new().await;
    let (one, other) = (
        db.tenant(IsolationStrategy::DatabasePerTenant).await,
        db.tenant(IsolationStrategy::DatabasePerTenant).await,
    );
    let mut connection = db.superuser().await;
    let (role, database) = (
        format!("t_{}", one.tenant_id().hex()),
        format!("t_{}", other.tenant_id().hex()),
    );
    let allowed: bool = sqlx::query_scalar("select has_database_privilege($1, $2, 'connect')")
        .bind(&role)
        .bind(&database)
        .fetch_one(&mut connection)
        .await
        .expect("the catalogue");
    let main: bool = sqlx::query_scalar("select has_database_privilege($1, current_database(), 'connect')")
        .bind(&role)
        .fetch_one(&mut connection)
        .await
        .expect("the catalogue");
    assert!(
        !main,
        "the role of a tenant's own database may connect to the shared one"
    );
    assert!(
        !allowed,
        "the role of one tenant may connect to another's database"
    );
    let mighty: bool = sqlx::query_scalar(
        "select rolsuper or rolbypassrls or rolcreatedb or rolcreaterole from pg_roles where rolname = $1",
    )
    .bind(&role)
    .fetch_one(&mut connection)
    .await
    .expect("the catalogue");
    assert!(!mighty);
    connection.execute("select 1").await.expect("alive");
}

/// What an upgrade finds: stores that an earlier release made.
#[tokio::test]
async fn stores_of_an_earlier_release_are_migrated() {
    let db = TestDatabase::new().await;
    let (schema, database) = (
        db.tenant(IsolationStrategy::SchemaPerTenant).await,
        db.tenant(IsolationStrategy::DatabasePerTenant).await,
    );
    let mut connection = db.superuser().await;
    let earlier = format!(
        "drop table t_{hex}.settings; delete from t_{hex}.migrations where version = 4; \
         update control.stores set schema_version = 3",
        hex = schema.tenant_id().hex()
    );
    connection
        .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(earlier)))
        .await
        .expect("made older");
    assert_eq!(db.databases().migrate_stores().await.expect("migrated"), 2);
    assert_eq!(db.databases().migrate_stores().await.expect("nothing left"), 0);
    for ctx in [schema, database] {
        add_setting(&ctx, "works").await;
        assert_eq!(settings(&ctx).await, ["works"]);
    }
}

/// A caller may leave at any moment, also while his transaction begins. His connection must not go home with the
/// transaction open: the next one to use it would go on in it, with the role that it had.
#[tokio::test]
async fn a_beginning_that_is_given_up_leaves_no_transaction_open() {
    let db = TestDatabase::new().await;
    let tenants = [db.tenant(ALL[0]).await, db.tenant(ALL[2]).await];
    for tenant in &tenants {
        settings(tenant).await;
    }
    for polls in 1..40 {
        given_up(db.system().control(), polls).await;
        for tenant in &tenants {
            given_up(tenant.control(), polls).await;
            given_up(tenant.write(), polls).await;
        }
    }
    let mut observer = db.superuser().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let open: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where usename like any (array['tenantry\\_app%', 't\\_%']) and xact_start is not null",
        )
        .fetch_one(&mut observer)
        .await
        .expect("readable");
        if open == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "{open} transactions are left open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Goes on with it so often, and then no more.
async fn given_up<F: Future>(work: F, polls: usize) {
    let mut work = std::pin::pin!(work);
    for _ in 0..polls {
        if futures_util::poll!(work.as_mut()).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}
