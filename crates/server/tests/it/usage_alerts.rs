//! Alerts: mail, webhook and API, once for each threshold and period.

use serde_json::json;

use crate::support::{App, Client, Installation, Owner, Receiver, Tenant, all, eventually};

/// So many calls a day, not enforced.
async fn limit(admin: &Client, tenant: &str, limit: u32) {
    let quota = json!({"limit": limit, "period": "daily", "mode": "soft"});
    admin
        .put(&format!("/admin/tenants/{tenant}/quotas/api_calls"), &quota)
        .await
        .expect(200);
}

async fn call_until(client: &Client, alerts: usize) -> Vec<serde_json::Value> {
    eventually("the alerts", async || {
        let found = all(client, "/api/usage/alerts").await;
        (found.len() >= alerts).then_some(found)
    })
    .await
}

fn letters(app: &App, text: &str) -> usize {
    let mails = app.mails().into_iter().map(|mail| mail.replace("=\r\n", ""));
    mails
        .filter(|mail| mail.contains("Subject:") && mail.contains(text))
        .count()
}

#[tokio::test]
async fn a_threshold_is_told_by_mail_webhook_and_api_once_on_two_nodes() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    Owner::active(&app, &tenant).await;
    let node = app.another_node().await;
    let receiver = Receiver::start().await;
    let made = tenant
        .client
        .post(
            "/api/webhooks",
            &json!({"url": receiver.url, "eventTypes": ["usage.alert"]}),
        )
        .await;
    let secret = made.expect(201).text("/secret");
    limit(&app.admin(), &tenant.id, 20).await;
    let elsewhere = tenant.client.at(&node.url);
    for _ in 0..10 {
        tenant.client.get("/api/tenant").await.expect(200);
        elsewhere.get("/api/tenant").await.expect(200);
    }
    let alerts = call_until(&tenant.client, 2).await;
    eventually("the webhooks", async || {
        (receiver.hooks().len() >= 2).then_some(())
    })
    .await;
    for _ in 0..5 {
        elsewhere.get("/api/tenant").await.expect(200);
    }
    app.settle().await;
    let percents: Vec<_> = alerts.iter().map(|alert| alert["percent"].clone()).collect();
    assert_eq!(percents, [100, 80]);
    assert_eq!(alerts[0]["limit"], 20);
    let hooks = receiver.hooks();
    assert_eq!(hooks.len(), 2, "each once");
    assert!(hooks.iter().all(|hook| hook.is_signed_by(&secret)));
    let told = hooks.iter().map(|hook| hook.json()["data"]["alertId"].clone());
    assert!(
        told.clone()
            .all(|id| alerts.iter().any(|alert| alert["id"] == id))
    );
    assert_eq!(
        (
            letters(&app, "80 % of api calls"),
            letters(&app, "100 % of api calls")
        ),
        (1, 1)
    );
    assert_eq!(
        all(
            &app.admin(),
            &format!("/admin/tenants/{}/usage/alerts", tenant.id)
        )
        .await,
        alerts
    );
    acknowledge(&tenant, &alerts[0]["id"]).await;
    node.stop().await;
    app.finish().await;
}

async fn acknowledge(tenant: &Tenant, id: &serde_json::Value) {
    let path = format!(
        "/api/usage/alerts/{}/acknowledge",
        id.as_str().expect("an identifier")
    );
    let noted = tenant.client.post(&path, &json!({})).await.expect(200).json();
    assert!(noted["acknowledgedBy"].is_string());
    assert_eq!(
        tenant.client.post(&path, &json!({})).await.expect(200).json(),
        noted
    );
    let open = all(&tenant.client, "/api/usage/alerts?acknowledged=false").await;
    assert_eq!(open.len(), 1);
    assert_eq!(
        all(
            &tenant.client,
            "/api/usage/alerts?acknowledged=true&metric=api_calls"
        )
        .await,
        [noted]
    );
    assert_eq!(
        all(&tenant.client, "/api/usage/alerts?metric=bandwidth")
            .await
            .len(),
        0
    );
}

#[tokio::test]
async fn a_tenant_sets_at_what_it_is_told() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let path = "/api/usage/alert-thresholds";
    let held = tenant.client.get(path).await.expect(200).json();
    assert_eq!(held, json!({"default": [80, 100], "metrics": {}}));
    for (body, pointer) in [
        (json!({"default": [0]}), "/default"),
        (json!({"default": [80, 80]}), "/default"),
        (
            json!({"default": [], "metrics": {"api_calls": [1001]}}),
            "/metrics/api_calls",
        ),
        (
            json!({"default": [], "metrics": {"nobody_has_this": [1]}}),
            "/metrics/nobody_has_this",
        ),
        (json!({"default": [], "more": 1}), "/more"),
    ] {
        let refused = tenant
            .client
            .put(path, &body)
            .await
            .refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}");
    }
    let own = json!({"default": [], "metrics": {"api_calls": [10, 50]}});
    assert_eq!(tenant.client.put(path, &own).await.expect(200).json(), own);
    limit(&app.admin(), &tenant.id, 1000).await;
    let alerts = eventually("the alert", async || {
        for _ in 0..10 {
            tenant.client.get(path).await.expect(200);
        }
        let found = all(&tenant.client, "/api/usage/alerts").await;
        (!found.is_empty()).then_some(found)
    })
    .await;
    assert_eq!((alerts.len(), &alerts[0]["percent"]), (1, &json!(10)));
    app.finish().await;
}

/// The process dies while it tells of an alert: another tells, once.
#[tokio::test]
async fn an_alert_outlives_the_process_that_raised_it() {
    let installation = Installation::new().await;
    let receiver = Receiver::start().await;
    let process = installation
        .process(&[("TENANTRY_FAULTS", "notices.alert=abort")])
        .await;
    let client = process.admin().with_key(&process.credentials.demo_tenant_api_key);
    let tenant = client.get("/api/tenant").await.expect(200).text("/id");
    client
        .post("/api/webhooks", &json!({"url": receiver.url}))
        .await
        .expect(201);
    limit(&process.admin(), &tenant, 5).await;
    for _ in 0..6 {
        let _ = client.try_send(reqwest::Method::GET, "/api/tenant", None).await;
    }
    process.ended().await;
    let mut superuser = installation.superuser().await;
    sqlx::query("update control.jobs set lease_until = now() where status = 'running'")
        .execute(&mut superuser)
        .await
        .expect("ended");
    let process = installation.process(&[]).await;
    eventually("the webhooks", async || {
        (receiver.of_type("usage.alert").len() >= 2).then_some(())
    })
    .await;
    installation.settle().await;
    assert_eq!(receiver.of_type("usage.alert").len(), 2);
    process.kill().await;
}
