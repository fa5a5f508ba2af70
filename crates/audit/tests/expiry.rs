//! The end of events.

use isolation::Tx;
use sqlx::{Executor, PgConnection};
use testkit::TestDatabase;

/// Puts an event there that was kept until now, or is kept on.
async fn put(superuser: &mut PgConnection, action: &str, occurred: &str, expires: &str) {
    sqlx::query(
        "insert into control.audit_events
             (id, occurred_at, event_type, severity, action, actor_type, actor_id, expires_at)
         values (gen_random_uuid(), $2::text::timestamptz, 'data.created', 'info', $1, 'system', 'test',
                 now() + $3::text::interval)",
    )
    .bind(action)
    .bind(occurred)
    .bind(expires)
    .execute(superuser)
    .await
    .expect("inserted");
}

async fn left(superuser: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar("select action from control.audit_events order by action")
        .fetch_all(superuser)
        .await
        .expect("read")
}

async fn months(superuser: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "select relname::text from pg_class where relname in ('audit_events_201903', 'audit_events_201904') order by 1",
    )
    .fetch_all(superuser)
    .await
    .expect("read")
}

#[tokio::test]
async fn events_are_removed_when_their_time_is_over_and_whole_months_dropped() {
    let db = TestDatabase::new().await;
    let superuser = &mut db.superuser().await;
    for month in ["2019-03-15", "2019-04-15"] {
        let make = format!("select control.ensure_audit_partition('{month} 12:00Z')");
        superuser
            .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(make)))
            .await
            .expect("made");
    }
    put(superuser, "march, over", "2019-03-01 00:00Z", "-1 day").await;
    put(superuser, "march, over too", "2019-03-31 23:59Z", "-1 second").await;
    put(superuser, "april, over", "2019-04-01 00:00Z", "-1 day").await;
    put(superuser, "april, kept", "2019-04-30 23:59Z", "1 hour").await;
    put(superuser, "no month, over", "2018-01-01 00:00Z", "-1 day").await;
    put(superuser, "no month, kept", "2018-01-01 00:00Z", "1 day").await;
    assert_eq!(months(superuser).await.len(), 2);

    let removed = audit::remove_expired(db.system()).await.expect("it works");
    assert_eq!(removed, 2, "the others went with their month");
    assert_eq!(left(superuser).await, ["april, kept", "no month, kept"]);
    assert_eq!(months(superuser).await, ["audit_events_201904"]);
    assert_eq!(audit::remove_expired(db.system()).await.expect("again"), 0);
}

#[tokio::test]
async fn nobody_removes_an_event_before_its_time() {
    let db = TestDatabase::new().await;
    let superuser = &mut db.superuser().await;
    put(superuser, "kept", "2019-03-01 00:00Z", "1 hour").await;
    for attempt in [
        "delete from control.audit_events",
        "drop table control.audit_events",
    ] {
        let mut tx = db.system().control().await.expect("a transaction");
        tx.conn().execute(attempt).await.expect_err("no such right");
    }
    // The owner, whom the functions act as, is held back too.
    superuser
        .execute("set role tenantry_owner; delete from control.audit_events; reset role")
        .await
        .expect("nothing to be seen");
    assert_eq!(left(superuser).await, ["kept"]);
}
