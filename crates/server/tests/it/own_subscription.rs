//! A tenant's own orders: it can do less than an operator, and what it orders is billed the same.

use serde_json::{Value, json};

use crate::subscriptions::{advance_days, lines, of, paying, tenant_on};
use crate::support::{App, all, eventually};

#[tokio::test]
async fn a_tenant_previews_and_orders_for_itself() {
    let app = App::start().await;
    let tenant = paying(&app, "acme", "starter").await;
    advance_days(&app, 10).await;
    let client = &tenant.client;
    let order = json!({"plan": "pro", "addOns": [{"id": "extra_users", "quantity": 2}]});
    let before = all(client, "/api/invoices").await;
    let seen = client
        .post("/api/subscription/preview", &order)
        .await
        .expect(200)
        .json();
    assert_eq!(all(client, "/api/invoices").await, before);
    let present = client.get("/api/subscription").await.expect(200);
    let keyed = client
        .with("idempotency-key", "order-1")
        .with("if-match", present.header("etag"));
    let (one, other) = tokio::join!(
        keyed.put("/api/subscription", &order),
        keyed.put("/api/subscription", &order)
    );
    let (done, again) = (one.expect(200).json(), other.expect(200).json());
    assert_eq!(done, again);
    assert!(!lines(&seen["invoices"]).is_empty(), "{seen}");
    assert_eq!(lines(&seen["invoices"]), lines(&done["invoices"]));
    assert_eq!(seen["creditNotes"][0]["total"], done["creditNotes"][0]["total"]);
    let shown = client.get("/api/subscription").await.expect(200);
    assert_eq!(shown.json()["plan"], "pro");
    let kept = client.with("if-none-match", shown.header("etag"));
    kept.get("/api/subscription").await.expect(304);
    let stale = client.with("if-match", present.header("etag"));
    stale
        .put("/api/subscription", &json!({"quantity": 2}))
        .await
        .refused(412, "precondition_failed");
    eventually("the tenant's own record", async || {
        (client.get("/api/tenant").await.expect(200).json()["plan"] == "pro").then_some(())
    })
    .await;

    // Who ordered is in the trail.
    eventually("the trail", async || {
        let path = format!(
            "/admin/audit?tenantId={}&eventType=billing.subscription_changed",
            tenant.id
        );
        let events = app.admin().get(&path).await.expect(200).json();
        (events["items"][0]["actor"]["type"] == "api_key").then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn it_cannot_order_what_only_an_operator_can() {
    let app = App::start().await;
    let tenant = paying(&app, "acme", "starter").await;
    let client = &tenant.client;
    for (order, pointer) in [
        (json!({"plan": "enterprise"}), "/plan"),
        (json!({"coupon": "PARTNER10"}), "/coupon"),
        (json!({"coupon": "WELCOME20"}), "/coupon"),
        (json!({"coupon": "NOBODY"}), "/coupon"),
        (
            json!({"plan": "pro", "prorationMode": "second"}),
            "/prorationMode",
        ),
        (json!({"plan": "pro", "trialDays": 700}), "/trialDays"),
        (json!({"plan": "pro", "at": "2001-01-01T00:00:00Z"}), "/at"),
        (json!({"plan": "pro", "price": 1}), "/price"),
        (json!({"quantity": -3}), "/quantity"),
    ] {
        for preview in [false, true] {
            let reply = if preview {
                client.post("/api/subscription/preview", &order).await
            } else {
                client.put("/api/subscription", &order).await
            };
            let refused = reply.refused(422, "validation_failed");
            assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
        }
    }
    let enterprise = client
        .put("/api/subscription", &json!({"plan": "enterprise"}))
        .await;
    let enterprise = enterprise.refused(422, "validation_failed");
    assert!(
        enterprise["errors"][0]["detail"]
            .as_str()
            .expect("a detail")
            .contains("self-service"),
        "{enterprise}"
    );
    let listed = app.nobody().get("/api/plans").await.expect(200).json();
    let offered: Vec<_> = listed["plans"]
        .as_array()
        .expect("plans")
        .iter()
        .map(|plan| plan["selfService"].clone())
        .collect();
    assert_eq!(offered, [true, true, true, false]);
    app.finish().await;
}

#[tokio::test]
async fn what_an_operator_gave_it_keeps_and_may_leave() {
    let app = App::start().await;
    let tenant = paying(&app, "acme", "starter").await;
    let client = &tenant.client;
    let given = json!({"plan": "enterprise", "coupon": "PARTNER10"});
    app.admin().put(&of(&tenant, ""), &given).await.expect(200);
    let same = json!({"plan": "enterprise", "coupon": "PARTNER10", "billingCycle": "yearly"});
    client.put("/api/subscription", &same).await.expect(200);
    client
        .put("/api/subscription", &json!({"coupon": null}))
        .await
        .expect(200);
    client
        .put("/api/subscription", &json!({"plan": "pro", "when": "period_end"}))
        .await
        .expect(200);
    let waits = client
        .delete("/api/subscription/scheduled-change")
        .await
        .expect(200)
        .json();
    assert_eq!(waits["scheduled"], Value::Null);

    // Nobody orders without the permission.
    let reader = app.tenant_key(&tenant.id, &["billing:read"]).await;
    let reader = app.nobody().with_key(&reader);
    reader.get("/api/subscription").await.expect(200);
    for path in ["/api/subscription/preview", "/api/subscription/cancel"] {
        reader
            .post(path, &json!({"plan": "pro"}))
            .await
            .refused(403, "forbidden");
    }
    app.finish().await;
}

#[tokio::test]
async fn it_cancels_takes_that_back_and_leaves() {
    let app = App::start().await;
    let tenant = tenant_on(&app, "acme", "starter").await;
    let client = &tenant.client;
    let ends = client
        .post("/api/subscription/cancel", &json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(ends["cancelAtPeriodEnd"], true);
    let stays = client
        .post("/api/subscription/uncancel", &json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(stays["cancelAtPeriodEnd"], false);
    let credit = json!({"when": "now", "credit": true});
    client
        .post("/api/subscription/cancel", &credit)
        .await
        .refused(422, "validation_failed");
    let left = client
        .post("/api/subscription/cancel", &json!({"when": "now"}))
        .await
        .expect(200)
        .json();
    assert_eq!(left["status"], "canceled");
    eventually("the door to close", async || {
        (client.get("/api/projects").await.status == 403).then_some(())
    })
    .await;
    // What it was invoiced stays its own affair; coming back is the platform's.
    client.get("/api/invoices").await.expect(200);
    let back = client.put("/api/subscription", &json!({"plan": "pro"})).await;
    back.refused(409, "invalid_transition");
    app.finish().await;
}
