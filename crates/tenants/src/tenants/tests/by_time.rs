use std::time::Duration;

use jobs::schedule::Schedule;
use testkit::TestDatabase;

use super::{active, committed, events, read};
use crate::tenants::{
    Status, SuspensionReason, cancel, convert, expire_trials, reactivate, restore, scheduled,
};

const DAY: u32 = 86_400;

#[tokio::test]
async fn trials_that_nobody_ended_end_a_day_after_their_fourteen() {
    let db = TestDatabase::new().await;
    let trial = active(&db, "trial", "pro").await.id;
    let paid = active(&db, "paid", "pro").await.id;
    let free = active(&db, "free", "free").await.id;
    committed!(db, |tx| convert(tx, paid)).expect("converted");
    db.clock().advance_seconds(15 * DAY - 60);
    assert_eq!(committed!(db, |tx| expire_trials(tx)).expect("asked"), 0);
    db.clock().advance_seconds(60);
    assert_eq!(committed!(db, |tx| expire_trials(tx)).expect("asked"), 1);
    assert_eq!(committed!(db, |tx| expire_trials(tx)).expect("asked"), 0);
    let expired = read(&db, trial).await;
    assert_eq!(expired.status, Status::Suspended);
    assert_eq!(
        expired.suspension_reason.as_ref().map(SuspensionReason::as_str),
        Some("trial_expired")
    );
    assert_eq!(
        events(&db, trial).await.pop().as_deref(),
        Some("tenant.trial_expired")
    );
    for id in [paid, free] {
        assert_eq!(read(&db, id).await.status, Status::Active);
    }
    let again = committed!(db, |tx| reactivate(tx, trial, None)).expect("reactivated");
    assert_eq!(again.status, Status::Active);
}

#[tokio::test]
async fn a_trial_restored_after_its_end_is_suspended_like_any_other() {
    let db = TestDatabase::new().await;
    let id = active(&db, "trial", "pro").await.id;
    committed!(db, |tx| cancel(tx, id, None)).expect("cancelled");
    db.clock().advance_seconds(20 * DAY);
    assert_eq!(committed!(db, |tx| expire_trials(tx)).expect("asked"), 0);
    committed!(db, |tx| restore(tx, id, None)).expect("restored");
    assert_eq!(committed!(db, |tx| expire_trials(tx)).expect("asked"), 1);
}

#[tokio::test]
async fn the_schedule_ends_them_by_itself() {
    let db = TestDatabase::new().await;
    let ids = [
        active(&db, "one", "pro").await.id,
        active(&db, "two", "starter").await.id,
    ];
    db.clock().advance_seconds(15 * DAY);
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(scheduled(Schedule::new(db.system())).run(stop.clone()));
    tokio::time::timeout(Duration::from_secs(10), async {
        for id in ids {
            while read(&db, id).await.status != Status::Suspended {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    })
    .await
    .expect("both are suspended in time");
    stop.cancel();
    running.await.expect("it ends when told to");
}
