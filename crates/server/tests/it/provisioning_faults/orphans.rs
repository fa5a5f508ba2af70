//! What PostgreSQL still makes for a process that is gone.

use kernel::TenantId;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::{order, run};
use crate::support::{Postgres, eventually, traces};

/// PostgreSQL goes on with a CREATE DATABASE whose client died. Who rolls back waits for it, instead of finding
/// nothing and leaving a database that was only about to exist.
#[tokio::test]
async fn a_rollback_waits_for_a_database_that_is_about_to_exist() {
    let folder = Postgres::folder();
    let postgres = Postgres::start(folder.path(), None).await;
    let process = postgres.node("node", &[]).await;
    let (mut look, mut hold) = (postgres.superuser().await, postgres.superuser().await);
    hold_template(&mut hold).await;
    let admin = process.admin().with("prefer", "respond-async");
    let accepted = admin
        .post("/admin/provision", &order("late", "database_per_tenant"))
        .await;
    let tenant = accepted.expect(202).text("/tenantId");
    eventually("the copy to be under way", async || {
        is_copying(&mut look).await.then_some(())
    })
    .await;
    process.kill().await;

    let faults = [("TENANTRY_FAULTS", "create_database.before=error")];
    let process = postgres.node("node", &faults).await;
    let admin = process.admin();
    eventually("the rollback", async || {
        let status = run(&admin, &tenant).await["status"].clone();
        (status == "failed" || status == "rolling_back" && is_waiting(&mut look).await).then_some(())
    })
    .await;
    hold.execute("rollback").await.expect("a transaction is open");
    eventually("the copy to end", async || {
        (!is_copying(&mut look).await).then_some(())
    })
    .await;
    eventually("the run to end", async || {
        (run(&admin, &tenant).await["status"] == "failed").then_some(())
    })
    .await;
    let id: TenantId = tenant.parse().expect("an identifier");
    assert_eq!(traces::catalogued(&mut look, id).await, Vec::<String>::new());
    process.kill().await;
    postgres.stop().await;
}

/// Nobody can copy the template until this transaction ends.
async fn hold_template(connection: &mut PgConnection) {
    let template: String =
        sqlx::query_scalar("select datname::text from pg_database where datname like 'tenantry_template_%'")
            .fetch_one(&mut *connection)
            .await
            .expect("the template");
    let hold = format!("begin; alter database {template} rename to held");
    let outcome = connection.execute(sqlx::raw_sql(AssertSqlSafe(hold))).await;
    outcome.expect("a superuser may do this");
}

async fn is_copying(look: &mut PgConnection) -> bool {
    exists(look, "state = 'active' and query like 'CREATE DATABASE t\\_%'").await
}

/// Whether someone waits for the lock of a tenant's store.
async fn is_waiting(look: &mut PgConnection) -> bool {
    exists(look, "wait_event = 'advisory'").await
}

async fn exists(look: &mut PgConnection, condition: &str) -> bool {
    let query = format!("select exists (select from pg_stat_activity where {condition})");
    let found = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(look);
    found.await.expect("the server's activity")
}
