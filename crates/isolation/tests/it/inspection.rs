//! What `Settings::inspect` sees, and that it changes nothing.

use isolation::Settings;
use kernel::MasterKey;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Executor};
use testkit::{TestDatabase, master_key};

fn settings(admin: PgConnectOptions, master: MasterKey) -> Settings {
    Settings {
        admin,
        pooler: None,
        prepared_statements: true,
        listen: true,
        control_connections: 1,
        tenant_databases: 1,
        master,
    }
}

fn options(db: &TestDatabase) -> PgConnectOptions {
    db.url().parse().expect("a PostgreSQL URL")
}

#[tokio::test]
async fn a_prepared_server_lacks_nothing_and_knows_the_application() {
    let db = TestDatabase::new().await;
    let settings = settings(options(&db), master_key());
    let seen = settings.inspect().await.unwrap();
    assert!(seen.supported && seen.exists && seen.prepared, "{seen:?}");
    assert!(
        seen.missing_rights.is_empty() && seen.mighty_roles.is_empty(),
        "{seen:?}"
    );
    settings.try_application_login().await.unwrap();
}

#[tokio::test]
async fn another_master_key_cannot_log_in() {
    let db = TestDatabase::new().await;
    let settings = settings(options(&db), MasterKey::new([7; 32]));
    let refused = settings.try_application_login().await.unwrap_err();
    assert!(refused.to_string().contains("password"), "{refused}");
}

#[tokio::test]
async fn a_database_that_is_missing_is_not_made() {
    let db = TestDatabase::new().await;
    let missing = settings(options(&db).database("no_such_database"), master_key());
    let seen = missing.inspect().await.unwrap();
    assert!(!seen.exists && !seen.prepared, "{seen:?}");
    assert!(!missing.inspect().await.unwrap().exists, "the first look made it");
}

#[tokio::test]
async fn rights_that_the_role_lacks_are_named() {
    let db = TestDatabase::new().await;
    let role = format!("poor_{}", std::process::id());
    let mut superuser = db.superuser().await;
    let mut run = async |statement: String| superuser.execute(sqlx::raw_sql(AssertSqlSafe(statement))).await;
    run(format!("CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'poor'"))
        .await
        .unwrap();
    let database = options(&db).get_database().unwrap().to_owned();
    run(format!("GRANT CONNECT ON DATABASE {database} TO {role}"))
        .await
        .unwrap();
    let poor = settings(options(&db).username(&role).password("poor"), master_key());
    let seen = poor.inspect().await;
    run(format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await
        .unwrap();
    assert_eq!(
        seen.unwrap().missing_rights,
        ["CREATEROLE", "ownership of the database"]
    );
}
