//! The example does what it says.

#[expect(dead_code, reason = "the example's own beginning")]
#[path = "../examples/billing_engine.rs"]
mod billing_engine;

use testkit::{FakeStripe, TestDatabase};

#[tokio::test(flavor = "multi_thread")]
async fn the_example_subscribes_charges_changes_refunds_and_ends() {
    let (database, stripe) = (TestDatabase::new().await, FakeStripe::start().await);
    let said = Box::pin(billing_engine::run(&database, &stripe)).await;
    let expected = [
        "a customer at Stripe",
        "pro: trialing",
        "pays with visa •••• 4242",
        "INV-000001 over 99.00 USD: paid, 99.00 USD paid",
        "an upgrade now costs 400.00 USD",
        "INV-000002 over 499.00 USD: paid, 400.00 USD paid",
        "100.00 USD went back",
        "after a month: canceled",
    ];
    assert_eq!(said.expect("it runs to its end"), expected);
}
