//! What tenants are invoiced, and what operators do with invoices: written, finalized, paid, credited, refunded, voided, shown.

use serde_json::{Value, json};

use crate::payment_methods::{collecting, deliver_all};
use crate::subscriptions::{paying, tenant_on};
use crate::support::{App, Client, Tenant, all, eventually};
use testkit::FakeStripe;

fn of(tenant: &Tenant, below: &str) -> String {
    format!("/admin/tenants/{}/invoices{below}", tenant.id)
}

/// The invoice of the first period.
async fn first(app: &App, tenant: &Tenant) -> String {
    let page = app.admin().get(&of(tenant, "")).await.expect(200).json();
    let items = page["items"].as_array().expect("items");
    let one = items.last().expect("an invoice");
    one["id"].as_str().expect("an id").to_owned()
}

/// A final invoice of this much that an operator wrote.
async fn written(admin: &Client, tenant: &Tenant, amount: i64) -> String {
    let order = json!({"lines": [{"description": "Data import", "amount": amount}]});
    let id = admin.post(&of(tenant, ""), &order).await.expect(201).text("/id");
    let path = of(tenant, &format!("/{id}/finalize"));
    admin.post(&path, &json!({})).await.expect(200);
    id
}

fn money(value: &Value) -> i64 {
    value["amount"].as_i64().expect("an amount")
}

#[tokio::test]
async fn a_tenants_invoices_are_listed_and_shown() {
    let app = App::start().await;
    let tenant = paying(&app, "acme", "pro").await;
    let admin = app.admin();
    for amount in [100, 200, 300] {
        written(&admin, &tenant, amount).await;
    }
    let listed = all(&admin, &of(&tenant, "?limit=2")).await;
    let totals: Vec<i64> = listed.iter().map(|one| money(&one["total"])).collect();
    assert_eq!(totals, [300, 200, 100, 9900]);
    let numbers: Vec<_> = listed.iter().rev().map(|one| one["number"].clone()).collect();
    assert!(numbers.iter().all(Value::is_string), "{numbers:?}");
    let own = all(&tenant.client, "/api/invoices?limit=3").await;
    assert_eq!(own, listed, "the tenant sees what the operator sees");
    let open = all(&admin, &of(&tenant, "?status=open")).await;
    assert_eq!(open.len(), 4);
    assert_eq!(all(&admin, &of(&tenant, "?status=paid")).await.len(), 0);
    admin
        .get(&of(&tenant, "?status=lost"))
        .await
        .refused(400, "invalid_parameter");
    admin
        .get(&of(&tenant, "?state=open"))
        .await
        .refused(400, "invalid_parameter");

    let id = first(&app, &tenant).await;
    let invoice = admin.get(&of(&tenant, &format!("/{id}"))).await.expect(200);
    let shown = invoice.json();
    assert_eq!(
        (&shown["lines"][0]["item"], &shown["total"]["currency"]),
        (&json!("plan:pro"), &json!("USD"))
    );
    let own = tenant
        .client
        .get(&format!("/api/invoices/{id}"))
        .await
        .expect(200);
    assert_eq!(own.json(), shown);
    let kept = tenant.client.with("if-none-match", own.header("etag"));
    kept.get(&format!("/api/invoices/{id}")).await.expect(304);

    let stranger = tenant_on(&app, "stranger", "free").await;
    for below in ["", "/pdf", "/html", "/credit-notes"] {
        let path = format!("/api/invoices/{id}{below}");
        stranger.client.get(&path).await.refused(404, "not_found");
        let path = format!("/admin/tenants/{}/invoices/{id}{below}", stranger.id);
        admin.get(&path).await.refused(404, "not_found");
    }
    app.finish().await;
}

/// The tenant says itself for whom its invoices are.
async fn say_who_buys(tenant: &Tenant) {
    let account = json!({
        "name": "Müller & <b>Söhne</b> GmbH", "email": "rechnung@mueller.example", "locale": "de-AT", "taxNumber": "DE136695976",
        "address": {"line1": "Straße 1", "postalCode": "10115", "city": "Berlin", "country": "DE"},
    });
    let before = tenant.client.get("/api/billing/account").await.expect(200);
    let stale = tenant.client.with("if-match", before.header("etag"));
    stale.patch("/api/billing/account", &account).await.expect(200);
    stale
        .patch("/api/billing/account", &account)
        .await
        .refused(412, "precondition_failed");
    for (change, pointer) in [
        (json!({"email": "nobody"}), "/email"),
        (json!({"address": {"country": "Germany"}}), "/address/country"),
        (json!({"taxExempt": true}), "/taxExempt"),
        (json!({"currency": "EUR"}), "/currency"),
        (json!({"name": ""}), "/name"),
    ] {
        let refused = tenant.client.patch("/api/billing/account", &change).await;
        let refused = refused.refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
}

#[tokio::test]
async fn an_invoice_is_a_document_in_the_customers_language() {
    let app = App::start().await;
    let tenant = paying(&app, "acme", "pro").await;
    say_who_buys(&tenant).await;
    let id = written(&app.admin(), &tenant, 12_345).await;
    let old = first(&app, &tenant).await;
    for client_and_path in [
        (tenant.client.clone(), format!("/api/invoices/{id}")),
        (app.admin(), of(&tenant, &format!("/{id}"))),
    ] {
        let (client, path) = client_and_path;
        let page = client.get(&format!("{path}/html")).await.expect(200);
        assert!(
            page.header("content-security-policy")
                .contains("default-src 'none'"),
            "{page:?}"
        );
        let text = String::from_utf8_lossy(&page.bytes).into_owned();
        for expected in [
            "Rechnung",
            "Müller &amp; &lt;b&gt;Söhne",
            "123,45",
            "10115 Berlin",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        let pdf = client.get(&format!("{path}/pdf")).await.expect(200);
        assert_eq!(pdf.header("content-type"), "application/pdf");
        assert!(
            pdf.header("content-disposition")
                .starts_with("inline; filename=\"INV-"),
            "{pdf:?}"
        );
        assert!(pdf.bytes.starts_with(b"%PDF-"));
        let again = client.get(&format!("{path}/pdf")).await.expect(200);
        assert_eq!(again.bytes, pdf.bytes);
    }
    // What was invoiced before keeps whom it was invoiced to.
    let page = tenant
        .client
        .get(&format!("/api/invoices/{old}/html"))
        .await
        .expect(200);
    assert!(
        !String::from_utf8_lossy(&page.bytes).contains("Müller"),
        "{page:?}"
    );
    app.finish().await;
}

#[tokio::test]
async fn a_draft_is_edited_and_a_final_invoice_is_not() {
    let app = App::start().await;
    let tenant = tenant_on(&app, "acme", "free").await;
    let admin = app.admin();
    let draft = admin.post(&of(&tenant, ""), &json!({})).await.expect(201);
    let path = of(&tenant, &format!("/{}", draft.text("/id")));
    assert_eq!(draft.header("location"), path);
    assert_eq!(
        (draft.text("/status"), &draft.json()["number"]),
        ("draft".to_owned(), &Value::Null)
    );
    let finalize = format!("{path}/finalize");
    admin
        .post(&finalize, &json!({}))
        .await
        .refused(409, "invalid_transition");
    let line = |amount: i64| json!({"description": "Consulting", "amount": amount});
    let lines = format!("{path}/lines");
    let with_one = admin.post(&lines, &line(1_000)).await.expect(200);
    let stale = admin.with("if-match", draft.header("etag"));
    stale
        .post(&lines, &line(5))
        .await
        .refused(412, "precondition_failed");
    let with_two = admin.post(&lines, &line(500)).await.expect(200).json();
    assert_eq!(money(&with_two["total"]), 1_500);
    let gone = format!("{lines}/{}", with_one.text("/lines/0/id"));
    assert_eq!(money(&admin.delete(&gone).await.expect(200).json()["total"]), 500);
    admin.delete(&gone).await.refused(404, "not_found");
    for (body, pointer) in [
        (json!({"description": "X", "amount": -1}), "/amount"),
        (json!({"description": "X", "amount": 0}), "/amount"),
        (
            json!({"description": "X", "amount": 1_000_000_000_000_i64}),
            "/amount",
        ),
        (json!({"description": "X", "amount": 1.5}), "/amount"),
        (json!({"description": "X", "amount": 1e30}), "/amount"),
        (json!({"description": "", "amount": 1}), "/description"),
        (json!({"description": "a\nb", "amount": 1}), "/description"),
        (
            json!({"description": "X", "amount": 1, "currency": "EUR"}),
            "/currency",
        ),
    ] {
        let refused = admin.post(&lines, &body).await.refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }

    let done = admin.post(&finalize, &json!({})).await.expect(200).json();
    assert_eq!((&done["status"], money(&done["due"])), (&json!("open"), 500));
    for (path, body) in [(&lines, line(1)), (&finalize, json!({}))] {
        admin.post(path, &body).await.refused(409, "invalid_transition");
    }
    admin.delete(&path).await.refused(409, "invalid_transition");
    let other = admin.post(&of(&tenant, ""), &json!({})).await.expect(201);
    admin.delete(other.header("location")).await.expect(204);
    admin
        .get(other.header("location"))
        .await
        .refused(404, "not_found");
    app.finish().await;
}

async fn shows_its_credit_note(admin: &Client, tenant: &Tenant, id: &str, note: &Value) {
    let path = of(tenant, &format!("/{id}"));
    for form in ["pdf", "html"] {
        let one = format!("/credit-notes/{}/{form}", note["id"].as_str().expect("an id"));
        tenant
            .client
            .get(&format!("/api/invoices/{id}{one}"))
            .await
            .expect(200);
        admin.get(&format!("{path}{one}")).await.expect(200);
        let other = note["id"]
            .as_str()
            .expect("an id")
            .replace("credit_note_", "credit_note_0");
        let unknown = format!("{path}/credit-notes/{}/{form}", &other[..other.len() - 1]);
        assert_eq!(admin.get(&unknown).await.status, 404);
    }
}

#[tokio::test]
async fn it_is_paid_by_hand_credited_and_given_up() {
    let app = App::start().await;
    let tenant = tenant_on(&app, "acme", "free").await;
    let admin = app.admin();
    let id = written(&admin, &tenant, 1_000).await;
    let path = of(&tenant, &format!("/{id}"));
    let part = json!({"amount": 400, "reference": "Statement 17"});
    let payments = format!("{path}/payments");
    let paid = admin.post(&payments, &part).await.expect(201).json();
    assert_eq!(
        (money(&paid["applied"]), &paid["reference"]),
        (400, &json!("Statement 17"))
    );
    admin
        .post(&format!("{path}/void"), &json!({}))
        .await
        .refused(409, "invalid_transition");
    let note = admin
        .post(
            &format!("{path}/credit-notes"),
            &json!({"amount": 100, "note": "Sorry"}),
        )
        .await
        .expect(201)
        .json();
    assert_eq!((money(&note["toDue"]), money(&note["toBalance"])), (100, 0));
    let given_up = admin
        .post(&format!("{path}/uncollectible"), &json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&given_up["status"], money(&given_up["writtenOff"])),
        (&json!("uncollectible"), 500)
    );
    // It comes after all, and a little more.
    let rest = admin
        .post(&payments, &json!({"amount": 550}))
        .await
        .expect(201)
        .json();
    assert_eq!((money(&rest["applied"]), money(&rest["surplus"])), (500, 50));
    let shown = admin.get(&path).await.expect(200).json();
    assert_eq!((&shown["status"], money(&shown["due"])), (&json!("paid"), 0));
    assert_eq!(shown["payments"].as_array().map(Vec::len), Some(2));
    let too_much = admin
        .post(&format!("{path}/credit-notes"), &json!({"amount": 901}))
        .await;
    let too_much = too_much.refused(422, "validation_failed");
    assert_eq!(too_much["errors"][0]["pointer"], "/amount");
    let listed = tenant
        .client
        .get(&format!("/api/invoices/{id}/credit-notes"))
        .await
        .expect(200)
        .json();
    assert_eq!(listed["items"][0]["number"], note["number"]);
    shows_its_credit_note(&admin, &tenant, &id, &note).await;
    app.finish().await;
}

#[tokio::test]
async fn it_is_voided_and_what_the_balance_paid_is_balance_again() {
    let app = App::start().await;
    let tenant = tenant_on(&app, "acme", "free").await;
    let admin = app.admin();
    let id = written(&admin, &tenant, 1_000).await;
    let payments = of(&tenant, &format!("/{id}/payments"));
    admin.post(&payments, &json!({"amount": 1_050})).await.expect(201);
    let other = written(&admin, &tenant, 2_000).await;
    let void = of(&tenant, &format!("/{other}/void"));
    let void = admin.post(&void, &json!({})).await.expect(200).json();
    assert_eq!(
        (&void["status"], money(&void["balanceApplied"])),
        (&json!("void"), 50)
    );
    let page = admin
        .get(&of(&tenant, &format!("/{other}/html")))
        .await
        .expect(200);
    assert!(
        String::from_utf8_lossy(&page.bytes).contains("taken back"),
        "{page:?}"
    );
    let next = written(&admin, &tenant, 2_000).await;
    let next = admin
        .get(&of(&tenant, &format!("/{next}")))
        .await
        .expect(200)
        .json();
    assert_eq!(money(&next["balanceApplied"]), 50);
    app.finish().await;
}

#[tokio::test]
async fn never_more_goes_back_than_came() {
    let app = App::start().await;
    let tenant = tenant_on(&app, "acme", "free").await;
    let admin = app.admin();
    let id = written(&admin, &tenant, 1_000).await;
    let path = of(&tenant, &format!("/{id}"));
    let refunds = format!("{path}/refunds");
    admin.post(&refunds, &json!({})).await.refused(409, "conflict");
    admin
        .post(&format!("{path}/payments"), &json!({}))
        .await
        .expect(201);
    for amount in [1_001, 999_999_999_999_i64] {
        let refused = admin.post(&refunds, &json!({"amount": amount})).await;
        let refused = refused.refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], "/amount", "{refused}");
    }
    admin
        .post(&refunds, &json!({"amount": -5}))
        .await
        .refused(422, "validation_failed");
    let part = admin
        .post(&refunds, &json!({"amount": 300, "reason": "Outage"}))
        .await
        .expect(201)
        .json();
    assert_eq!((&part["status"], money(&part["amount"])), (&json!("paid"), 300));

    let whole = json!({});
    let (one, other) = tokio::join!(admin.post(&refunds, &whole), admin.post(&refunds, &whole));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{one:?} {other:?}");
    let shown = admin.get(&path).await.expect(200).json();
    assert_eq!(
        (money(&shown["refunded"]), money(&shown["creditedPaid"])),
        (1_000, 1_000)
    );
    let listed = admin.get(&refunds).await.expect(200).json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "{listed}");
    app.finish().await;
}

#[tokio::test]
async fn a_repeated_refund_is_one_and_the_meant_payment_is_named() {
    let app = App::start().await;
    let tenant = tenant_on(&app, "acme", "free").await;
    let admin = app.admin();
    let id = written(&admin, &tenant, 1_000).await;
    let path = of(&tenant, &format!("/{id}"));
    admin
        .post(&format!("{path}/payments"), &json!({}))
        .await
        .expect(201);
    let keyed = admin.with("idempotency-key", "refund-half");
    let (refunds, half) = (format!("{path}/refunds"), json!({"amount": 500}));
    let (one, other) = tokio::join!(keyed.post(&refunds, &half), keyed.post(&refunds, &half));
    assert_eq!(one.expect(201).json(), other.expect(201).json());
    assert_eq!(money(&admin.get(&path).await.expect(200).json()["refunded"]), 500);
    // Of several payments the meant one has to be named.
    let id = written(&admin, &tenant, 1_000).await;
    let path = of(&tenant, &format!("/{id}"));
    let mut payments = Vec::new();
    for amount in [600, 400] {
        let paid = admin
            .post(&format!("{path}/payments"), &json!({"amount": amount}))
            .await;
        payments.push(paid.expect(201).text("/id"));
    }
    let refunds = format!("{path}/refunds");
    let which = admin
        .post(&refunds, &json!({}))
        .await
        .refused(422, "validation_failed");
    assert_eq!(which["errors"][0]["pointer"], "/paymentId");
    let named = json!({"paymentId": payments[1]});
    let named = admin.post(&refunds, &named).await.expect(201).json();
    assert_eq!(money(&named["amount"]), 400);
    let foreign = json!({"paymentId": "payment_01h455vb4pex5vsknk084sn02q"});
    admin
        .post(&refunds, &foreign)
        .await
        .refused(422, "validation_failed");
    app.finish().await;
}

#[tokio::test]
async fn what_stripe_collected_it_sends_back() {
    let stripe = FakeStripe::start().await;
    let app = collecting(&stripe).await;
    let tenant = tenant_on(&app, "acme", "pro").await;
    let card = json!({"reference": "pm_card_visa"});
    tenant
        .client
        .post("/api/payment-methods", &card)
        .await
        .expect(201);
    let admin = app.admin();
    let end = format!("/admin/tenants/{}/subscription/end-trial", tenant.id);
    admin.post(&end, &json!({})).await.expect(200);
    let id = first(&app, &tenant).await;
    let path = of(&tenant, &format!("/{id}"));
    eventually("the charge", async || {
        let shown = admin.get(&path).await.expect(200).json();
        (shown["status"] == "paid").then_some(())
    })
    .await;
    let payments = admin.get(&format!("{path}/payments")).await.expect(200).json();
    assert_eq!(
        (&payments["attempts"][0]["status"], &payments["items"][0]["id"]),
        (&json!("succeeded"), &payments["attempts"][0]["id"])
    );
    let refunds = format!("{path}/refunds");
    let asked = admin
        .post(&refunds, &json!({"amount": 4_000}))
        .await
        .expect(201)
        .json();
    assert_eq!(asked["status"], "pending");
    let at_stripe = eventually("the refund at Stripe", async || {
        let refunds = stripe.objects("refunds");
        (refunds.len() == 1).then_some(refunds)
    })
    .await;
    assert_eq!(at_stripe[0]["amount"], 4_000);
    deliver_all(&app, &stripe).await;
    eventually("the refund to be settled", async || {
        let listed = admin.get(&refunds).await.expect(200).json();
        (listed["items"][0]["status"] == "paid").then_some(())
    })
    .await;
    // The rest, twice at once: one of them.
    let whole = json!({});
    let (one, other) = tokio::join!(admin.post(&refunds, &whole), admin.post(&refunds, &whole));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{one:?} {other:?}");
    eventually("all of it at Stripe", async || {
        let sum: i64 = stripe
            .objects("refunds")
            .iter()
            .filter_map(|one| one["amount"].as_i64())
            .sum();
        (sum == 9_900).then_some(())
    })
    .await;
    app.finish().await;
}
