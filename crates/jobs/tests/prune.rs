//! Jobs that are over go in their time.

use std::time::Duration;

use jobs::queue::{DEAD_KEPT_DAYS, KEPT_DAYS};
use jobs::schedule::Schedule;
use sqlx::PgConnection;
use testkit::TestDatabase;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

async fn put(superuser: &mut PgConnection, kind: &str, status: &str, days_ago: i32) {
    sqlx::query(
        "insert into control.jobs (id, kind, payload, status, run_at, max_attempts, created_at, finished_at)
         values (gen_random_uuid(), $1, '{}', $2, now(), 1, now(), now() - make_interval(days => $3))",
    )
    .bind(kind)
    .bind(status)
    .bind(days_ago)
    .execute(superuser)
    .await
    .expect("inserted");
}

async fn left(superuser: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar("select kind from control.jobs order by kind")
        .fetch_all(superuser)
        .await
        .expect("read")
}

#[tokio::test]
async fn jobs_that_are_over_are_removed_in_their_time() {
    let db = TestDatabase::new().await;
    let superuser = &mut db.superuser().await;
    put(superuser, "done just now", "done", KEPT_DAYS - 1).await;
    put(superuser, "done long ago", "done", KEPT_DAYS + 1).await;
    put(superuser, "dead just now", "dead", DEAD_KEPT_DAYS - 1).await;
    put(superuser, "dead long ago", "dead", DEAD_KEPT_DAYS + 1).await;
    put(superuser, "waiting", "queued", DEAD_KEPT_DAYS + 1).await;

    let stop = CancellationToken::new();
    let schedule = tokio::spawn(Schedule::new(db.system()).run(stop.clone()));
    let gone = async {
        while left(superuser).await.len() > 3 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(10), gone).await.expect("they go");
    stop.cancel();
    schedule.await.expect("the schedule ends");
    assert_eq!(
        left(superuser).await,
        ["dead just now", "done just now", "waiting"]
    );
}
