//! How much a tenant may use, set by operators and held everywhere.

use serde_json::{Value, json};

use crate::support::{App, Client, Tenant, eventually};
use crate::usage_events::{ONE, counts, event, send};

/// The quota as an operator sees it.
async fn seen(app: &App, tenant: &str, metric: &str) -> Option<Value> {
    let path = format!("/admin/tenants/{tenant}/quotas");
    let quotas = app.admin().get(&path).await.expect(200).json();
    let mut items = quotas["items"].as_array().expect("items").iter();
    items.find(|quota| quota["metric"] == metric).cloned()
}

pub(super) async fn set(app: &App, tenant: &str, metric: &str, order: &Value) {
    let path = format!("/admin/tenants/{tenant}/quotas/{metric}");
    app.admin().put(&path, order).await.expect(200);
}

/// Waits until the quota holds for requests of the tenant.
pub(super) async fn holds(client: &Client, metric: &str, limit: i64) {
    eventually("the quota to hold", async || {
        let usage = client.get("/api/usage").await.json();
        let mut quotas = usage["quotas"].as_array()?.iter();
        quotas
            .any(|quota| quota["metric"] == metric && quota["limit"] == limit)
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_quota_is_set_changed_and_cleared() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let path = format!("/admin/tenants/{}/quotas/api_calls", tenant.id);
    let plans = seen(&app, &tenant.id, "api_calls").await.expect("a quota");
    assert_eq!(
        (&plans["origin"], &plans["version"], &plans["limit"]),
        (&json!("plan"), &json!(0), &json!(-1))
    );
    let order = json!({"limit": 100_000, "period": "daily", "softLimit": 80_000, "mode": "soft"});
    let admin = app.admin();
    admin
        .with("if-match", "\"v1\"")
        .put(&path, &order)
        .await
        .refused(412, "precondition_failed");
    let made = admin
        .with("if-match", "\"v0\"")
        .put(&path, &order)
        .await
        .expect(200);
    assert_eq!(made.header("etag"), "\"v1\"");
    admin
        .with("if-match", "\"v0\"")
        .put(&path, &order)
        .await
        .refused(412, "precondition_failed");
    let changed = admin
        .with("if-match", "\"v1\"")
        .put(&path, &json!({"limit": -1, "period": "daily"}))
        .await;
    assert_eq!(changed.expect(200).header("etag"), "\"v2\"");
    let own = eventually("the quota to be known", async || {
        let quota = seen(&app, &tenant.id, "api_calls").await?;
        (quota["version"] == 2 && quota["mode"] == "hard").then_some(quota)
    })
    .await;
    assert_eq!((&own["origin"], &own["limit"]), (&json!("own"), &json!(-1)));
    admin
        .with("if-match", "\"v1\"")
        .delete(&path)
        .await
        .refused(412, "precondition_failed");
    admin.with("if-match", "\"v2\"").delete(&path).await.expect(204);
    admin.delete(&path).await.refused(404, "not_found");
    eventually("the plan's quota to hold again", async || {
        (seen(&app, &tenant.id, "api_calls").await?["origin"] == "plan").then_some(())
    })
    .await;
    app.settle().await;
    let trail = admin
        .get(&format!("/admin/audit?tenantId={}&resourceType=quota", tenant.id))
        .await
        .expect(200)
        .json();
    assert_eq!(trail["items"].as_array().expect("items").len(), 3, "{trail}");
    app.finish().await;
}

#[tokio::test]
async fn what_cannot_be_a_quota_is_refused() {
    let app = App::start().await;
    let (tenant, admin) = (app.tenant("acme", "shared_database").await, app.admin());
    for (metric, order, pointer) in [
        (
            "api_calls",
            json!({"limit": 1, "period": "daily", "softLimit": 2}),
            "/softLimit",
        ),
        ("api_calls", json!({"limit": -2, "period": "daily"}), "/limit"),
        ("api_calls", json!({"limit": 1}), "/period"),
        ("api_calls", json!({"limit": 1, "period": "weekly"}), "/period"),
        (
            "api_calls",
            json!({"limit": 1, "period": "daily", "colour": 1}),
            "/colour",
        ),
        ("storage", json!({"limit": 1, "period": "monthly"}), "/period"),
        ("active_users", json!({"limit": 1, "period": "total"}), "/period"),
    ] {
        let path = format!("/admin/tenants/{}/quotas/{metric}", tenant.id);
        let refusal = admin.put(&path, &order).await.refused(422, "validation_failed");
        assert_eq!(refusal["errors"][0]["pointer"], pointer, "{refusal}");
    }
    let order = json!({"limit": 1, "period": "daily"});
    let unknown = format!("/admin/tenants/{}/quotas/no_such", tenant.id);
    admin.put(&unknown, &order).await.refused(404, "not_found");
    let nobody = "/admin/tenants/tenant_01h455vb4pex5vsknk084sn02q/quotas";
    admin.get(nobody).await.refused(404, "not_found");
    admin
        .put(&format!("{nobody}/api_calls"), &order)
        .await
        .refused(404, "not_found");
    let path = format!("/admin/tenants/{}/quotas/api_calls", tenant.id);
    admin.put(&path, &order).await.expect(200);
    admin
        .delete(&format!("{path}?period=monthly"))
        .await
        .refused(404, "not_found");
    admin.delete(&format!("{path}?period=daily")).await.expect(204);
    app.finish().await;
}

#[tokio::test]
async fn the_call_after_the_last_is_refused_with_its_numbers() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let used = tenant.client.get("/api/usage").await.expect(200).json();
    let calls = used["quotas"]
        .as_array()
        .expect("quotas")
        .iter()
        .find(|quota| quota["metric"] == "api_calls");
    let used = calls.expect("a quota")["current"].as_i64().expect("a number");
    let limit = used + 3;
    set(
        &app,
        &tenant.id,
        "api_calls",
        &json!({"limit": limit, "period": "daily"}),
    )
    .await;
    let refusal = eventually("the quota to hold", async || {
        let reply = tenant.client.get("/api/tenant").await;
        (reply.status == 429).then_some(reply)
    })
    .await;
    assert!(
        refusal
            .header("retry-after")
            .parse::<u64>()
            .is_ok_and(|seconds| seconds <= 86_400)
    );
    let problem = refusal.refused(429, "quota_exceeded");
    assert_eq!(
        (&problem["metric"], &problem["limit"], &problem["current"]),
        (&json!("api_calls"), &json!(limit), &problem["current"])
    );
    assert!(problem["current"].as_i64() >= Some(limit), "{problem}");
    assert!(
        problem["resetAt"]
            .as_str()
            .is_some_and(|at| at.ends_with("T00:00:00.000Z")),
        "{problem}"
    );
    // Operators are not held, and let it on.
    set(
        &app,
        &tenant.id,
        "api_calls",
        &json!({"limit": -1, "period": "daily"}),
    )
    .await;
    eventually("it to be let on", async || {
        (tenant.client.get("/api/tenant").await.status == 200).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn days_begin_where_the_tenant_is() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let path = format!("/admin/tenants/{}/usage-calendar", tenant.id);
    let event = event("a", "compute_time", &json!({"value": 5}));
    assert_eq!(
        counts(send(&tenant.client, ONE, event.to_string()).await),
        [1, 0, 0]
    );
    for (order, pointer) in [
        (json!({"timeZone": "Mars/Olympus"}), "/timeZone"),
        (json!({"timeZone": "UTC", "anchorDay": 32}), "/anchorDay"),
        (json!({"anchorDay": 3}), "/timeZone"),
    ] {
        let refusal = app
            .admin()
            .put(&path, &order)
            .await
            .refused(422, "validation_failed");
        assert_eq!(refusal["errors"][0]["pointer"], pointer, "{refusal}");
    }
    let order = json!({"timeZone": "Asia/Kathmandu", "anchorDay": 15});
    let put = app.admin().put(&path, &order).await.expect(200).json();
    assert_eq!(put, order);
    set(
        &app,
        &tenant.id,
        "compute_time",
        &json!({"limit": 10, "period": "monthly"}),
    )
    .await;
    let quota = eventually("the calendar to hold", async || {
        let usage = tenant.client.get("/api/usage").await.expect(200).json();
        let mut quotas = usage["quotas"].as_array()?.iter();
        let quota = quotas.find(|quota| quota["metric"] == "compute_time")?.clone();
        (usage["calendar"] == order).then_some(quota)
    })
    .await;
    assert_eq!(quota["current"], 5, "{quota}");
    // 15 past the full hour less: 00:00 in Kathmandu is 18:15 in UTC.
    assert!(
        quota["resetAt"]
            .as_str()
            .is_some_and(|at| at.contains("-14T18:15:00")),
        "{quota}"
    );
    app.finish().await;
}

#[tokio::test]
async fn people_are_held_by_the_tenants_own_quota() {
    let app = App::start().await;
    let tenant: Tenant = app.tenant("acme", "shared_database").await;
    set(&app, &tenant.id, "users", &json!({"limit": 2, "period": "total"})).await;
    let order =
        |name: &str| json!({"email": format!("{name}@people.example.com"), "name": name, "role": "member"});
    tenant.client.post("/api/users", &order("ada")).await.expect(201);
    let refusal = tenant
        .client
        .post("/api/users", &order("bob"))
        .await
        .refused(429, "quota_exceeded");
    assert_eq!(
        (&refusal["metric"], &refusal["limit"], &refusal["current"]),
        (&json!("users"), &json!(2), &json!(2))
    );
    holds(&tenant.client, "users", 2).await;
    let usage = tenant.client.get("/api/usage").await.expect(200).json();
    assert_eq!(usage["usage"]["users"], 2);
    app.admin()
        .delete(&format!("/admin/tenants/{}/quotas/users", tenant.id))
        .await
        .expect(204);
    tenant.client.post("/api/users", &order("bob")).await.expect(201);
    app.finish().await;
}
