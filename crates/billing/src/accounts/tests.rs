//! Billing accounts on a real database.

use isolation::{ControlTx, IsolationStrategy};
use kernel::TenantId;
use pricing::{Currency, Zone};
use testkit::TestDatabase;

use super::*;
use crate::providers::ProviderKind;

fn new() -> NewAccount {
    NewAccount {
        provider: ProviderKind::Ledger,
        email: Some("billing@acme.example".to_owned()),
        name: "Acme Corp".to_owned(),
        currency: Currency::USD,
        time_zone: Zone::UTC,
    }
}

async fn fixture() -> (TestDatabase, TenantId) {
    let database = TestDatabase::new().await;
    let tenant = database
        .tenant(IsolationStrategy::SharedDatabase)
        .await
        .tenant_id();
    (database, tenant)
}

async fn begin(database: &TestDatabase) -> ControlTx {
    database
        .system()
        .control()
        .await
        .expect("the control plane answers")
}

#[tokio::test]
async fn a_tenant_has_one_and_it_is_kept_as_it_is_changed() {
    let (database, tenant) = fixture().await;
    let mut tx = begin(&database).await;
    let made = create(&mut tx, tenant, new()).await.expect("it is made");
    tx.commit().await.expect("it is kept");

    let mut tx = begin(&database).await;
    let again = create(&mut tx, tenant, new()).await;
    assert!(matches!(again, Err(AccountError::Exists)), "{again:?}");
    drop(tx);

    let mut tx = begin(&database).await;
    let wanted = UpdateAccount {
        address: Some(Address {
            line1: "Hauptstr. 1".to_owned(),
            city: "Wien".to_owned(),
            country: Some("AT".to_owned()),
            ..Address::default()
        }),
        tax_number: Some(Some("ATU12345678".to_owned())),
        time_zone: Some("Europe/Vienna".parse().expect("a zone")),
        currency: Some(Currency::EUR),
        locale: Some("de-AT".to_owned()),
        ..UpdateAccount::default()
    };
    let changed = update(&mut tx, tenant, Some(1), wanted.clone())
        .await
        .expect("it is changed");
    let stale = update(&mut tx, tenant, Some(1), wanted).await;
    assert!(
        matches!(stale, Err(AccountError::VersionMismatch { current: 2 })),
        "{stale:?}"
    );
    assert_eq!(get(&mut tx, tenant).await.expect("it is there"), changed);
    assert_eq!((changed.id, changed.version), (made.id, 2));
    tx.commit().await.expect("it is kept");

    let events = database.audit(tenant).await;
    let last = events.last().expect("events");
    assert_eq!(last.event_type, "billing.account_updated");
    assert!(!format!("{last:?}").contains("Hauptstr"), "{last:?}");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let (database, tenant) = fixture().await;
    let mut tx = begin(&database).await;
    create(&mut tx, tenant, new()).await.expect("it is made");
    let wrong = UpdateAccount {
        email: Some(Some("nobody".to_owned())),
        name: Some(String::new()),
        address: Some(Address {
            country: Some("at".to_owned()),
            region: Some(String::new()),
            postal_code: "1".repeat(21),
            ..Address::default()
        }),
        tax_number: Some(Some("AT-U".to_owned())),
        locale: Some("deutsch!".to_owned()),
        ..UpdateAccount::default()
    };
    let Err(AccountError::Invalid(InvalidAccount(errors))) = update(&mut tx, tenant, None, wrong).await
    else {
        panic!("it is refused");
    };
    let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/name",
            "/email",
            "/address/postalCode",
            "/address/region",
            "/address/country",
            "/taxNumber",
            "/locale"
        ]
    );
}

#[tokio::test]
async fn who_is_removed_is_forgotten() {
    let (database, tenant) = fixture().await;
    let mut tx = begin(&database).await;
    create(&mut tx, tenant, new()).await.expect("it is made");
    forget(&mut tx, tenant).await.expect("it is forgotten");
    let left = get(&mut tx, tenant).await.expect("the row stays");
    assert_eq!((left.name.as_str(), left.email), ("Deleted tenant", None));
}
