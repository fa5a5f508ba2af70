//! What is open to a tenant as its subscription is paid for: the first half of the gate's table.

use sqlx::{AssertSqlSafe, Executor, Row};
use tenants::Access;

use super::*;

#[test]
fn every_status_has_its_cell() {
    use SubscriptionStatus::{Active, Canceled, Incomplete, PastDue, Paused, Trialing, Unpaid};
    for (status, access) in [
        (Trialing, Access::Full),
        (Active, Access::Full),
        (PastDue, Access::Full),
        (Paused, Access::Full),
        (Unpaid, Access::ReadOnly),
        (Incomplete, Access::BillingOnly),
        (Canceled, Access::Full),
    ] {
        assert_eq!(status.access(), access, "{status:?}");
    }
}

async fn access(fixture: &Fixture) -> String {
    use isolation::Tx;
    let mut tx = fixture.begin().await;
    let query = format!(
        "select access from control.tenants where id = '{}'",
        fixture.tenant.uuid()
    );
    let row = tx
        .conn()
        .fetch_one(AssertSqlSafe(query))
        .await
        .expect("it is read");
    row.get("access")
}

#[tokio::test]
async fn it_follows_the_status_in_the_same_transaction() {
    let fixture = Fixture::on(prices()).await;
    fixture.go_to("2027-06-01T00:00:00Z").await;
    fixture.subscribe(to("starter")).await;
    let mut tx = fixture.begin().await;
    mark_unpaid(&mut tx, &fixture.terms, fixture.tenant)
        .await
        .expect("it is unpaid");
    tx.commit().await.expect("it is kept");
    assert_eq!(access(&fixture).await, "read_only");
    let mut tx = fixture.begin().await;
    mark_paid(&mut tx, &fixture.terms, fixture.tenant)
        .await
        .expect("it is paid");
    drop(tx);
    assert_eq!(
        access(&fixture).await,
        "read_only",
        "what is rolled back did not happen"
    );
    // Whoever gives up is closed by that, and begins anew with everything.
    let mut tx = fixture.begin().await;
    let now = CancelWhen::Now { credit: false };
    Box::pin(cancel(&mut tx, &fixture.terms, fixture.tenant, None, now))
        .await
        .expect("it is over");
    tx.commit().await.expect("it is kept");
    assert_eq!(
        (access(&fixture).await.as_str(), fixture.status().await),
        ("full", Status::Canceled)
    );
}
