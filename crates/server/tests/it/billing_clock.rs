//! Billing's time: months pass in a second, and what is due on the way is done on its day.

use kernel::Timestamp;
use serde_json::{Value, json};

use crate::subscriptions::{advance_days, advance_to, now, of, paying, tenant_on};
use crate::support::{App, all};

#[tokio::test]
async fn three_months_are_invoiced_on_their_days() {
    let app = App::start().await;
    // A month with 31 days, so that the anchor is clamped in between: 31 January, 28 February, 31 March, 30 April.
    let year = 1 + now(&app).await.to_string()[..4].parse::<i32>().expect("a year");
    let day = |month_and_day: &str| -> Timestamp {
        format!("{year}-{month_and_day}T12:00:00Z")
            .parse()
            .expect("a time")
    };
    advance_to(&app, day("01-31")).await;
    let tenant = paying_now(&app).await;
    let path = format!("/admin/tenants/{}/invoices", tenant.id);
    for next in ["03-20", "04-20", "04-30"] {
        let open = all(&app.admin(), &format!("{path}?status=open")).await;
        assert_eq!(open.len(), 1, "before {next}: {open:?}");
        let id = open[0]["id"].as_str().expect("an id");
        let payments = format!("{path}/{id}/payments");
        app.admin().post(&payments, &json!({})).await.expect(201);
        let moved = advance_to(&app, day(next)).await;
        assert!(moved >= day(next), "{moved}");
    }
    let invoices = all(&app.admin(), &format!("/admin/tenants/{}/invoices", tenant.id)).await;
    let days = |of: &dyn Fn(&Value) -> Value| -> Vec<String> {
        invoices
            .iter()
            .rev()
            .map(|one| of(one).as_str().expect("a time")[..10].to_owned())
            .collect()
    };
    let last_of_february = if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) {
        "02-29"
    } else {
        "02-28"
    };
    let expected: Vec<String> = ["01-31", last_of_february, "03-31", "04-30"]
        .map(|day| format!("{year}-{day}"))
        .into();
    assert_eq!(days(&|one| one["period"]["startsAt"].clone()), expected);
    assert_eq!(days(&|one| one["finalizedAt"].clone()), expected);
    assert!(
        invoices
            .iter()
            .all(|one| one["total"] == json!({"amount": 9900, "currency": "USD"}))
    );
    let subscription = app.admin().get(&of(&tenant, "")).await.expect(200).json();
    assert_eq!(
        &subscription["period"]["endsAt"].as_str().expect("a time")[..10],
        format!("{year}-05-31")
    );
    app.finish().await;
}

async fn paying_now(app: &App) -> crate::support::Tenant {
    let tenant = tenant_on(app, "acme", "pro").await;
    app.admin()
        .post(&of(&tenant, "/end-trial"), &json!({}))
        .await
        .expect(200);
    tenant
}

#[tokio::test]
async fn time_is_read_moved_and_never_moved_back() {
    let app = App::start().await;
    let admin = app.admin();
    let clock = admin.get("/admin/clock").await.expect(200).json();
    assert_eq!(
        (&clock["aheadSeconds"], &clock["canBeAdvanced"]),
        (&json!(0), &json!(true))
    );
    let before = now(&app).await;
    let key = admin.with("idempotency-key", "a-week");
    let (one, other) = (
        key.post("/admin/clock/advance", &json!({"days": 7}))
            .await
            .expect(200)
            .json(),
        key.post("/admin/clock/advance", &json!({"days": 7}))
            .await
            .expect(200)
            .json(),
    );
    assert_eq!(one, other, "a repeated week is one week");
    let after = now(&app).await;
    assert!(
        after >= before.plus_days(7) && after < before.plus_days(8),
        "{before} {after}"
    );
    advance_to(&app, before).await;
    assert!(now(&app).await >= after, "time does not go back");
    for (body, pointer) in [
        (json!({}), ""),
        (json!({"days": 1, "to": before}), ""),
        (json!({"days": 0}), "/days"),
        (json!({"days": -1}), "/days"),
        (json!({"days": 4000}), "/days"),
        (json!({"to": "9999-01-01T00:00:00Z"}), "/to"),
        (json!({"to": "tomorrow"}), "/to"),
        (json!({"hours": 1}), "/hours"),
    ] {
        let refused = admin
            .post("/admin/clock/advance", &body)
            .await
            .refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}: {refused}");
    }
    app.finish().await;
}

#[tokio::test]
async fn whom_a_tenants_status_leaves_a_customer_is_invoiced_and_nobody_else() {
    let app = App::start().await;
    let admin = app.admin();
    let mut tenants = Vec::new();
    for slug in ["suspended", "canceled", "deleting"] {
        tenants.push(paying(&app, slug, "starter").await);
    }
    let call = async |index: usize, below: &str, body: Value| {
        let path = format!("/admin/tenants/{}/{below}", tenants[index].id);
        admin.post(&path, &body).await.expect(200);
    };
    call(0, "suspend", json!({"reason": "Abuse report 4711"})).await;
    call(1, "cancel", json!({})).await;
    let path = format!("/admin/tenants/{}", tenants[2].id);
    admin.delete(&path).await.expect(202);
    advance_days(&app, 40).await;
    let count = async |index: usize| {
        let path = format!("/admin/tenants/{}/invoices", tenants[index].id);
        all(&admin, &path).await.len()
    };
    let status = async |index: usize| {
        admin
            .get(&of(&tenants[index], ""))
            .await
            .expect(200)
            .text("/status")
    };
    assert_eq!(
        (count(0).await, status(0).await.as_str()),
        (2, "active"),
        "a contract goes on"
    );
    assert_eq!((count(1).await, status(1).await.as_str()), (1, "canceled"));
    assert_eq!((count(2).await, status(2).await.as_str()), (1, "canceled"));
    // What was not used is not owed.
    let path = format!("/admin/tenants/{}/invoices", tenants[1].id);
    let invoice = &all(&admin, &path).await[0];
    assert_ne!(invoice["creditedDue"]["amount"], 0, "{invoice}");
    let record = admin
        .get(&format!("/admin/tenants/{}", tenants[1].id))
        .await
        .expect(200);
    assert_eq!(record.text("/status"), "canceled");
    admin
        .post(&format!("/admin/tenants/{}/cancel", tenants[1].id), &json!({}))
        .await
        .refused(409, "invalid_transition");
    app.finish().await;
}

#[tokio::test]
async fn a_plan_in_a_tenants_record_is_a_change_of_its_subscription() {
    let app = App::start().await;
    let tenant = paying(&app, "acme", "starter").await;
    let admin = app.admin();
    let path = format!("/admin/tenants/{}", tenant.id);
    let before = admin.get(&path).await.expect(200);
    let expecting = admin.with("if-match", before.header("etag"));
    let change = json!({"plan": "pro", "name": "Acme Corporation"});
    let changed = expecting.patch(&path, &change).await.expect(200);
    assert_eq!(
        (&*changed.text("/plan"), &*changed.text("/name")),
        ("pro", "Acme Corporation")
    );
    expecting
        .patch(&path, &json!({"plan": "starter"}))
        .await
        .refused(412, "precondition_failed");
    let subscription = admin.get(&of(&tenant, "")).await.expect(200).json();
    assert_eq!(subscription["plan"], "pro");
    let invoices = format!("{path}/invoices");
    assert_eq!(
        all(&admin, &invoices).await.len(),
        2,
        "the rest of the period was charged"
    );
    // The same again charges nothing.
    admin
        .patch(&path, &json!({"plan": "pro", "billingCycle": "monthly"}))
        .await
        .expect(200);
    assert_eq!(all(&admin, &invoices).await.len(), 2);
    // Whoever may not bill may not put tenants on plans.
    let limited = app.limited_admin(&["tenants:update"]).await;
    limited
        .patch(&path, &json!({"plan": "starter"}))
        .await
        .refused(403, "forbidden");
    limited.patch(&path, &json!({"name": "Acme"})).await.expect(200);
    app.finish().await;
}
