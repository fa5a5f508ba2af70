//! The command lines of the product's documentation, as they are written, against `bin/dev --open`, and with keys
//! against plain `bin/dev`.

use serde_json::json;

use crate::support::App;

#[tokio::test]
async fn an_open_development_server_answers_them_without_a_credential() {
    let app = App::with().open().start().await;
    let anyone = app.nobody();
    let order = json!({
        "name": "Test Company", "slug": "testco", "plan": "pro", "isolationStrategy": "shared_database",
        "owner": {"email": "admin@testco.com", "name": "Test Admin"}
    });
    let made = anyone.post("/admin/provision", &order).await.expect(201);
    assert_eq!(made.text("/status"), "completed");
    anyone
        .get(&format!("/admin/provision/{}", made.text("/tenantId")))
        .await
        .expect(200);
    let order = json!({
        "name": "New Company", "slug": "newco", "plan": "enterprise", "isolationStrategy": "database_per_tenant",
        "owner": {"email": "admin@newco.com", "name": "John Doe"},
        "config": {"customDomain": "newco.com", "features": {"advancedAnalytics": true, "sso": true}}
    });
    anyone.post("/admin/provision", &order).await.expect(201);
    let order = json!({
        "name": "Acme Corp", "slug": "acme", "plan": "pro", "billingCycle": "monthly", "customDomain": "acme.com"
    });
    let tenant = anyone.post("/admin/tenants", &order).await.expect(201);
    assert_eq!(tenant.text("/customDomain"), "acme.com");
    let path = format!("/admin/tenants/{}", tenant.text("/id"));
    anyone.get(&path).await.expect(200);
    anyone
        .post(&format!("{path}/domains"), &json!({"domain": "app.acme.com"}))
        .await
        .expect(201);
    anyone.get("/admin/tenants").await.expect(200);
    for path in [
        "/admin/tenants/tenant_123/usage",
        "/admin/tenants/tenant_123/analytics",
    ] {
        anyone.get(path).await.expect(200);
    }
    anyone
        .get("/admin/audit?tenantId=tenant_123&limit=100")
        .await
        .expect(200);
    app.finish().await;
}

#[tokio::test]
async fn the_documentations_identifiers_stand_for_the_demo_tenant() {
    let app = App::with().open().start().await;
    let demo = app.nobody().with("x-tenant-id", "tenant_123");
    assert_eq!(
        demo.get("/api/tenant").await.expect(200).text("/id"),
        app.credentials.demo_tenant_id
    );
    assert_eq!(
        demo.get("/health").await.expect(200).text("/tenant/id"),
        app.credentials.demo_tenant_id
    );
    for path in [
        "/api/usage",
        "/api/usage/metrics",
        "/api/usage/history/api_calls?days=30",
    ] {
        demo.get(path).await.expect(200);
    }
    let owner = demo.with("x-user-id", "user_456");
    owner
        .post("/api/projects", &json!({"name": "Mine"}))
        .await
        .expect(201);
    app.settle().await;
    let events = owner.get("/api/audit?limit=50").await.expect(200).json();
    assert_eq!(events["items"][0]["actor"]["id"], app.credentials.demo_user_id);
    app.nobody().get("/admin/tenants/tenant_123").await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn without_open_a_credential_is_needed_and_works() {
    let app = App::start().await;
    app.nobody()
        .get("/admin/tenants")
        .await
        .refused(401, "unauthenticated");
    app.admin().get("/admin/tenants").await.expect(200);
    let demo = app.nobody().with_key(&app.credentials.demo_tenant_api_key);
    assert_eq!(demo.get("/api/tenant").await.expect(200).text("/slug"), "demo");
    app.finish().await;
}

/// `--open` is for somebody on this machine: not for a web page that he looks at, nor for who comes through a proxy.
#[tokio::test]
async fn an_open_server_is_not_open_to_pages_and_proxies() {
    let app = App::with().open().start().await;
    app.nobody().get("/admin/tenants").await.expect(200);
    for (header, value) in [
        ("origin", "https://evil.example"),
        ("host", "evil.example"),
        ("x-forwarded-for", "203.0.113.9"),
        ("forwarded", "for=203.0.113.9"),
        ("authorization", "Bearer tny_admin_wrong"),
    ] {
        let reply = app.nobody().with(header, value).get("/admin/tenants").await;
        assert_eq!(reply.status, 401, "{header}: {value}");
    }
    app.finish().await;
}

/// Outside development nothing but a credential counts.
#[tokio::test]
async fn headers_are_not_trusted_from_anywhere_else() {
    let app = App::with()
        .setting("security.trusted_header_networks", "10.0.0.0/8")
        .start()
        .await;
    let id = app.credentials.demo_tenant_id.clone();
    app.nobody()
        .with("x-tenant-id", &id)
        .get("/api/tenant")
        .await
        .refused(401, "unauthenticated");
    let claimed = app
        .nobody()
        .with("x-tenant-id", &id)
        .with("x-forwarded-for", "10.0.0.1");
    claimed.get("/api/tenant").await.refused(401, "unauthenticated");
    app.finish().await;
}
