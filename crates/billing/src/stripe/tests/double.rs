//! The same against a Stripe that somebody else has written, which refuses what Stripe would: parameters it does not know,
//! methods that are no longer there, refunds above what was paid.
//!
//! `bin/test` installs it where it can; where it cannot it says so, and the Stripe that the tests play has to do.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use kernel::{Seams, Secret};
use pricing::{Currency, Money};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::providers::{ChargeOrder, Contact, Failure, Outcome, Provider, RefundOrder, RefundStatus};
use crate::stripe::{Client, Patience, Settings};

/// Where `bin/test` has installed it; nothing where it could not.
pub(super) fn installed() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where bin/test has installed it")]
    let folder = std::env::var("TEST_STRIPE_DOUBLE").unwrap_or_default();
    if folder.is_empty() {
        eprintln!("SKIPPED: no Stripe double: TEST_STRIPE_DOUBLE is not set, bin/test sets it where it can");
        return None;
    }
    Some(PathBuf::from(folder))
}

/// The double on a free port, and an account of its own in it.
async fn double(folder: &Path) -> (Child, String, Provider) {
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a free port")
        .port();
    let child = Command::new(folder.join("bin/python"))
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/stripe/tests/serve_double.py"
        ))
        .arg(port.to_string())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let base = format!("http://127.0.0.1:{port}");
    let settings = Settings {
        base: base.parse().expect("an address"),
        key: Secret::new("sk_test_double".to_owned()),
        patience: Patience::default(),
    };
    let client = Client::new(settings, Seams::real());
    let deadline = Instant::now() + Duration::from_secs(30);
    while client.probe().await.is_err() {
        assert!(Instant::now() < deadline, "the double does not answer");
        sleep(Duration::from_millis(50)).await;
    }
    (child, base, Provider::Stripe(client))
}

/// A card that can be added, and declines whatever is charged to it.
const DECLINES: &str = "card[number]=4000000000000341&card[exp_month]=12&card[exp_year]=2040&card[cvc]=123";

/// What the payer's browser makes of his card.
async fn card(base: &str, card: &str) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the payer's browser calls the Stripe that this test has started"
    )]
    let browser = reqwest::Client::new();
    let made = browser
        .post(format!("{base}/v1/payment_methods"))
        .header("authorization", "Bearer sk_test_double")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("type=card&{card}"))
        .send();
    let made = made.await.expect("sent").bytes().await.expect("read");
    let made: serde_json::Value = serde_json::from_slice(&made).expect("JSON");
    made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

pub(super) fn order(attempt: &str, customer: &str, method: &str) -> ChargeOrder {
    ChargeOrder {
        attempt: attempt.to_owned(),
        invoice: "invoice_7".to_owned(),
        tenant: "tenant_acme".to_owned(),
        amount: Money::new(1099, Currency::USD),
        customer: customer.to_owned(),
        method: method.to_owned(),
        description: "Invoice 7".to_owned(),
        idempotency_key: format!("key-{attempt}"),
        since: Seams::real().now(),
    }
}

#[tokio::test]
async fn a_stripe_of_somebody_elses_is_spoken_to_as_it_wants() {
    let Some(folder) = installed() else { return };
    let (mut child, base, provider) = double(&folder).await;
    let contact = Contact {
        tenant: "tenant_acme".to_owned(),
        name: "Acme".to_owned(),
        email: Some("pay@acme.example".to_owned()),
    };
    let customer = provider
        .create_customer(&contact, "key-customer")
        .await
        .expect("a customer");
    let again = provider
        .create_customer(&contact, "key-customer")
        .await
        .expect("the same");
    assert_eq!(customer, again);
    let customer = customer.reference;
    let setup = provider
        .set_up(&customer, "tenant_acme", "key-setup")
        .await
        .expect("begun");
    assert!(setup.client_secret.expose().starts_with("seti_"));
    let visa = provider
        .attach(
            &customer,
            &card(&base, "card[token]=tok_visa").await,
            "key-attach",
        )
        .await
        .expect("attached");
    assert_eq!(
        (&*visa.kind, &*visa.label, visa.customer.as_deref()),
        ("card", "visa •••• 4242", Some(&*customer))
    );
    provider
        .set_default(&customer, &visa.reference, "key-default")
        .await
        .expect("told");
    let known = provider.customer(&customer).await.expect("known");
    assert_eq!(known.default_method.as_deref(), Some(&*visa.reference));

    charged_once(&provider, &customer, &visa.reference).await;
    declined(&provider, &base, &customer).await;
    confirmed_by_the_payer(&provider, &base, &customer).await;
    provider
        .detach(&visa.reference, "key-detach")
        .await
        .expect("detached");
    provider
        .detach(&visa.reference, "key-detach-again")
        .await
        .expect("it is gone already");
    let unknown = provider.method("pm_nobody").await;
    assert_eq!(unknown, Err(Failure::NotFound));
    child.kill().await.expect("it ends");
}

async fn charged_once(provider: &Provider, customer: &str, card: &str) {
    let order = order("payment_1", customer, card);
    let charge = provider.charge(&order).await.expect("charged");
    assert_eq!(charge.outcome, Outcome::Succeeded);
    let again = provider.charge(&order).await.expect("the same");
    assert_eq!(again.reference, charge.reference);
    let found = provider
        .find_charge(&order)
        .await
        .expect("looked for")
        .expect("found");
    assert_eq!(found.reference, charge.reference);
    let reference = charge.reference.expect("a reference");
    assert_eq!(
        provider.charge_state(&reference).await.expect("known").outcome,
        Outcome::Succeeded
    );
    let refund = RefundOrder {
        refund: "refund_1".to_owned(),
        tenant: "tenant_acme".to_owned(),
        charge: reference,
        amount: Money::new(400, Currency::USD),
        idempotency_key: "key-refund".to_owned(),
    };
    let sent = provider.refund(&refund).await.expect("sent");
    assert_eq!(sent.status, RefundStatus::Succeeded);
    assert_eq!(
        provider.refund(&refund).await.expect("the same").reference,
        sent.reference
    );
    let found = provider
        .find_refund(&refund)
        .await
        .expect("looked for")
        .expect("found");
    assert_eq!(found.reference, sent.reference);
    let above = RefundOrder {
        amount: Money::new(900, Currency::USD),
        idempotency_key: "key-above".to_owned(),
        ..refund
    };
    let refused = provider.refund(&above).await.expect_err("refused");
    assert!(matches!(refused, Failure::Invalid { .. }), "{refused:?}");
}

async fn declined(provider: &Provider, base: &str, customer: &str) {
    let failing = provider
        .attach(customer, &card(base, DECLINES).await, "key-attach-fail")
        .await
        .expect("attached");
    let order = order("payment_2", customer, &failing.reference);
    let charge = provider.charge(&order).await.expect("an answer");
    let Outcome::Declined(decline) = &charge.outcome else {
        panic!("{charge:?}")
    };
    assert_eq!(decline.code, "card_declined");
    let reference = charge.reference.expect("a reference");
    let state = provider.charge_state(&reference).await.expect("known");
    assert!(matches!(state.outcome, Outcome::Declined(_)), "{state:?}");
    let canceled = provider
        .cancel_charge(&reference, "key-cancel")
        .await
        .expect("called off");
    assert_eq!(canceled.outcome, Outcome::Canceled);
}

async fn confirmed_by_the_payer(provider: &Provider, base: &str, customer: &str) {
    let secure = card(base, "card[token]=tok_threeDSecure2Required").await;
    let secure = provider.attach(customer, &secure, "key-attach-secure").await;
    let secure = secure.expect("attached").reference;
    let charge = provider.charge(&order("payment_3", customer, &secure)).await;
    let charge = charge.expect("an answer");
    assert!(matches!(charge.outcome, Outcome::RequiresAction(_)), "{charge:?}");
    let reference = charge.reference.expect("a reference");
    let confirmation = provider.confirmation(&reference).await.expect("known");
    let secret = confirmation.client_secret.expose();
    assert!(secret.starts_with(&format!("{reference}_secret_")), "{secret}");
}
