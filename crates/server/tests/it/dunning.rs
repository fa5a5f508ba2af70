//! Invoices that are not paid: what is told, what stays open, and what ends it.

use serde_json::{Value, json};
use testkit::{Behaviour, FakeStripe};

use crate::payment_methods::{collecting, deliver_all};
use crate::subscriptions::{advance_days, of, tenant_on};
use crate::support::{App, Tenant, eventually};

async fn status(app: &App, tenant: &Tenant) -> String {
    app.admin().get(&of(tenant, "")).await.expect(200).text("/status")
}

async fn becomes(app: &App, tenant: &Tenant, wanted: &str) {
    eventually(wanted, async || {
        (status(app, tenant).await == wanted).then_some(())
    })
    .await;
}

async fn invoices(app: &App, tenant: &Tenant) -> Vec<Value> {
    let path = format!("/admin/tenants/{}/invoices", tenant.id);
    let page = app.admin().get(&path).await.expect(200).json();
    page["items"].as_array().expect("items").clone()
}

/// The letters to the tenant's owner whose subject has this in it.
fn letters(app: &App, slug: &str, subject: &str) -> usize {
    let to = format!("owner@{slug}.example.com");
    let about = |mail: &&String| {
        let mut subjects = mail.lines().filter(|line| line.starts_with("Subject:"));
        mail.contains(&to) && subjects.any(|line| line.contains(subject))
    };
    app.mails().iter().filter(about).count()
}

async fn told(app: &App, slug: &str, subject: &str, times: usize) {
    eventually(subject, async || {
        (letters(app, slug, subject) == times).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_card_that_declines_is_tried_again_and_another_one_pays_at_once() {
    let stripe = FakeStripe::start().await;
    let app = collecting(&stripe).await;
    let tenant = tenant_on(&app, "acme", "pro").await;
    let add = |token: &str| json!({"reference": token, "default": true});
    let card = tenant
        .client
        .post("/api/payment-methods", &add("pm_card_visa"))
        .await
        .expect(201)
        .text("/id");
    app.admin()
        .post(&of(&tenant, "/end-trial"), &json!({}))
        .await
        .expect(200);
    let paid = async || {
        invoices(&app, &tenant)
            .await
            .iter()
            .all(|invoice| invoice["status"] == "paid")
    };
    eventually("the first invoice to be paid", async || {
        paid().await.then_some(())
    })
    .await;

    for method in stripe.objects("payment_methods") {
        let id = method["id"].as_str().expect("an identifier");
        stripe.behave(id, Behaviour::Declines("insufficient_funds".to_owned()));
    }
    advance_days(&app, 33).await;
    becomes(&app, &tenant, "past_due").await;
    told(&app, "acme", "failed", 1).await;
    // While it is collected everything is open.
    let project = json!({"name": "P"});
    tenant.client.post("/api/projects", &project).await.expect(201);
    advance_days(&app, 4).await;
    told(&app, "acme", "failed", 2).await;
    assert_eq!(status(&app, &tenant).await, "past_due");

    let another = tenant
        .client
        .post("/api/payment-methods", &add("pm_card_mastercard"))
        .await
        .expect(201);
    assert_ne!(another.text("/id"), card);
    becomes(&app, &tenant, "active").await;
    assert!(paid().await, "{:?}", invoices(&app, &tenant).await);
    deliver_all(&app, &stripe).await;
    app.settle().await;
    advance_days(&app, 8).await;
    app.settle().await;
    assert_eq!(letters(&app, "acme", "failed"), 2);
    assert_eq!(stripe.taken(), 2 * 9900);
    app.finish().await;
}

#[tokio::test]
async fn who_is_suspended_for_an_invoice_can_pay_it_and_is_let_in_again() {
    let stripe = FakeStripe::start().await;
    let app = collecting(&stripe).await;
    let tenant = tenant_on(&app, "acme", "pro").await;
    let add = |token: &str| json!({"reference": token, "default": true});
    let client = &tenant.client;
    client
        .post("/api/payment-methods", &add("pm_card_chargeCustomerFail"))
        .await
        .expect(201);
    app.admin()
        .post(&of(&tenant, "/end-trial"), &json!({}))
        .await
        .expect(200);
    becomes(&app, &tenant, "past_due").await;
    // The whole schedule in one go: time waits for each charge.
    advance_days(&app, 28).await;
    becomes(&app, &tenant, "unpaid").await;
    told(&app, "acme", "suspended", 1).await;
    told(&app, "acme", "failed", 4).await;
    let record = app
        .admin()
        .get(&format!("/admin/tenants/{}", tenant.id))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&record["status"], &record["suspensionReason"]),
        (&json!("suspended"), &json!("payment_overdue"))
    );
    eventually("the gate to hear of it", async || {
        (client.get("/api/projects").await.status == 402).then_some(())
    })
    .await;
    let refused = client.get("/api/projects").await;
    assert_eq!(refused.json()["paymentMethods"], "/api/payment-methods");
    refused.refused(402, "payment_required");
    client
        .post("/api/projects", &json!({"name": "P"}))
        .await
        .refused(402, "payment_required");
    // Whatever has to do with paying is open, and so is asking who one is.
    client.get("/api/payment-methods").await.expect(200);
    client.get("/api/invoices").await.expect(200);
    client
        .post("/api/payment-methods", &add("pm_card_visa"))
        .await
        .expect(201);
    becomes(&app, &tenant, "active").await;
    eventually("the gate to hear of it", async || {
        (client.get("/api/projects").await.status == 200).then_some(())
    })
    .await;
    client
        .post("/api/projects", &json!({"name": "P"}))
        .await
        .expect(201);
    app.finish().await;
}

#[tokio::test]
async fn without_a_provider_an_overdue_invoice_is_asked_for_and_a_recorded_payment_ends_it() {
    let app = App::start().await;
    let tenant = tenant_on(&app, "acme", "enterprise").await;
    app.admin()
        .post(&of(&tenant, "/end-trial"), &json!({}))
        .await
        .expect(200);
    advance_days(&app, 13).await;
    assert_eq!(status(&app, &tenant).await, "active");
    advance_days(&app, 2).await;
    assert_eq!(status(&app, &tenant).await, "past_due");
    told(&app, "acme", "is not paid", 1).await;
    // The letter to the owner of a trial came too: it ended before its last three days.
    assert_eq!(letters(&app, "acme", "trial"), 0);
    advance_days(&app, 24).await;
    assert_eq!(status(&app, &tenant).await, "unpaid");
    told(&app, "acme", "unpaid", 1).await;
    let client = &tenant.client;
    eventually("the gate to hear of it", async || {
        let refused = client.post("/api/projects", &json!({"name": "P"})).await;
        (refused.status == 402).then_some(())
    })
    .await;
    client.get("/api/projects").await.expect(200);
    for invoice in invoices(&app, &tenant).await {
        if invoice["status"] == "open" {
            let id = invoice["id"].as_str().expect("an identifier");
            let path = format!("/admin/tenants/{}/invoices/{id}/payments", tenant.id);
            app.admin().post(&path, &json!({})).await.expect(201);
        }
    }
    assert_eq!(status(&app, &tenant).await, "active");
    eventually("the gate to hear of it", async || {
        let made = client.post("/api/projects", &json!({"name": "P"})).await;
        (made.status == 201).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn three_days_before_a_trial_ends_its_owner_is_told() {
    let app = App::start().await;
    let _tenant = tenant_on(&app, "acme", "starter").await;
    advance_days(&app, 10).await;
    app.settle().await;
    assert_eq!(letters(&app, "acme", "trial ends"), 0);
    advance_days(&app, 2).await;
    told(&app, "acme", "trial ends", 1).await;
    app.finish().await;
}

#[tokio::test]
async fn what_waits_for_the_payer_is_confirmed_in_his_browser() {
    let stripe = FakeStripe::start().await;
    let app = collecting(&stripe).await;
    let tenant = tenant_on(&app, "acme", "pro").await;
    let client = &tenant.client;
    let card = json!({"reference": "pm_card_authenticationRequired", "default": true});
    client.post("/api/payment-methods", &card).await.expect(201);
    let (end, nothing) = (of(&tenant, "/end-trial"), json!({}));
    app.admin().post(&end, &nothing).await.expect(200);
    becomes(&app, &tenant, "past_due").await;
    let invoice = invoices(&app, &tenant).await.remove(0);
    let pay = format!("/api/invoices/{}/pay", invoice["id"].as_str().expect("an id"));

    let other = tenant_on(&app, "other", "pro").await;
    other.client.post(&pay, &nothing).await.refused(404, "not_found");
    let waiting = client.post(&pay, &nothing).await.expect(202).json();
    assert_eq!(waiting["payment"]["status"], "requires_action", "{waiting}");
    let reference = waiting["payment"]["reference"].as_str().expect("asked for");
    assert_eq!(waiting["clientSecret"], format!("{reference}_secret_fake"));
    stripe.confirm(reference);
    deliver_all(&app, &stripe).await;
    becomes(&app, &tenant, "active").await;
    client
        .post(&pay, &nothing)
        .await
        .refused(409, "invalid_transition");
    assert_eq!(stripe.taken(), 9900);
    app.finish().await;
}

#[tokio::test]
async fn who_does_not_wait_for_the_next_try_pays_once() {
    let stripe = FakeStripe::start().await;
    let app = collecting(&stripe).await;
    let tenant = tenant_on(&app, "acme", "pro").await;
    let client = &tenant.client;
    let (end, nothing) = (of(&tenant, "/end-trial"), json!({}));
    app.admin().post(&end, &nothing).await.expect(200);
    let open = async || {
        let all = invoices(&app, &tenant).await;
        all.into_iter().find(|invoice| invoice["status"] == "open")
    };
    let invoice = eventually("an invoice", open).await;
    let pay = format!("/api/invoices/{}/pay", invoice["id"].as_str().expect("an id"));
    client.post(&pay, &nothing).await.refused(409, "conflict");

    let card = json!({"reference": "pm_card_visa", "default": true});
    client.post("/api/payment-methods", &card).await.expect(201);
    let method = stripe.objects("payment_methods").remove(0);
    let method = method["id"].as_str().expect("an identifier").to_owned();
    stripe.behave(&method, Behaviour::Declines("insufficient_funds".to_owned()));
    client.post(&pay, &nothing).await.expect(202);
    app.settle().await;
    becomes(&app, &tenant, "past_due").await;
    stripe.behave(&method, Behaviour::Pays);
    let (one, two, three) = tokio::join!(
        client.post(&pay, &nothing),
        client.post(&pay, &nothing),
        client.post(&pay, &nothing)
    );
    let taken = [one, two, three].map(|answer| answer.status);
    assert!(
        taken.iter().all(|status| [202, 409].contains(&status.as_u16()))
            && taken.iter().any(|one| *one == 202),
        "{taken:?}"
    );
    becomes(&app, &tenant, "active").await;
    app.settle().await;
    assert_eq!(stripe.taken(), 9900);

    stripe.behave(&method, Behaviour::Declines("stolen_card".to_owned()));
    advance_days(&app, 31).await;
    becomes(&app, &tenant, "past_due").await;
    let invoice = eventually("an invoice", open).await;
    let pay = format!("/api/invoices/{}/pay", invoice["id"].as_str().expect("an id"));
    client.post(&pay, &nothing).await.refused(409, "conflict");
    app.finish().await;
}

#[tokio::test]
async fn without_a_provider_an_invoice_waits_for_the_transfer() {
    let app = App::start().await;
    let tenant = tenant_on(&app, "acme", "pro").await;
    let nothing = json!({});
    app.admin()
        .post(&of(&tenant, "/end-trial"), &nothing)
        .await
        .expect(200);
    let open = async || {
        let all = invoices(&app, &tenant).await;
        all.into_iter().find(|invoice| invoice["status"] == "open")
    };
    let invoice = eventually("an invoice", open).await;
    let pay = format!("/api/invoices/{}/pay", invoice["id"].as_str().expect("an id"));
    let refused = tenant.client.post(&pay, &nothing).await;
    refused.refused(409, "provider_unsupported");
    let still = open().await.expect("it is open");
    assert_eq!(
        (&still["id"], &still["amountDue"]),
        (&invoice["id"], &invoice["amountDue"])
    );
    app.finish().await;
}
