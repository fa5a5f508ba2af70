//! What a tenant pays with: at Stripe, played in this process, and without a provider.

use kernel::Seams;
use serde_json::json;
use testkit::FakeStripe;

use crate::support::{App, Client, Tenant, eventually};

/// A server that collects through this Stripe.
pub(crate) async fn collecting(stripe: &FakeStripe) -> App {
    App::with()
        .variable("STRIPE_SECRET_KEY", "sk_test_app".to_owned())
        .variable("STRIPE_WEBHOOK_SECRET", "whsec_old, whsec_new".to_owned())
        .setting("stripe.base_url", stripe.base())
        .start()
        .await
}

/// Delivers everything that happened at Stripe, from the beginning.
pub(crate) async fn deliver_all(app: &App, stripe: &FakeStripe) {
    for event in stripe.events() {
        let (body, header) = stripe.signed(&event, &["whsec_new"]);
        deliver(&app.nobody(), body, &header).await;
    }
}

async fn deliver(nobody: &Client, body: String, header: &str) {
    let sent = nobody
        .request(reqwest::Method::POST, "/webhooks/stripe")
        .header("stripe-signature", header)
        .header("content-type", "application/json; charset=utf-8")
        .body(body)
        .send()
        .await;
    assert_eq!(sent.expect("an answer").status(), 200);
}

fn key() -> String {
    let bytes: [u8; 8] = Seams::real().random();
    format!("{:016x}", u64::from_be_bytes(bytes))
}

async fn tenant() -> (FakeStripe, App, Tenant) {
    let stripe = FakeStripe::start().await;
    let app = collecting(&stripe).await;
    let tenant = app.tenant("acme", "shared_database").await;
    (stripe, app, tenant)
}

#[tokio::test]
async fn a_card_is_added_chosen_and_removed() {
    let (stripe, app, tenant) = tenant().await;
    let client = &tenant.client;
    let setup = client
        .post("/api/payment-methods/setup", &json!({}))
        .await
        .expect(200)
        .json();
    assert!(
        setup["clientSecret"]
            .as_str()
            .expect("a secret")
            .starts_with("seti_"),
        "{setup}"
    );

    let add = |token: &str| json!({"reference": token});
    let visa = client
        .post("/api/payment-methods", &add("pm_card_visa"))
        .await
        .expect(201);
    let shown = visa.json();
    assert_eq!(
        (&shown["label"], &shown["isDefault"]),
        (&json!("visa •••• 4242"), &json!(true))
    );
    assert_eq!(
        visa.header("location"),
        format!("/api/payment-methods/{}", visa.text("/id"))
    );
    let other = client
        .post("/api/payment-methods", &add("pm_card_mastercard"))
        .await
        .expect(201)
        .text("/id");

    let path = format!("/api/payment-methods/{other}/default");
    let chosen = client.post(&path, &json!({})).await.expect(200).json();
    assert_eq!(chosen["isDefault"], true);
    let customers = stripe.objects("customers");
    assert_eq!(customers.len(), 1, "{customers:?}");
    assert_eq!(customers[0]["metadata"]["tenantry_tenant"], tenant.id);
    let default = customers[0]["invoice_settings"]["default_payment_method"]
        .as_str()
        .expect("told");
    assert_eq!(
        stripe.object("payment_methods", default)["card"]["brand"],
        "mastercard"
    );

    client
        .delete(&format!("/api/payment-methods/{other}"))
        .await
        .expect(204);
    assert!(stripe.object("payment_methods", default)["customer"].is_null());
    client
        .delete(&format!("/api/payment-methods/{other}"))
        .await
        .refused(404, "not_found");
    let listed = client.get("/api/payment-methods").await.expect(200).json();
    assert_eq!(listed["provider"], "stripe");
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["items"][0]["isDefault"], true);
    app.finish().await;
}

#[tokio::test]
async fn a_request_that_is_repeated_adds_one() {
    let (stripe, app, tenant) = tenant().await;
    let client = tenant.client.with("idempotency-key", &key());
    let body = json!({"reference": "pm_card_visa"});
    let first = client
        .post("/api/payment-methods", &body)
        .await
        .expect(201)
        .json();
    let again = client
        .post("/api/payment-methods", &body)
        .await
        .expect(201)
        .json();
    assert_eq!(first, again);
    let other = json!({"reference": "pm_card_mastercard"});
    client
        .post("/api/payment-methods", &other)
        .await
        .refused(409, "idempotency_key_reused");
    assert_eq!(stripe.objects("payment_methods").len(), 1);
    let page = json!({"returnUrl": "https://example.org/"});
    let client = tenant.client.with("idempotency-key", &key());
    let first = client.post("/api/billing/portal", &page).await.expect(200).json();
    assert_eq!(
        client.post("/api/billing/portal", &page).await.expect(200).json(),
        first
    );
    app.finish().await;
}

#[tokio::test]
async fn what_is_not_acceptable_is_named() {
    let (_stripe, app, tenant) = tenant().await;
    let client = &tenant.client;
    for (body, pointer) in [
        (json!({"reference": "pm_unknown"}), "/reference"),
        (json!({"reference": "pm_x/../../v1/customers"}), "/reference"),
        (json!({"reference": "pm_card_visa", "kind": "manual"}), "/kind"),
        (json!({}), ""),
        (json!({"kind": "cash"}), "/kind"),
    ] {
        let refused = client
            .post("/api/payment-methods", &body)
            .await
            .refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
    // Stripe charges; nobody is to note by hand how he pays.
    let noted = json!({"kind": "bank_transfer"});
    client
        .post("/api/payment-methods", &noted)
        .await
        .refused(409, "provider_unsupported");
    for wrong in ["javascript:alert(1)", "/relative", "https://", ""] {
        let page = json!({"successUrl": wrong, "cancelUrl": "https://example.org/"});
        let refused = client
            .post("/api/billing/checkout", &page)
            .await
            .refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], "/successUrl", "{refused}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_card_that_is_added_at_stripes_page_comes_by_its_webhook() {
    let (stripe, app, tenant) = tenant().await;
    let page = json!({"successUrl": "https://example.org/?ok", "cancelUrl": "https://example.org/"});
    let link = tenant
        .client
        .post("/api/billing/checkout", &page)
        .await
        .expect(200)
        .text("/url");
    let session = link.rsplit('/').next().expect("a session").to_owned();
    stripe.complete_checkout(&session, "pm_card_visa");
    deliver_all(&app, &stripe).await;
    let listed = eventually("the card", async || {
        let listed = tenant.client.get("/api/payment-methods").await.expect(200).json();
        (listed["items"].as_array().map(Vec::len) == Some(1)).then_some(listed)
    })
    .await;
    assert_eq!(listed["items"][0]["label"], "visa •••• 4242");
    app.finish().await;
}

#[tokio::test]
async fn without_a_provider_a_method_is_a_note() {
    let app = App::start().await;
    let client = app.tenant("acme", "shared_database").await.client;
    let noted = json!({"kind": "bank_transfer", "label": "Account at First Bank"});
    let noted = client.post("/api/payment-methods", &noted).await.expect(201);
    assert_eq!(noted.json()["isDefault"], true);
    for (path, body) in [
        ("/api/payment-methods", json!({"reference": "pm_card_visa"})),
        ("/api/payment-methods/setup", json!({})),
        (
            "/api/billing/portal",
            json!({"returnUrl": "https://example.org/"}),
        ),
        (
            "/api/billing/checkout",
            json!({"successUrl": "https://example.org/", "cancelUrl": "https://example.org/"}),
        ),
    ] {
        client
            .post(path, &body)
            .await
            .refused(409, "provider_unsupported");
    }
    let path = format!("/api/payment-methods/{}", noted.text("/id"));
    client
        .post(&format!("{path}/default"), &json!({}))
        .await
        .expect(200);
    client.delete(&path).await.expect(204);
    app.finish().await;
}

#[tokio::test]
async fn while_stripe_is_away_nothing_is_added_and_the_caller_may_try_again() {
    let (stripe, app, tenant) = tenant().await;
    for _ in 0..3 {
        stripe.plan("/v1/payment_methods", testkit::Mishap::Busy(503));
    }
    let client = tenant.client.with("idempotency-key", &key());
    let body = json!({"reference": "pm_card_visa"});
    client
        .post("/api/payment-methods", &body)
        .await
        .refused(503, "unavailable");
    client.post("/api/payment-methods", &body).await.expect(201);
    assert_eq!(stripe.objects("payment_methods").len(), 1);
    app.finish().await;
}
