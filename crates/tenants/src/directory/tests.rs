use std::sync::Arc;
use std::time::Duration;

use isolation::{IsolationStrategy, Listener as _, News};
use testkit::TestDatabase;
use tokio_util::sync::CancellationToken;

use super::{BaseDomain, Directory, Host};
use crate::plans::{Feature, FeaturePatch};
use crate::tenants::tests::{active, committed, order};
use crate::{PatchTenant, Slug, Status, activate, insert, suspend, update};

fn slug(text: &str) -> Slug {
    text.parse().expect("a slug")
}

fn trusting(db: &TestDatabase) -> Directory {
    let directory = Directory::new(db.databases().clone(), 100);
    directory.0.hear(&News::Everything);
    directory
}

/// Closes the connections: whatever is still answered comes from memory.
async fn cut_off(db: &TestDatabase) {
    db.databases().close().await;
}

#[tokio::test]
async fn what_is_known_costs_no_call() {
    let db = TestDatabase::new().await;
    let id = active(&db, "acme", "starter").await.id;
    let patch = FeaturePatch::default().set(Feature::Sso, true);
    let patch = PatchTenant {
        features: patch,
        ..PatchTenant::default()
    };
    committed!(db, |tx| update(tx, id, None, patch)).expect("changed");
    let directory = trusting(&db);
    let first = directory
        .by_slug(&slug("acme"))
        .await
        .expect("readable")
        .expect("there");
    assert!(
        directory
            .by_slug(&slug("nobody"))
            .await
            .expect("readable")
            .is_none()
    );
    let unknown = db.databases().seams().new_id();
    assert!(directory.by_id(unknown).await.expect("readable").is_none());
    cut_off(&db).await;
    let again = directory.by_id(id).await.expect("from memory").expect("there");
    assert!(Arc::ptr_eq(&first.tenant, &again) && !first.moved);
    assert!(
        directory
            .by_slug(&slug("acme"))
            .await
            .expect("from memory")
            .is_some()
    );
    assert!(
        directory
            .by_slug(&slug("nobody"))
            .await
            .expect("from memory")
            .is_none()
    );
    assert!(directory.by_id(unknown).await.expect("from memory").is_none());
    assert!(directory.by_slug(&slug("other")).await.is_err());
    assert_eq!(
        (again.status, again.version, again.plan.name()),
        (Status::Trial, 3, "starter")
    );
    assert!(again.features.contains(Feature::Sso) && !again.features.contains(Feature::CustomDomains));
    assert_eq!(again.limits.users.at_most(), Some(10));
    assert_eq!(again.store.strategy, IsolationStrategy::SharedDatabase);
}

#[tokio::test]
async fn nothing_is_kept_while_the_news_are_interrupted() {
    let db = TestDatabase::new().await;
    let id = active(&db, "acme", "pro").await.id;
    let directory = Directory::new(db.databases().clone(), 100);
    assert!(directory.by_id(id).await.expect("readable").is_some());
    directory.0.hear(&News::Everything);
    assert!(directory.by_id(id).await.expect("readable").is_some());
    directory.0.hear(&News::Interrupted);
    cut_off(&db).await;
    assert!(directory.by_id(id).await.is_err());
}

#[tokio::test]
async fn a_given_up_slug_leads_on_for_thirty_days() {
    let db = TestDatabase::new().await;
    let id = active(&db, "before", "pro").await.id;
    let patch = PatchTenant {
        slug: Some(slug("after")),
        ..PatchTenant::default()
    };
    committed!(db, |tx| update(tx, id, None, patch)).expect("renamed");
    let directory = trusting(&db);
    for _ in 0..2 {
        let old = directory
            .by_slug(&slug("before"))
            .await
            .expect("readable")
            .expect("leads on");
        assert!(old.moved && old.tenant.slug == slug("after"));
    }
    assert!(
        !directory
            .by_slug(&slug("after"))
            .await
            .expect("readable")
            .expect("there")
            .moved
    );
    db.clock().advance_seconds(30 * 86_400);
    assert!(
        directory
            .by_slug(&slug("before"))
            .await
            .expect("from memory")
            .is_none()
    );
    assert!(
        trusting(&db)
            .by_slug(&slug("before"))
            .await
            .expect("readable")
            .is_none()
    );
}

#[tokio::test]
async fn hosts_lead_to_tenants() {
    let db = TestDatabase::new().await;
    let id = active(&db, "acme", "pro").await.id;
    let directory = trusting(&db);
    let base: BaseDomain = "example.com".parse().expect("a domain");
    for (host, expected) in [
        ("ACME.example.com:3000", format!("tenant {id}")),
        ("other.example.com", "nobody".to_owned()),
        ("www.example.com", "platform".to_owned()),
        ("acme.com", "elsewhere acme.com".to_owned()),
    ] {
        let shown = match directory.resolve_host(&base, host).await.expect("readable") {
            Host::Platform => "platform".to_owned(),
            Host::Tenant(found) => format!("tenant {}", found.tenant.id),
            Host::NoTenant => "nobody".to_owned(),
            Host::Elsewhere(name) => format!("elsewhere {name}"),
        };
        assert_eq!(shown, expected, "{host}");
    }
}

/// What one node changes, another knows without having asked.
#[tokio::test]
async fn news_reach_another_node() {
    let db = TestDatabase::new().await;
    let other = db.another_node().await;
    let stop = CancellationToken::new();
    let directory = Directory::new(other.databases().clone(), 100);
    let databases = other.databases().clone();
    let token = stop.clone();
    let spreading = tokio::spawn(async move { databases.spread_news(token).await });
    let tenant = committed!(db, |tx| insert(tx, order("acme", "pro"))).expect("ordered");
    let (id, wanted) = (tenant.id, slug("acme"));

    becomes_true(async || {
        directory
            .by_slug(&wanted)
            .await
            .is_ok_and(|found| found.is_some())
    })
    .await;
    committed!(db, |tx| activate(tx, id)).expect("activated");
    becomes_true(async || status(&directory, id).await == Some(Status::Trial)).await;
    let reason = "late payment".parse().expect("a reason");
    committed!(db, |tx| suspend(tx, id, None, reason)).expect("suspended");
    becomes_true(async || status(&directory, id).await == Some(Status::Suspended)).await;

    let renamed = slug("renamed");
    assert!(directory.by_slug(&renamed).await.expect("readable").is_none());
    let patch = PatchTenant {
        slug: Some(renamed.clone()),
        ..PatchTenant::default()
    };
    committed!(db, |tx| update(tx, id, None, patch)).expect("renamed");
    becomes_true(async || {
        let (new, old) = (
            directory.by_slug(&renamed).await,
            directory.by_slug(&wanted).await,
        );
        matches!((new, old), (Ok(Some(new)), Ok(Some(old))) if !new.moved && old.moved)
    })
    .await;
    stop.cancel();
    spreading.await.expect("it ends when told to");
}

async fn status(directory: &Directory, id: kernel::TenantId) -> Option<Status> {
    directory
        .by_id(id)
        .await
        .ok()
        .flatten()
        .map(|tenant| tenant.status)
}

async fn becomes_true(holds: impl AsyncFn() -> bool) {
    tokio::time::timeout(Duration::from_secs(10), async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("known in time");
}
