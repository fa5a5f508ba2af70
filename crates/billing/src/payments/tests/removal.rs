//! A tenant is removed: its customer at Stripe goes, and with it what it paid with; what was paid stays in the books.

use isolation::Tx;

use super::stand::Stand;
use crate::subscriptions;

/// What is left that tells who paid and with what.
async fn left(stand: &Stand) -> Vec<String> {
    sqlx::query_scalar(
        "select concat_ws(' ', 'method', reference, label, brand, last4, is_default) from control.payment_methods
         union all select concat_ws(' ', 'attempt', customer, method, status) from control.payment_attempts
         union all select 'customer ' || reference from control.provider_customers
         union all select 'call ' || operation from control.provider_calls
         union all select concat_ws(' ', 'account', name, email) from control.billing_accounts
         order by 1",
    )
    .fetch_all(stand.tx().await.conn())
    .await
    .expect("read")
}

async fn withdraw(stand: &Stand) {
    let mut tx = stand.tx().await;
    subscriptions::withdraw(&mut tx, stand.tenant)
        .await
        .expect("it is removed");
    tx.commit().await.expect("committed");
    assert_eq!(stand.work().await, 0);
}

#[tokio::test]
async fn the_customer_goes_and_what_was_paid_stays() {
    let stand = Stand::with_method("pm_card_visa").await;
    stand.add_method("pm_card_mastercard").await;
    let attempt = stand.attempt().await.id;
    stand.work().await;
    let customer = stand.customer().await;
    withdraw(&stand).await;
    assert_eq!(stand.stripe.object("customers", &customer)["deleted"], true);
    for method in stand.stripe.objects("payment_methods") {
        assert!(method["customer"].is_null(), "{method}");
    }
    let expected = ["account Deleted tenant", "attempt succeeded", "method Erased f"];
    assert_eq!(left(&stand).await, expected);
    assert!(stand.read(attempt).await.reference.is_some(), "the books need it");
    // Asked for again, nothing more happens.
    withdraw(&stand).await;
    assert_eq!(left(&stand).await, expected);
}

#[tokio::test]
async fn of_a_tenant_that_was_never_invoiced_nothing_stays() {
    let stand = Stand::with_method("pm_card_visa").await;
    let customer = stand.customer().await;
    withdraw(&stand).await;
    assert_eq!(stand.stripe.object("customers", &customer)["deleted"], true);
    assert_eq!(left(&stand).await, Vec::<String>::new());
}
