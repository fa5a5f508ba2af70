use isolation::{IsolationStrategy, Tx};
use serde_json::json;
use testkit::TestDatabase;

use super::{active, committed, order, read};
use crate::plans::{Feature, FeaturePatch, Limit, LimitName, LimitPatch};
use crate::tenants::view::TenantView;
use crate::tenants::{
    BillingCycle, ChangeTenantError, InvalidSettings, PatchTenant, Status, cancel, insert, own,
    request_deletion, set_custom_domain, update, update_own,
};

fn object(value: &serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    value.as_object().cloned().expect("an object")
}

fn everything() -> PatchTenant {
    PatchTenant {
        name: Some("Acme Incorporated".parse().expect("a name")),
        slug: Some("acme-inc".parse().expect("a slug")),
        plan: Some("starter".parse().expect("a plan")),
        billing_cycle: Some(BillingCycle::Yearly),
        region: Some(Some("eu-central-1".parse().expect("a region"))),
        features: FeaturePatch::default()
            .set(Feature::Sso, true)
            .set(Feature::PrioritySupport, false),
        limits: LimitPatch::default().set(LimitName::Users, Limit::new(7).expect("a limit")),
        settings: object(&json!({ "theme": { "dark": true }, "gone": null })),
    }
}

#[tokio::test]
async fn a_change_is_stored_counted_recorded_and_shown() {
    let db = TestDatabase::new().await;
    let before = active(&db, "acme", "pro").await;
    let after = committed!(db, |tx| update(tx, before.id, Some(2), everything())).expect("changed");
    assert_eq!(read(&db, before.id).await, after);
    assert_eq!(after.version, 3);
    let shown = serde_json::to_value(TenantView::from(after.clone())).expect("plain");
    let (created, end) = (
        after.created_at.to_string(),
        after.trial_ends_at.map(|end| end.to_string()),
    );
    let flags = &shown["config"]["features"];
    assert_eq!(
        (
            &flags["sso"],
            &flags["prioritySupport"],
            &flags["advancedAnalytics"]
        ),
        (&json!(true), &json!(false), &json!(true))
    );
    let mut rest = shown.clone();
    rest["config"]["features"] = json!({});
    assert_eq!(
        rest,
        json!({
            "id": before.id, "name": "Acme Incorporated", "slug": "acme-inc", "status": "trial", "plan": "starter",
            "billingCycle": "yearly", "isolationStrategy": "shared_database",
            "config": { "features": {}, "settings": { "theme": { "dark": true } } },
            "limits": { "users": 7, "projects": 25, "storageBytes": 10_737_418_240_i64, "apiCallsPerDay": 10_000,
                        "bandwidthBytesPerMonth": 107_374_182_400_i64, "usageHistoryDays": 762 },
            "region": "eu-central-1", "createdAt": created, "updatedAt": after.updated_at.to_string(),
            "trialEndsAt": end, "version": 3
        })
    );
    let event = db.audit(before.id).await.pop().expect("an event");
    let fields: Vec<_> = event.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "name",
            "slug",
            "plan",
            "billingCycle",
            "region",
            "config.features",
            "limits"
        ]
    );
    assert_eq!(event.metadata, json!({ "changedSettings": ["theme"] }));
}

#[tokio::test]
async fn a_change_that_changes_nothing_is_none() {
    let db = TestDatabase::new().await;
    let id = active(&db, "acme", "pro").await.id;
    let once = committed!(db, |tx| update(tx, id, None, everything())).expect("changed");
    let twice = committed!(db, |tx| update(tx, id, None, everything())).expect("nothing to change");
    assert_eq!((once.version, db.audit(id).await.len()), (3, 3));
    assert_eq!(once, twice);
}

#[tokio::test]
async fn only_a_living_tenant_of_the_expected_version_is_changed() {
    let db = TestDatabase::new().await;
    let id = active(&db, "acme", "pro").await.id;
    let refused = committed!(db, |tx| update(tx, id, Some(1), everything())).expect_err("it is of version 2");
    assert!(
        matches!(refused, ChangeTenantError::VersionMismatch(_)),
        "{refused}"
    );
    let large = PatchTenant {
        settings: object(&json!({ "x": "y".repeat(70_000) })),
        ..PatchTenant::default()
    };
    let refused = committed!(db, |tx| update(tx, id, None, large)).expect_err("too large");
    assert!(
        matches!(refused, ChangeTenantError::Settings(InvalidSettings::TooLarge)),
        "{refused}"
    );
    let ordered = committed!(db, |tx| insert(tx, order("other", "pro")))
        .expect("ordered")
        .id;
    committed!(db, |tx| request_deletion(
        tx,
        id,
        None,
        crate::GraceDays::default()
    ))
    .expect("deleting");
    for (tenant, status) in [(ordered, Status::Provisioning), (id, Status::Deleting)] {
        let refused = committed!(db, |tx| update(tx, tenant, None, everything())).expect_err("not now");
        assert!(
            matches!(refused, ChangeTenantError::NotEditable(found) if found == status),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_tenant_changes_its_own_name_and_settings_and_nothing_else() {
    let db = TestDatabase::new().await;
    let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
    let other = active(&db, "other", "pro").await;
    let mut tx = ctx.control().await.expect("a transaction");
    let before = own(&mut tx).await.expect("readable").expect("itself");
    assert_eq!(before.id, ctx.tenant_id());
    let name = "Renamed".parse().expect("a name");
    let settings = object(&json!({ "locale": "de" }));
    let after = update_own(&mut tx, Some(before.version), Some(name), settings)
        .await
        .expect("changed");
    tx.commit().await.expect("committed");
    assert_eq!(read(&db, before.id).await, after);
    assert_eq!(
        (after.name.as_str(), after.version),
        ("Renamed", before.version + 1)
    );
    let recorded = db.audit(before.id).await;
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0].event_type, "tenant.updated");

    // The operations for operators find no way from here: neither to another tenant nor to another field.
    let mut tx = ctx.control().await.expect("a transaction");
    let refused = cancel(&mut tx, other.id, None).await.expect_err("unknown here");
    assert!(matches!(refused, ChangeTenantError::NotFound), "{refused}");
    let refused = cancel(&mut tx, before.id, None).await.expect_err("no grant");
    assert!(matches!(refused, ChangeTenantError::Database(_)), "{refused}");
}

#[tokio::test]
async fn the_platform_is_no_tenant() {
    let db = TestDatabase::new().await;
    let mut tx = db.system().control().await.expect("a transaction");
    assert!(tx.tenant().is_none());
    assert_eq!(own(&mut tx).await.expect("readable"), None);
}

#[tokio::test]
async fn the_first_domain_is_shown_with_the_tenant() {
    let db = TestDatabase::new().await;
    let id = active(&db, "acme", "pro").await.id;
    let with = committed!(db, |tx| set_custom_domain(tx, id, Some("acme.com"))).expect("set");
    assert_eq!(TenantView::from(with).custom_domain.as_deref(), Some("acme.com"));
    let same = committed!(db, |tx| set_custom_domain(tx, id, Some("acme.com"))).expect("as before");
    assert_eq!(same.version, 3);
    let without = committed!(db, |tx| set_custom_domain(tx, id, None)).expect("taken away");
    assert_eq!((without.custom_domain, without.version), (None, 4));
}
