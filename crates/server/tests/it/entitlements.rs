//! What a tenant may do and what is left of it, and what is for sale.

use serde_json::{Value, json};

use crate::support::{App, Statements, eventually};

const GB: i64 = 1 << 30;

#[tokio::test]
async fn entitlements_tell_what_is_there_and_left() {
    let app = App::start().await;
    let tenant = app.tenant("entitled", "shared_database").await;
    let plan = json!({"plan": "starter", "config": {"features": {"sso": true}}});
    app.admin()
        .patch(&format!("/admin/tenants/{}", tenant.id), &plan)
        .await
        .expect(200);
    let ask = async || tenant.client.get("/api/entitlements").await.expect(200).json();
    let before = ask().await;
    assert_eq!(
        (&before["plan"], &before["tenantId"]),
        (&json!("starter"), &json!(tenant.id))
    );
    assert_eq!(before["features"]["advancedAnalytics"], true);
    assert_eq!(
        (&before["features"]["sso"], &before["features"]["scim"]),
        (&json!(true), &json!(false))
    );
    let of = |told: &Value, name: &str| {
        let limit = &told["limits"][name];
        [&limit["limit"], &limit["used"], &limit["remaining"]]
            .map(|number| number.as_u64().expect("a number"))
    };
    assert_eq!(of(&before, "users"), [10, 1, 9]);
    // Everybody begins with a project.
    assert_eq!(of(&before, "projects"), [25, 1, 24]);
    tenant
        .client
        .post("/api/projects", &json!({"name": "P"}))
        .await
        .expect(201);
    let person = json!({"email": "second@example.com", "name": "S", "role": "viewer"});
    let person = tenant
        .client
        .post("/api/users", &person)
        .await
        .expect(201)
        .text("/id");
    let after = ask().await;
    assert_eq!(
        (of(&after, "users"), of(&after, "projects")),
        ([10, 2, 8], [25, 2, 23])
    );
    let [_, calls, _] = of(&after, "apiCallsPerDay");
    assert!(calls >= 4, "{after}");
    tenant
        .client
        .post(&format!("/api/users/{person}/deactivate"), &json!({}))
        .await
        .expect(200);
    assert_eq!(of(&ask().await, "users"), [10, 1, 9]);
    app.finish().await;
}

#[tokio::test]
async fn entitlements_cost_no_statement() {
    const REQUESTS: usize = 50;
    let app = App::start().await;
    let tenant = app.tenant("remembered", "shared_database").await;
    let statements = Statements::listen();
    tenant.client.get("/api/entitlements").await.expect(200);
    let first = statements.heard();
    assert!(
        first.iter().any(|text| is_asked(text)),
        "nothing was heard: {first:?}"
    );
    eventually("everything to be known", async || {
        statements.heard();
        tenant.client.get("/api/entitlements").await.expect(200);
        (!statements.heard().iter().any(|text| is_asked(text))).then_some(())
    })
    .await;
    for _ in 0..REQUESTS {
        tenant.client.get("/api/entitlements").await.expect(200);
    }
    let heard = statements.heard();
    let asked: Vec<_> = heard.iter().filter(|text| is_asked(text)).collect();
    assert!(asked.is_empty(), "{asked:?}");
    app.finish().await;
}

/// Whether it reads what the tenant has.
fn is_asked(statement: &str) -> bool {
    let read = [
        "from holdings",
        "control.users where",
        "control.quotas",
        "control.usage_calendars",
        "control.tenants t left join",
        "api_keys k",
    ];
    read.iter().any(|table| statement.contains(table))
}

#[tokio::test]
async fn the_plans_are_those_that_are_advertised() {
    let app = App::start().await;
    let list = app.nobody().get("/api/plans").await.expect(200).json();
    let plans = list["plans"].as_array().expect("plans");
    let advertised = [
        ("free", "0", "0", [3, 5, GB, 1_000, 10 * GB], 0),
        ("starter", "29", "290", [10, 25, 10 * GB, 10_000, 100 * GB], 2),
        ("pro", "99", "990", [50, 100, 100 * GB, 100_000, 1024 * GB], 6),
        ("enterprise", "499", "4990", [-1; 5], 12),
    ];
    assert_eq!(plans.len(), advertised.len());
    for (plan, (id, monthly, yearly, limits, features)) in plans.iter().zip(advertised) {
        assert_eq!(plan["id"], id);
        let price = |cycle: &str| {
            let prices = plan["prices"].as_array().expect("prices");
            let found = prices
                .iter()
                .find(|price| price["cycle"] == cycle && price["currency"] == "USD");
            found.expect("a price")["amount"]
                .as_str()
                .expect("a decimal")
                .to_owned()
        };
        assert_eq!(
            (price("monthly").as_str(), price("yearly").as_str()),
            (monthly, yearly),
            "{id}"
        );
        let names = [
            "users",
            "projects",
            "storageBytes",
            "apiCallsPerDay",
            "bandwidthBytesPerMonth",
        ];
        assert_eq!(
            names.map(|name| plan["limits"][name].as_i64().expect("a limit")),
            limits,
            "{id}"
        );
        let open = plan["features"]
            .as_object()
            .expect("features")
            .values()
            .filter(|on| **on == true);
        assert_eq!(open.count(), features, "{id}");
    }
    app.nobody()
        .get("/api/plans?x=1")
        .await
        .refused(400, "invalid_parameter");
    app.finish().await;
}

/// What is estimated is what the price list says.
#[tokio::test]
async fn usage_tells_what_the_month_costs() {
    let app = App::start().await;
    let tenant = app.tenant("priced", "shared_database").await;
    let plan = json!({"plan": "pro"});
    app.admin()
        .patch(&format!("/admin/tenants/{}", tenant.id), &plan)
        .await
        .expect(200);
    let operators = format!("/admin/tenants/{}/analytics", tenant.id);
    for told in [
        tenant.client.get("/api/usage").await,
        tenant.client.get("/api/usage/analytics").await,
        app.admin().get(&operators).await,
    ] {
        let cost = &told.expect(200).json()["estimatedCost"];
        assert_eq!(
            cost["total"],
            json!({"amount": 9_900, "currency": "USD"}),
            "{cost}"
        );
        let items = cost["lines"]
            .as_array()
            .expect("lines")
            .iter()
            .map(|line| line["item"].clone());
        let expected = ["plan:pro", "usage:api_calls", "usage:bandwidth", "usage:storage"];
        assert_eq!(items.collect::<Vec<_>>(), expected.map(Value::from));
    }
    app.finish().await;
}
