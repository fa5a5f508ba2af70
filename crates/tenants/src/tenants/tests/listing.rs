use isolation::{IsolationStrategy, Tx};
use kernel::Timestamp;
use testkit::TestDatabase;

use super::{active, committed, order};
use crate::tenants::{
    Filter, GraceDays, ListTenantsError, PageRequest, PatchTenant, Position, Sort, Status, Tenant, insert,
    list, mark_deleted, request_deletion, update,
};

pub(super) async fn found(db: &TestDatabase, filter: &Filter, sort: Sort) -> Vec<String> {
    let page = PageRequest {
        limit: 100,
        after: None,
    };
    let tenants = committed!(db, |tx| list(tx, filter, sort, page)).expect("listed");
    tenants
        .into_iter()
        .map(|tenant| tenant.slug.to_string())
        .collect()
}

/// All pages of two, and what is on them.
async fn paged(db: &TestDatabase, filter: &Filter, sort: Sort) -> Vec<String> {
    let (mut slugs, mut after) = (Vec::new(), None);
    loop {
        let page = PageRequest { limit: 3, after };
        let mut tenants = committed!(db, |tx| list(tx, filter, sort, page)).expect("listed");
        let more = tenants.len() > 2;
        tenants.truncate(2);
        after = tenants
            .last()
            .map(|tenant| through_a_cursor(&tenant.position(sort)));
        slugs.extend(tenants.into_iter().map(|tenant| tenant.slug.to_string()));
        if !more {
            return slugs;
        }
    }
}

fn through_a_cursor(position: &Position) -> Position {
    serde_json::from_str(&serde_json::to_string(position).expect("plain")).expect("the same")
}

async fn named(db: &TestDatabase, slug: &str, name: &str) -> Tenant {
    let tenant = active(db, slug, "pro").await;
    let patch = PatchTenant {
        name: Some(name.parse().expect("a name")),
        ..PatchTenant::default()
    };
    committed!(db, |tx| update(tx, tenant.id, None, patch)).expect("renamed")
}

#[tokio::test]
async fn orders_are_stable_and_pages_fit_together() {
    let db = TestDatabase::new().await;
    for (slug, name) in [
        ("one", "beta"),
        ("two", "Alpha"),
        ("three", "ALPHA"),
        ("four", "gamma"),
        ("five", "Beta"),
    ] {
        named(&db, slug, name).await;
    }
    let all = Filter::default();
    for (sort, expected) in [
        (Sort::OldestFirst, ["one", "two", "three", "four", "five"]),
        (Sort::NewestFirst, ["five", "four", "three", "two", "one"]),
        (Sort::Name, ["two", "three", "one", "five", "four"]),
        (Sort::NameBackwards, ["four", "five", "one", "three", "two"]),
    ] {
        assert_eq!(found(&db, &all, sort).await, expected, "{sort:?}");
        assert_eq!(paged(&db, &all, sort).await, expected, "{sort:?}");
    }
}

#[tokio::test]
async fn a_position_of_another_order_is_refused() {
    let db = TestDatabase::new().await;
    let tenant = active(&db, "acme", "pro").await;
    for (given, asked) in [
        (Sort::Name, Sort::NewestFirst),
        (Sort::OldestFirst, Sort::NameBackwards),
    ] {
        let page = PageRequest {
            limit: 2,
            after: Some(tenant.position(given)),
        };
        let refused =
            committed!(db, |tx| list(tx, &Filter::default(), asked, page)).expect_err("another order");
        assert!(matches!(refused, ListTenantsError::ForeignPosition), "{refused}");
    }
}

/// Three tenants of one day and one of the next; what divides them.
async fn of_two_days(db: &TestDatabase) -> (Tenant, Timestamp) {
    let acme = named(db, "acme", "100% Wool_Ltd").await;
    active(db, "free-one", "free").await;
    let mut own = order("own-db", "enterprise");
    own.isolation_strategy = IsolationStrategy::DatabasePerTenant;
    committed!(db, |tx| insert(tx, own)).expect("ordered");
    db.clock().advance_seconds(86_400);
    let between = db.databases().seams().now();
    active(db, "late-one", "starter").await;
    (acme, between)
}

fn having(set: impl FnOnce(&mut Filter)) -> Filter {
    let mut filter = Filter::default();
    set(&mut filter);
    filter
}

#[tokio::test]
async fn every_filter_filters() {
    let db = TestDatabase::new().await;
    let (acme, between) = of_two_days(&db).await;
    let plan = |name: &str| Some(name.parse().expect("a plan"));
    for (filter, expected) in [
        (
            having(|f| f.status = Some(Status::Trial)),
            &["acme", "late-one"][..],
        ),
        (having(|f| f.status = Some(Status::Provisioning)), &["own-db"]),
        (having(|f| f.plan = plan("free")), &["free-one"]),
        (
            having(|f| f.isolation_strategy = Some(IsolationStrategy::DatabasePerTenant)),
            &["own-db"],
        ),
        (having(|f| f.created_after = Some(between)), &["late-one"]),
        (
            having(|f| f.created_before = Some(between)),
            &["acme", "free-one", "own-db"],
        ),
        (having(|f| f.trial_ending_days = Some(13)), &["acme"]),
        (having(|f| f.trial_ending_days = Some(14)), &["acme", "late-one"]),
        (having(|f| f.subscription_ending_days = Some(365)), &[]),
        (
            having(|f| (f.status, f.plan) = (Some(Status::Trial), plan("pro"))),
            &["acme"],
        ),
    ] {
        assert_eq!(
            found(&db, &filter, Sort::OldestFirst).await,
            expected,
            "{filter:?}"
        );
    }
    end_subscription(&db, &acme, between.plus_days(10)).await;
    for (days, expected) in [(9, 0), (10, 1)] {
        let filter = having(|f| f.subscription_ending_days = Some(days));
        assert_eq!(found(&db, &filter, Sort::Name).await.len(), expected);
    }
}

#[tokio::test]
async fn a_search_finds_how_names_slugs_and_identifiers_begin() {
    let db = TestDatabase::new().await;
    let (acme, _) = of_two_days(&db).await;
    let id = acme.id.to_string();
    for (q, expected) in [
        ("ACM", &["acme"][..]),
        ("late-ONE c", &["late-one"]),
        ("100% w", &["acme"]),
        ("100%%", &[]),
        ("100_", &[]),
        ("wool", &[]),
        ("\\", &[]),
        (&id, &["acme"]),
        (&id[..id.len() - 8].to_uppercase(), &["acme"]),
        (&acme.id.hex(), &[]),
    ] {
        let filter = having(|f| f.q = Some(q.to_owned()));
        assert_eq!(found(&db, &filter, Sort::OldestFirst).await, expected, "{q}");
    }
}

async fn end_subscription(db: &TestDatabase, tenant: &Tenant, at: Timestamp) {
    let mut tx = db.system().control().await.expect("a transaction");
    sqlx::query("update control.tenants set subscription_ends_at = $2 where id = $1")
        .bind(tenant.id)
        .bind(at)
        .execute(tx.conn())
        .await
        .expect("set");
    tx.commit().await.expect("committed");
}

#[tokio::test]
async fn removed_tenants_are_listed_when_asked_for() {
    let db = TestDatabase::new().await;
    let gone = active(&db, "gone", "pro").await.id;
    active(&db, "here", "pro").await;
    let grace = GraceDays::new(0).expect("allowed");
    committed!(db, |tx| request_deletion(tx, gone, None, grace)).expect("deleting");
    committed!(db, |tx| mark_deleted(tx, gone)).expect("removed");
    assert_eq!(found(&db, &Filter::default(), Sort::NewestFirst).await, ["here"]);
    let deleted = having(|f| f.status = Some(Status::Deleted));
    let tombstone = format!("deleted-{}", gone.hex());
    assert_eq!(found(&db, &deleted, Sort::NewestFirst).await, [tombstone]);
}
