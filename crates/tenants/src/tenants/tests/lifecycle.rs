use testkit::TestDatabase;

use super::{active, announced, committed, events, order, read, try_order};
use crate::tenants::{
    ChangeTenantError, CreateTenantError, GraceDays, Slug, Status, SuspensionReason, activate,
    begin_removals, cancel, convert, fail, find_by_slug, insert, mark_deleted, reactivate, request_deletion,
    restore, suspend,
};

#[tokio::test]
async fn a_tenant_comes_to_life() {
    let db = TestDatabase::new().await;
    let tenant = committed!(db, |tx| insert(tx, order("acme", "pro"))).expect("ordered");
    assert_eq!((tenant.status, tenant.version), (Status::Provisioning, 1));
    assert_eq!(read(&db, tenant.id).await, tenant);
    let trial = committed!(db, |tx| activate(tx, tenant.id)).expect("activated");
    assert_eq!((trial.status, trial.version), (Status::Trial, 2));
    let end = trial.trial_ends_at.expect("a trial ends");
    assert_eq!(end, trial.updated_at.plus_days(14));
    // Repeated after a crash.
    assert_eq!(
        committed!(db, |tx| activate(tx, tenant.id)).expect("as before"),
        trial
    );
    let active = committed!(db, |tx| convert(tx, tenant.id)).expect("converted");
    assert_eq!(active.status, Status::Active);
    assert_eq!(read(&db, tenant.id).await, active);
    assert_eq!(
        events(&db, tenant.id).await,
        ["tenant.created", "tenant.provisioned", "tenant.updated"]
    );
    let mut tx = db.system().control().await.expect("a transaction");
    let of_tenant = format!("tenant:{}", tenant.id);
    assert_eq!(
        announced(&mut tx).await,
        ["slug:acme", &of_tenant, &of_tenant, &of_tenant]
    );
}

#[tokio::test]
async fn every_move_is_stored_counted_and_recorded() {
    let db = TestDatabase::new().await;
    let id = active(&db, "acme", "free").await.id;
    let reason = "late payment".parse().expect("a reason");
    let suspended = committed!(db, |tx| suspend(tx, id, None, reason)).expect("suspended");
    assert_eq!(
        suspended.suspension_reason.as_ref().map(SuspensionReason::as_str),
        Some("late payment")
    );
    let active = committed!(db, |tx| reactivate(tx, id, Some(3))).expect("reactivated");
    assert_eq!((active.status, active.suspended_at), (Status::Active, None));
    committed!(db, |tx| cancel(tx, id, None)).expect("cancelled");
    let restored = committed!(db, |tx| restore(tx, id, None)).expect("restored");
    assert_eq!((restored.status, restored.version), (Status::Active, 6));
    let deleting =
        committed!(db, |tx| request_deletion(tx, id, None, GraceDays::default())).expect("deleting");
    assert_eq!(deleting.purge_at, Some(deleting.updated_at.plus_days(30)));
    let restored = committed!(db, |tx| restore(tx, id, None)).expect("restored");
    assert_eq!(read(&db, id).await, restored);
    let recorded = db.audit(id).await;
    let kinds: Vec<_> = recorded
        .iter()
        .skip(2)
        .map(|event| event.event_type.as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "tenant.suspended",
            "tenant.reactivated",
            "tenant.canceled",
            "tenant.restored",
            "tenant.deletion_requested",
            "tenant.restored"
        ]
    );
    let changes: Vec<_> = recorded[2]
        .changes
        .iter()
        .map(|change| change.new_value.clone())
        .collect();
    assert_eq!(changes, ["suspended", "late payment"]);
    assert_eq!(recorded[6].changes[1].field, "purgeAt");
}

#[tokio::test]
async fn refusals_change_nothing() {
    let db = TestDatabase::new().await;
    let before = active(&db, "acme", "free").await;
    let refused = committed!(db, |tx| reactivate(tx, before.id, None)).expect_err("it is active");
    assert!(
        matches!(refused, ChangeTenantError::InvalidTransition(_)),
        "{refused}"
    );
    let refused = committed!(db, |tx| cancel(tx, before.id, Some(1))).expect_err("it is of version 2");
    assert!(
        matches!(refused, ChangeTenantError::VersionMismatch(mismatch) if mismatch.current == 2),
        "{refused}"
    );
    let unknown = db.system().seams().new_id();
    let refused = committed!(db, |tx| cancel(tx, unknown, None)).expect_err("nobody");
    assert!(matches!(refused, ChangeTenantError::NotFound), "{refused}");
    assert_eq!(read(&db, before.id).await, before);
    assert_eq!(events(&db, before.id).await.len(), 2);
}

#[tokio::test]
async fn after_a_failure_the_slug_is_free_at_once() {
    let db = TestDatabase::new().await;
    let first = try_order(&db, "acme").await.expect("ordered");
    assert!(matches!(
        try_order(&db, "acme").await,
        Err(CreateTenantError::SlugTaken)
    ));
    let failed = committed!(db, |tx| fail(tx, first.id, "no room")).expect("failed");
    assert_eq!(failed.status, Status::Failed);
    assert_eq!(
        committed!(db, |tx| fail(tx, first.id, "again")).expect("as before"),
        failed
    );
    let second = try_order(&db, "acme").await.expect("the slug is free");
    let slug: Slug = "acme".parse().expect("a slug");
    let found = committed!(db, |tx| find_by_slug(tx, &slug)).expect("readable");
    assert_eq!(found.map(|tenant| tenant.id), Some(second.id));
    assert_eq!(db.audit(first.id).await[1].metadata["cause"], "no room");
}

#[tokio::test]
async fn a_removal_begins_once_and_cannot_be_undone() {
    let db = TestDatabase::new().await;
    let id = active(&db, "acme", "pro").await.id;
    committed!(db, |tx| request_deletion(
        tx,
        id,
        None,
        GraceDays::new(1).expect("allowed")
    ))
    .expect("deleting");
    assert!(committed!(db, |tx| begin_removals(tx)).expect("asked").is_empty());
    db.clock().advance_seconds(86_400);
    let taken = committed!(db, |tx| begin_removals(tx)).expect("asked");
    assert_eq!(taken.iter().map(|tenant| tenant.id).collect::<Vec<_>>(), [id]);
    assert!(committed!(db, |tx| begin_removals(tx)).expect("asked").is_empty());
    let refused = committed!(db, |tx| restore(tx, id, None)).expect_err("its removal has begun");
    assert!(
        matches!(refused, ChangeTenantError::InvalidTransition(_)),
        "{refused}"
    );
    let dead = committed!(db, |tx| mark_deleted(tx, id)).expect("removed");
    assert_eq!(
        committed!(db, |tx| mark_deleted(tx, id)).expect("as before"),
        dead
    );
    assert_eq!(read(&db, id).await, dead);
    assert_eq!(dead.name.as_str(), "Deleted tenant");
    let last = db.audit(id).await.pop().expect("an event");
    assert_eq!(last.event_type, "tenant.deleted");
    assert_eq!(
        last.resource.and_then(|resource| resource.name).as_deref(),
        Some("Deleted tenant")
    );
}

#[tokio::test]
async fn two_who_order_the_same_slug_at_once() {
    let db = TestDatabase::new().await;
    let orders = (0..8).map(|_| try_order(&db, "acme"));
    let mut outcomes = Vec::new();
    for outcome in futures_util::future::join_all(orders).await {
        outcomes.push(match outcome {
            Ok(_) => "ordered",
            Err(CreateTenantError::SlugTaken) => "taken",
            Err(CreateTenantError::Database(error)) => panic!("{error}"),
        });
    }
    outcomes.sort_unstable();
    assert_eq!(outcomes, [&["ordered"][..], &["taken"; 7]].concat());
}
