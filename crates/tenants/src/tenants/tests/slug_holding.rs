use isolation::Tx;
use kernel::TenantId;
use testkit::TestDatabase;

use super::{active, committed, read, try_order};
use crate::tenants::{
    ChangeTenantError, CreateTenantError, GraceDays, PatchTenant, Slug, find_by_slug, mark_deleted,
    request_deletion, slugs, update,
};

const DAY: u32 = 86_400;

fn slug(text: &str) -> Slug {
    text.parse().expect("a slug")
}

async fn rename(db: &TestDatabase, id: TenantId, to: &str) -> Result<(), ChangeTenantError> {
    let patch = PatchTenant {
        slug: Some(slug(to)),
        ..PatchTenant::default()
    };
    committed!(db, |tx| update(tx, id, None, patch)).map(drop)
}

async fn holder(db: &TestDatabase, text: &str) -> Option<TenantId> {
    let wanted = slug(text);
    let found = committed!(db, |tx| find_by_slug(tx, &wanted)).expect("readable");
    found.map(|tenant| tenant.id)
}

async fn is_free(db: &TestDatabase, text: &str) -> bool {
    let mut tx = db.system().control().await.expect("a transaction");
    let outcome = crate::insert(&mut tx, super::order(text, "pro")).await;
    match outcome {
        Ok(_) => true,
        Err(CreateTenantError::SlugTaken) => false,
        Err(CreateTenantError::Database(error)) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_given_up_slug_is_nobodys_for_sixty_days() {
    let db = TestDatabase::new().await;
    let id = active(&db, "before", "pro").await.id;
    rename(&db, id, "after").await.expect("renamed");
    assert_eq!(
        (holder(&db, "after").await, holder(&db, "before").await),
        (Some(id), None)
    );
    assert!(!is_free(&db, "before").await);
    db.clock().advance_seconds(60 * DAY - 60);
    assert!(!is_free(&db, "before").await);
    db.clock().advance_seconds(120);
    assert!(is_free(&db, "before").await);
    assert_eq!(committed!(db, |tx| slugs::prune(tx)).expect("pruned"), 1);
    assert!(is_free(&db, "before").await && !is_free(&db, "after").await);
}

#[tokio::test]
async fn a_tenant_may_take_its_own_slug_back() {
    let db = TestDatabase::new().await;
    let id = active(&db, "one", "pro").await.id;
    rename(&db, id, "two").await.expect("renamed");
    rename(&db, id, "one").await.expect("renamed back");
    assert_eq!(
        (holder(&db, "one").await, holder(&db, "two").await),
        (Some(id), None)
    );
    assert_eq!(read(&db, id).await.slug, slug("one"));
}

#[tokio::test]
async fn nobody_takes_what_another_holds() {
    let db = TestDatabase::new().await;
    let id = active(&db, "one", "pro").await.id;
    let other = active(&db, "two", "pro").await.id;
    rename(&db, other, "three").await.expect("renamed");
    for text in ["two", "three"] {
        let refused = rename(&db, id, text).await.expect_err("held");
        assert!(matches!(refused, ChangeTenantError::SlugTaken), "{refused}");
    }
    assert_eq!(holder(&db, "one").await, Some(id));
}

#[tokio::test]
async fn the_slugs_of_a_removed_tenant_are_kept_from_others_for_thirty_days() {
    let db = TestDatabase::new().await;
    let id = active(&db, "older", "pro").await.id;
    rename(&db, id, "acme").await.expect("renamed");
    let grace = GraceDays::new(0).expect("allowed");
    committed!(db, |tx| request_deletion(tx, id, None, grace)).expect("deleting");
    committed!(db, |tx| mark_deleted(tx, id)).expect("removed");
    assert!(!is_free(&db, "acme").await && !is_free(&db, "older").await);
    let mut tx = db.system().control().await.expect("a transaction");
    let leading: i64 =
        sqlx::query_scalar("select count(*) from control.slugs where redirect_until is not null")
            .fetch_one(tx.conn())
            .await
            .expect("readable");
    assert_eq!(leading, 0, "nothing leads to a removed tenant");
    drop(tx);
    db.clock().advance_seconds(30 * DAY);
    assert!(is_free(&db, "acme").await && !is_free(&db, "older").await);
    try_order(&db, "acme").await.expect("ordered");
}
