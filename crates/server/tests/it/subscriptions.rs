//! What tenants pay for, by an operator's order: begun, changed, previewed, scheduled, paused, cancelled.

use kernel::Timestamp;
use serde_json::{Value, json};

use crate::support::{App, Client, Tenant, eventually};

const DAY: i64 = 86_400_000_000;

/// A tenant on this plan, with a key that may do everything in it.
pub(crate) async fn tenant_on(app: &App, slug: &str, plan: &str) -> Tenant {
    let order = json!({
        "name": format!("Tenant {slug}"), "slug": slug, "plan": plan, "isolationStrategy": "shared_database",
        "owner": {"email": format!("owner@{slug}.example.com"), "name": "Olga Owner"},
    });
    let made = app.admin().post("/admin/provision", &order).await.expect(201);
    assert_eq!(made.text("/status"), "completed", "{made:?}");
    let id = made.text("/tenantId");
    let key = app.tenant_key(&id, &["*"]).await;
    Tenant {
        client: app.nobody().with_key(&key),
        id,
    }
}

/// Billing's present.
pub(crate) async fn now(app: &App) -> Timestamp {
    let clock = app.admin().get("/admin/clock").await.expect(200);
    clock.text("/now").parse().expect("a time")
}

/// Moves billing's time to this many days after the noon (UTC) that comes next, so that no day ends during the test.
pub(crate) async fn advance_days(app: &App, days: i64) -> Timestamp {
    let midnight = now(app).await.as_micros().div_euclid(DAY) * DAY;
    advance_to(app, Timestamp::from_micros(midnight + days * DAY + DAY / 2)).await
}

/// Moves billing's time there.
pub(crate) async fn advance_to(app: &App, to: Timestamp) -> Timestamp {
    let moved = app
        .admin()
        .post("/admin/clock/advance", &json!({"to": to}))
        .await
        .expect(200);
    assert_eq!(moved.json()["failed"], 0, "{moved:?}");
    moved.text("/now").parse().expect("a time")
}

/// A tenant on this plan whose first period was just invoiced, at noon.
pub(crate) async fn paying(app: &App, slug: &str, plan: &str) -> Tenant {
    advance_days(app, 1).await;
    let tenant = tenant_on(app, slug, plan).await;
    app.admin()
        .post(&of(&tenant, "/end-trial"), &json!({}))
        .await
        .expect(200);
    tenant
}

pub(crate) fn of(tenant: &Tenant, below: &str) -> String {
    format!("/admin/tenants/{}/subscription{below}", tenant.id)
}

async fn invoices(admin: &Client, tenant: &Tenant) -> Vec<Value> {
    let path = format!("/admin/tenants/{}/invoices", tenant.id);
    let page = admin.get(&path).await.expect(200).json();
    page["items"].as_array().expect("items").clone()
}

/// The lines of all these invoices, without what only a stored one has, and from the day on from which they charge: what is
/// reckoned by the day was ordered a moment later than it was previewed.
pub(crate) fn lines(invoices: &Value) -> Vec<Value> {
    let invoices = invoices.as_array().expect("invoices").iter();
    let mut lines: Vec<Value> = invoices
        .flat_map(|invoice| invoice["lines"].as_array().expect("lines").clone())
        .collect();
    for line in &mut lines {
        line.as_object_mut().expect("a line").remove("id");
        for start in ["/period/startsAt", "/proration/whole/startsAt"] {
            if let Some(instant) = line.pointer_mut(start) {
                *instant = json!(instant.as_str().expect("a time")[..10]);
            }
        }
    }
    lines
}

fn totals(answer: &Value) -> Vec<i64> {
    let notes = answer["creditNotes"].as_array().expect("credit notes").iter();
    let invoices = answer["invoices"].as_array().expect("invoices").iter();
    let charged = invoices.map(|one| {
        one["invoice"]
            .as_object()
            .map_or(&one["total"], |invoice| &invoice["total"])
    });
    charged
        .chain(notes.map(|note| &note["total"]))
        .map(|total| total["amount"].as_i64().expect("an amount"))
        .collect()
}

#[tokio::test]
async fn the_seeds_order_puts_a_tenant_on_a_plan_with_all_that_it_opens() {
    let app = App::start().await;
    let tenant = tenant_on(&app, "acme", "starter").await;
    let key = json!({"name": "K", "scopes": ["projects:read"]});
    let refused = tenant.client.post("/api/api-keys", &key).await;
    refused.refused(403, "feature_not_in_plan");
    let limit = async || {
        let quotas = format!("/admin/tenants/{}/quotas", tenant.id);
        let quotas = app.admin().get(&quotas).await.expect(200).json();
        let items = quotas["items"].as_array().expect("items").iter();
        let mut calls = items.filter(|quota| quota["metric"] == "api_calls" && quota["period"] == "daily");
        calls.next().map(|quota| quota["limit"].clone())
    };
    assert_eq!(limit().await, Some(json!(10_000)));
    let before = app.admin().get(&of(&tenant, "")).await.expect(200);
    assert_eq!(
        (&*before.text("/status"), &*before.text("/plan")),
        ("trialing", "starter")
    );

    let order = json!({"plan": "enterprise", "billingCycle": "yearly"});
    let changed = app.admin().put(&of(&tenant, ""), &order).await.expect(200);
    assert_eq!(
        (&*changed.text("/plan"), &*changed.text("/billingCycle")),
        ("enterprise", "yearly")
    );
    assert_ne!(changed.header("etag"), before.header("etag"));
    let shown = app.admin().get(&of(&tenant, "")).await.expect(200);
    assert_eq!(shown.header("etag"), changed.header("etag"));

    let record = app
        .admin()
        .get(&format!("/admin/tenants/{}", tenant.id))
        .await
        .expect(200);
    assert_eq!(
        (&*record.text("/plan"), &*record.text("/billingCycle")),
        ("enterprise", "yearly")
    );
    eventually("the gate opens", async || {
        let made = tenant.client.post("/api/api-keys", &key).await;
        (made.status == 201).then_some(())
    })
    .await;
    eventually("the quota moves", async || {
        (limit().await != Some(json!(10_000))).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn what_was_previewed_is_what_is_charged() {
    let app = App::start().await;
    let tenant = paying(&app, "acme", "starter").await;
    advance_days(&app, 10).await;
    let admin = app.admin();
    for order in [
        json!({"plan": "pro"}),
        json!({"quantity": 1, "addOns": [{"id": "extra_users", "quantity": 4}], "coupon": "PARTNER10"}),
        json!({"plan": "pro", "billingCycle": "yearly", "prorationMode": "second"}),
        json!({"plan": "starter", "billingCycle": "monthly"}),
    ] {
        let before = (
            invoices(&admin, &tenant).await,
            admin.get(&of(&tenant, "")).await.json(),
        );
        let seen = admin
            .post(&of(&tenant, "/preview"), &order)
            .await
            .expect(200)
            .json();
        let after = (
            invoices(&admin, &tenant).await,
            admin.get(&of(&tenant, "")).await.json(),
        );
        assert_eq!(before, after, "a preview stores nothing");
        let done = admin.put(&of(&tenant, ""), &order).await.expect(200).json();
        assert!(
            !lines(&seen["invoices"]).is_empty() || !totals(&seen).is_empty(),
            "{order} {seen}"
        );
        if order["prorationMode"].is_null() {
            assert_eq!(lines(&seen["invoices"]), lines(&done["invoices"]), "{order}");
        }
        assert_eq!(totals(&seen), totals(&done), "{order}");
        assert_eq!(seen["subscription"]["plan"], done["plan"]);
        assert_eq!(
            invoices(&admin, &tenant).await.len(),
            before.0.len() + done["invoices"].as_array().expect("invoices").len()
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn a_change_waits_for_the_end_of_the_period_and_can_be_taken_back() {
    let app = App::start().await;
    let tenant = paying(&app, "acme", "pro").await;
    let admin = app.admin();
    let order = json!({"plan": "starter", "when": "period_end"});
    let seen = admin
        .post(&of(&tenant, "/preview"), &order)
        .await
        .expect(200)
        .json();
    assert_eq!(seen["subscription"]["plan"], "starter", "{seen}");
    assert_eq!(seen["invoices"][0]["total"]["amount"], 2900, "{seen}");
    let waits = admin.put(&of(&tenant, ""), &order).await.expect(200).json();
    assert_eq!(
        (&waits["plan"], &waits["scheduled"]["order"]["plan"]),
        (&json!("pro"), &json!("starter"))
    );
    assert_eq!(waits["takesEffectAt"], waits["period"]["endsAt"]);
    let taken_back = admin
        .delete(&of(&tenant, "/scheduled-change"))
        .await
        .expect(200)
        .json();
    assert!(taken_back["scheduled"].is_null());

    admin.put(&of(&tenant, ""), &order).await.expect(200);
    advance_days(&app, 32).await;
    let changed = admin.get(&of(&tenant, "")).await.expect(200).json();
    assert_eq!(
        (&changed["plan"], &changed["scheduled"]),
        (&json!("starter"), &Value::Null)
    );
    let newest = &invoices(&admin, &tenant).await[0];
    assert_eq!(
        (&newest["total"]["amount"], &newest["kind"]),
        (&json!(2900), &json!("cycle"))
    );
    app.finish().await;
}

#[tokio::test]
async fn it_is_cancelled_taken_back_paused_and_resumed() {
    let app = App::start().await;
    let tenant = paying(&app, "acme", "pro").await;
    let admin = app.admin();
    let call = async |below: &str, body: Value| admin.post(&of(&tenant, below), &body).await;
    let ends = call("/cancel", json!({})).await.expect(200).json();
    assert_eq!(
        (&ends["cancelAtPeriodEnd"], &ends["status"]),
        (&json!(true), &json!("active"))
    );
    let goes_on = call("/uncancel", json!({})).await.expect(200).json();
    assert_eq!(goes_on["cancelAtPeriodEnd"], false);
    let paused = call("/pause", json!({})).await.expect(200).json();
    assert_eq!(paused["status"], "paused");
    call("/pause", json!({})).await.refused(409, "invalid_transition");
    call("/end-trial", json!({}))
        .await
        .refused(409, "invalid_transition");
    let resumed = call("/resume", json!({})).await.expect(200).json();
    assert_eq!(
        (&resumed["status"], &resumed["invoices"]),
        (&json!("active"), &json!([]))
    );

    let wrong = call("/cancel", json!({"when": "period_end", "credit": true})).await;
    wrong.refused(422, "validation_failed");
    let ended = call("/cancel", json!({"when": "now"})).await.expect(200).json();
    assert_eq!(ended["status"], "canceled");
    // The invoice was not paid: what is taken back is off what is due.
    let note = &ended["creditNotes"][0];
    assert_eq!(note["toDue"], note["total"], "{ended}");
    let record = admin
        .get(&format!("/admin/tenants/{}", tenant.id))
        .await
        .expect(200)
        .json();
    assert_eq!(record["status"], "canceled");
    // Whoever is gone is no customer; restored, he can be one again, without another trial.
    let order = json!({"plan": "pro", "billingCycle": "monthly"});
    admin
        .put(&of(&tenant, ""), &order)
        .await
        .refused(409, "invalid_transition");
    let restore = format!("/admin/tenants/{}/restore", tenant.id);
    admin.post(&restore, &json!({})).await.expect(200);
    let again = admin.put(&of(&tenant, ""), &order).await.expect(201);
    assert_eq!(again.json()["status"], "active");
    assert_eq!(again.header("location"), of(&tenant, ""));
    let all = format!("/admin/tenants/{}/subscriptions", tenant.id);
    assert_eq!(
        admin.get(&all).await.expect(200).json()["items"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    app.finish().await;
}

#[tokio::test]
async fn what_nobody_means_is_refused_by_its_name() {
    let app = App::start().await;
    let tenant = paying(&app, "acme", "starter").await;
    let admin = app.admin();
    for (order, pointer) in [
        (json!({"quantity": -1}), "/quantity"),
        (json!({"quantity": 0}), "/quantity"),
        (json!({"quantity": 1_000_001}), "/quantity"),
        (json!({"quantity": 99_999_999_999_i64}), "/quantity"),
        (json!({"plan": "platinum"}), "/plan"),
        (json!({"billingCycle": "hourly"}), "/billingCycle"),
        (json!({"coupon": "NOBODY"}), "/coupon"),
        (json!({"plan": "pro", "coupon": 7}), "/coupon"),
        (json!({"addOns": [{"id": "nothing", "quantity": 1}]}), "/addOns"),
        (
            json!({"addOns": [{"id": "extra_users", "quantity": 0}]}),
            "/addOns/0",
        ),
        (
            json!({"addOns": [{"id": "extra_users", "quantity": 1}, {"id": "extra_users", "quantity": 1}]}),
            "/addOns/1",
        ),
        (json!({"when": "later"}), "/when"),
        (json!({"when": "now", "at": "2026-01-01T00:00:00Z"}), "/at"),
        (json!({"at": "2999-01-01T00:00:00Z", "plan": "pro"}), "/at"),
        (json!({"prorationMode": "guess"}), "/prorationMode"),
        (
            json!({"plan": "pro", "when": "period_end", "prorationMode": "second"}),
            "/prorationMode",
        ),
        (json!({"trialDays": 14}), "/trialDays"),
        (json!({"price": 1}), "/price"),
    ] {
        for (method, below) in [("PUT", ""), ("POST", "/preview")] {
            let path = of(&tenant, below);
            let reply = if method == "PUT" {
                admin.put(&path, &order).await
            } else {
                admin.post(&path, &order).await
            };
            let refused = reply.refused(422, "validation_failed");
            assert_eq!(refused["errors"][0]["pointer"], pointer, "{order}: {refused}");
        }
    }
    let unknown = "/admin/tenants/tenant_01h455vb4pex5vsknk084sn02q/subscription";
    admin.get(unknown).await.refused(404, "not_found");
    let order = json!({"plan": "pro"});
    admin.put(unknown, &order).await.refused(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn of_two_changes_at_once_one_is_made_and_a_repeated_one_is_made_once() {
    let app = App::start().await;
    let tenant = paying(&app, "acme", "starter").await;
    let admin = app.admin();
    let present = admin.get(&of(&tenant, "")).await.expect(200);
    let expecting = admin.with("if-match", present.header("etag"));
    let path = of(&tenant, "");
    let (pro, seats) = (
        json!({"plan": "pro"}),
        json!({"plan": "pro", "billingCycle": "yearly"}),
    );
    let (one, other) = tokio::join!(expecting.put(&path, &pro), expecting.put(&path, &seats));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412], "{one:?} {other:?}");

    let before = invoices(&admin, &tenant).await.len();
    let repeated = admin.with("idempotency-key", "the-same-order");
    let order = json!({"plan": "enterprise"});
    let (one, other) = tokio::join!(repeated.put(&path, &order), repeated.put(&path, &order));
    let (one, other) = (one.expect(200), other.expect(200));
    assert_eq!(one.json(), other.json());
    assert_eq!(one.header("etag"), other.header("etag"));
    assert_eq!(invoices(&admin, &tenant).await.len(), before + 1);
    repeated
        .put(&path, &pro)
        .await
        .refused(409, "idempotency_key_reused");
    app.finish().await;
}
