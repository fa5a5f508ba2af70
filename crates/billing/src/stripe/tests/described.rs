//! The Stripe that the tests play answers as Stripe's OpenAPI description says that Stripe does.

use std::process::Stdio;

use kernel::{Seams, Secret};
use pricing::{Currency, Money};
use serde_json::{Value, json};
use testkit::FakeStripe;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::double::{installed, order};
use crate::providers::{CheckoutOrder, Contact, Outcome, Provider, RefundOrder, TaxQuestion};
use crate::stripe::{Client, Patience, Settings};

/// What the description would not have so.
async fn complaints(python: &std::path::Path, answers: &Value) -> String {
    let mut child = Command::new(python)
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/stripe/tests/check_objects.py"
        ))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = child.stdin.take().expect("a pipe");
    input
        .write_all(answers.to_string().as_bytes())
        .await
        .expect("written");
    drop(input);
    let output = child.wait_with_output().await.expect("it ends");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn what_the_tests_play_is_as_stripe_describes_itself() {
    let Some(folder) = installed() else { return };
    let stripe = FakeStripe::start().await;
    let settings = Settings {
        base: stripe.base().parse().expect("an address"),
        key: Secret::new("sk_test_described".to_owned()),
        patience: Patience::default(),
    };
    let provider = Provider::Stripe(Client::new(settings, Seams::real()));
    let customer = everything_about_a_customer(&stripe, &provider).await;
    everything_about_money(&stripe, &provider, &customer).await;
    pages_and_tax(&stripe, &provider, &customer).await;
    provider.delete_customer(&customer).await.expect("deleted");
    let mut seen = stripe.answers();
    seen.extend(stripe.events());
    let python = folder.join("bin/python");
    assert_eq!(complaints(&python, &json!(seen)).await, "");

    // It would complain.
    let nameless = json!([{"object": "customer", "id": 7}, {"object": "nonsense"}]);
    let complaints = complaints(&python, &nameless).await;
    assert!(
        complaints.contains("customer id: 7 is not of type 'string'"),
        "{complaints}"
    );
    assert!(
        complaints.contains("nonsense: Stripe has no such object"),
        "{complaints}"
    );
}

async fn everything_about_a_customer(stripe: &FakeStripe, provider: &Provider) -> String {
    let contact = Contact {
        tenant: "tenant_acme".to_owned(),
        name: "Acme".to_owned(),
        email: Some("pay@acme.example".to_owned()),
    };
    let customer = provider
        .create_customer(&contact, "customer")
        .await
        .expect("made");
    let customer = customer.reference;
    provider
        .set_up(&customer, "tenant_acme", "setup")
        .await
        .expect("begun");
    let visa = provider
        .attach(&customer, "pm_card_visa", "visa")
        .await
        .expect("attached");
    let debit = provider
        .attach(&customer, "pm_sepa_debit", "debit")
        .await
        .expect("attached");
    provider
        .set_default(&customer, &visa.reference, "default")
        .await
        .expect("told");
    provider.customer(&customer).await.expect("known");
    assert_eq!(provider.methods(&customer).await.expect("listed").len(), 2);
    provider
        .detach(&debit.reference, "detach")
        .await
        .expect("detached");
    provider.method("pm_nobody").await.expect_err("unknown");
    assert_eq!(stripe.objects("customers").len(), 1);
    customer
}

async fn everything_about_money(stripe: &FakeStripe, provider: &Provider, customer: &str) {
    let mut paid = None;
    for (number, token) in [
        "pm_card_visa",
        "pm_card_chargeCustomerFail",
        "pm_card_authenticationRequired",
        "pm_sepa_debit",
    ]
    .into_iter()
    .enumerate()
    {
        let method = provider.attach(customer, token, token).await.expect("attached");
        let order = order(&format!("payment_{number}"), customer, &method.reference);
        let charge = provider.charge(&order).await.expect("an answer");
        provider
            .find_charge(&order)
            .await
            .expect("looked for")
            .expect("found");
        let reference = charge.reference.expect("a reference");
        provider.charge_state(&reference).await.expect("known");
        match charge.outcome {
            Outcome::Succeeded => paid = Some(reference),
            Outcome::RequiresAction(_) => {
                provider.confirmation(&reference).await.expect("known");
                stripe.confirm(&reference);
            }
            Outcome::Declined(_) => {
                provider
                    .cancel_charge(&reference, "cancel")
                    .await
                    .expect("called off");
            }
            _ => stripe.bounce(&reference),
        }
    }
    let paid = paid.expect("one has paid");
    let mut refund = RefundOrder {
        refund: "refund_1".to_owned(),
        tenant: "tenant_acme".to_owned(),
        charge: paid.clone(),
        amount: Money::new(400, Currency::USD),
        idempotency_key: "refund".to_owned(),
    };
    let sent = provider.refund(&refund).await.expect("sent");
    provider.refund_state(&sent.reference).await.expect("known");
    provider
        .find_refund(&refund)
        .await
        .expect("looked for")
        .expect("found");
    (refund.amount, refund.idempotency_key) = (Money::new(9000, Currency::USD), "above".to_owned());
    provider.refund(&refund).await.expect_err("more than was paid");
    let dispute = stripe.contest(&paid, "fraudulent");
    let client = provider.stripe().expect("it is Stripe");
    client.dispute(&dispute).await.expect("known");
    stripe.decide(&dispute, "lost");
    client.charges(0, i64::MAX, None).await.expect("listed");
}

async fn pages_and_tax(stripe: &FakeStripe, provider: &Provider, customer: &str) {
    let order = |key: &str| CheckoutOrder {
        customer: customer.to_owned(),
        tenant: "tenant_acme".to_owned(),
        success_url: "https://acme.example/paid".to_owned(),
        cancel_url: "https://acme.example/left".to_owned(),
        idempotency_key: key.to_owned(),
    };
    let through = provider.checkout(&order("through")).await.expect("a page");
    stripe.complete_checkout(&through.reference, "pm_card_mastercard");
    let left = provider.checkout(&order("left")).await.expect("a page");
    stripe.expire_checkout(&left.reference);
    provider
        .portal(customer, "https://acme.example/", "portal")
        .await
        .expect("a page");
    let question = TaxQuestion {
        customer: customer.to_owned(),
        lines: vec![("line_1".to_owned(), Money::new(1000, Currency::USD))],
    };
    provider.tax(&question, "tax").await.expect("reckoned");
}
