use isolation::{IsolationStrategy, Listener as _, News, Tx};
use kernel::TenantId;
use serde_json::json;
use testkit::TestDatabase;

use super::{
    CustomDomain, CustomDomainView, DomainStatus, Domains, Hostname, RegisterDomainError, ReleaseDomainError,
    list, register, release, release_all, withdraw_all,
};

const DAY: u32 = 86_400;

fn host(text: &str) -> Hostname {
    Hostname::parse(text, &"localhost".parse().expect("a domain")).expect("a host name")
}

/// Does something in a transaction of its own and commits it.
macro_rules! committed {
    ($db:expr, |$tx:ident| $body:expr) => {{
        let mut transaction = $db.system().control().await.expect("a transaction");
        let $tx = &mut transaction;
        let result = $body.await;
        if result.is_ok() {
            transaction.commit().await.expect("committed");
        }
        result
    }};
}

async fn tenant(db: &TestDatabase) -> TenantId {
    db.tenant(IsolationStrategy::SharedDatabase).await.tenant_id()
}

async fn registered(db: &TestDatabase, tenant: TenantId, name: &str) -> CustomDomain {
    committed!(db, |tx| register(tx, tenant, host(name))).expect("registered")
}

async fn is_taken(db: &TestDatabase, tenant: TenantId, name: &str) -> bool {
    let mut tx = db.system().control().await.expect("a transaction");
    match register(&mut tx, tenant, host(name)).await {
        Ok(_) => false,
        Err(RegisterDomainError::DomainTaken) => true,
        Err(other) => panic!("{other}"),
    }
}

/// In place of the verification that is still to come.
async fn verified(db: &TestDatabase, name: &str) {
    let mut tx = db.system().control().await.expect("a transaction");
    let now = tx.now();
    sqlx::query("update control.custom_domains set status = 'verified', verified_at = $2 where domain = $1")
        .bind(name)
        .bind(now)
        .execute(tx.conn())
        .await
        .expect("set");
    tx.announce("domain", name).await.expect("announced");
    tx.commit().await.expect("committed");
}

async fn shown_in_record(db: &TestDatabase, tenant: TenantId) -> Option<String> {
    let found = committed!(db, |tx| tenants::get(tx, tenant)).expect("readable");
    found.expect("there").custom_domain
}

async fn events(db: &TestDatabase, tenant: TenantId) -> Vec<String> {
    let domains = |event: audit::AuditEvent| event.event_type.strip_prefix("config.").map(str::to_owned);
    db.audit(tenant).await.into_iter().filter_map(domains).collect()
}

#[tokio::test]
async fn registering_twice_is_registering_once() {
    let db = TestDatabase::new().await;
    let id = tenant(&db).await;
    let first = registered(&db, id, "app.acme.com").await;
    assert_eq!(first.status, DomainStatus::Pending);
    assert_eq!(registered(&db, id, "APP.acme.com.").await, first);
    let second = registered(&db, id, "acme.com").await;
    assert_ne!(first.verification_token, second.verification_token);
    assert_eq!(first.verification_token.len(), 40);
    assert_eq!(
        committed!(db, |tx| list(tx, id)).expect("listed"),
        [first, second]
    );
    assert_eq!(events(&db, id).await, ["domain_added", "domain_added"]);
    assert_eq!(shown_in_record(&db, id).await.as_deref(), Some("app.acme.com"));
}

#[tokio::test]
async fn the_owner_is_told_which_records_to_set() {
    let db = TestDatabase::new().await;
    let id = tenant(&db).await;
    for (name, kind) in [("app.acme.com", "CNAME"), ("acme.co.uk", "ALIAS")] {
        let domain = registered(&db, id, name).await;
        let expected = json!({
            "id": domain.id, "domain": name, "status": "pending", "createdAt": domain.created_at,
            "dnsRecords": [
                { "purpose": "ownership", "type": "TXT", "name": format!("_tenantry-challenge.{name}"),
                  "value": domain.verification_token },
                { "purpose": "routing", "type": kind, "name": name, "value": "acme.example.com" },
            ],
        });
        let view = CustomDomainView::new(domain, "acme.example.com");
        assert_eq!(serde_json::to_value(view).expect("plain"), expected);
    }
}

#[tokio::test]
async fn a_name_has_one_holder() {
    let db = TestDatabase::new().await;
    let (one, other) = (tenant(&db).await, tenant(&db).await);
    let first = registered(&db, one, "acme.com").await;
    assert!(is_taken(&db, other, "acme.com").await);
    let not_his = committed!(db, |tx| release(tx, other, &first.domain)).expect_err("not his");
    assert!(matches!(not_his, ReleaseDomainError::NotFound), "{not_his}");
    committed!(db, |tx| release(tx, one, &first.domain)).expect("never used: free at once");
    assert!(!is_taken(&db, other, "acme.com").await);
    assert_eq!(events(&db, one).await, ["domain_added", "domain_removed"]);
}

#[tokio::test]
async fn a_name_that_was_used_is_kept_from_others_for_thirty_days() {
    let db = TestDatabase::new().await;
    let (one, other) = (tenant(&db).await, tenant(&db).await);
    let first = registered(&db, one, "acme.com").await;
    registered(&db, one, "second.com").await;
    verified(&db, "acme.com").await;
    committed!(db, |tx| release(tx, one, &first.domain)).expect("released");
    assert_eq!(shown_in_record(&db, one).await.as_deref(), Some("second.com"));
    db.clock().advance_seconds(30 * DAY - 60);
    assert!(is_taken(&db, other, "acme.com").await);
    assert!(!is_taken(&db, one, "acme.com").await);
    db.clock().advance_seconds(60);
    let claimed = registered(&db, other, "acme.com").await;
    assert_ne!(
        (claimed.id, &claimed.verification_token),
        (first.id, &first.verification_token)
    );
    assert_eq!(
        (claimed.status, claimed.verified_at),
        (DomainStatus::Pending, None)
    );
}

#[tokio::test]
async fn a_removed_tenants_names_are_quarantined_and_a_failed_ones_are_free() {
    let db = TestDatabase::new().await;
    let (removed, failed, other) = (tenant(&db).await, tenant(&db).await, tenant(&db).await);
    registered(&db, removed, "removed.com").await;
    registered(&db, removed, "removed.org").await;
    registered(&db, failed, "failed.com").await;
    assert_eq!(
        committed!(db, |tx| release_all(tx, removed))
            .expect("released")
            .len(),
        2
    );
    assert!(
        committed!(db, |tx| release_all(tx, removed))
            .expect("again")
            .is_empty()
    );
    committed!(db, |tx| withdraw_all(tx, failed)).expect("withdrawn");
    committed!(db, |tx| withdraw_all(tx, failed)).expect("again");
    assert!(is_taken(&db, other, "removed.com").await && is_taken(&db, other, "removed.org").await);
    assert!(!is_taken(&db, other, "failed.com").await);
    assert_eq!(shown_in_record(&db, failed).await, None);
    db.clock().advance_seconds(30 * DAY);
    assert_eq!(committed!(db, |tx| super::sql::prune(tx)).expect("pruned"), 2);
    assert!(!is_taken(&db, other, "removed.com").await);
}

#[tokio::test]
async fn a_tenant_that_is_going_gets_no_name() {
    let db = TestDatabase::new().await;
    let id = tenant(&db).await;
    let grace = tenants::GraceDays::default();
    committed!(db, |tx| tenants::request_deletion(tx, id, None, grace)).expect("deleting");
    let unknown = db.databases().seams().new_id();
    let mut tx = db.system().control().await.expect("a transaction");
    let refused = register(&mut tx, id, host("acme.com"))
        .await
        .expect_err("deleting");
    assert!(
        matches!(refused, RegisterDomainError::Closed(tenants::Status::Deleting)),
        "{refused}"
    );
    let refused = register(&mut tx, unknown, host("acme.com"))
        .await
        .expect_err("nobody");
    assert!(matches!(refused, RegisterDomainError::NoSuchTenant), "{refused}");
}

#[tokio::test]
async fn only_verified_names_lead_to_their_tenant() {
    let db = TestDatabase::new().await;
    let id = tenant(&db).await;
    let domains = Domains::new(db.databases().clone(), 100);
    domains.0.hear(&News::Everything);
    registered(&db, id, "acme.com").await;
    assert_eq!(domains.tenant_of("acme.com").await.expect("readable"), None);
    verified(&db, "acme.com").await;
    domains.0.hear(&News::One {
        topic: "domain".to_owned(),
        key: "acme.com".to_owned(),
    });
    assert_eq!(domains.tenant_of("acme.com").await.expect("readable"), Some(id));
    assert_eq!(domains.tenant_of("other.com").await.expect("readable"), None);
    db.databases().close().await;
    assert_eq!(
        domains.tenant_of("acme.com").await.expect("from memory"),
        Some(id)
    );
    assert_eq!(domains.tenant_of("other.com").await.expect("from memory"), None);
    for nonsense in ["", "acme", "[::1]", "ACME.com", "acme.com:80", "a\0.com"] {
        assert_eq!(
            domains.tenant_of(nonsense).await.expect("without asking"),
            None,
            "{nonsense}"
        );
    }
    domains.0.hear(&News::Interrupted);
    assert!(domains.tenant_of("acme.com").await.is_err());
}
