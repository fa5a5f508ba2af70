//! Which web pages may read a tenant's answers.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{App, Client, Owner, Reply, Tenant, eventually};

const PAGE: &str = "https://app.example.com";

pub(crate) fn policy(change: &Value) -> Value {
    let mut policy = json!({"mfaRequired": false, "ipAllowList": [], "allowedOrigins": [],
        "sessionIdleMinutes": 60, "sessionLifetimeHours": 24});
    for (name, value) in change.as_object().expect("an object") {
        policy[name] = value.clone();
    }
    policy
}

async fn allow(tenant: &Tenant, origins: Value) {
    let policy = policy(&json!({"allowedOrigins": origins}));
    tenant
        .client
        .put("/api/security-policy", &policy)
        .await
        .expect(200);
}

async fn preflight(client: &Client, host: &str, path: &str, origin: &str) -> Reply {
    let asking = client
        .with("host", host)
        .with("origin", origin)
        .with("access-control-request-method", "PUT")
        .with(
            "access-control-request-headers",
            "authorization,content-type,if-match",
        );
    asking.call(Method::OPTIONS, path).await
}

fn says_no_word(reply: &Reply) -> bool {
    !reply
        .headers
        .keys()
        .any(|name| name.as_str().starts_with("access-control-"))
}

#[tokio::test]
async fn a_preflight_is_answered_for_the_pages_that_the_hosts_tenant_names() {
    let app = App::start().await;
    let acme = app.tenant("acme", "shared_database").await;
    app.tenant("other", "shared_database").await;
    allow(&acme, json!([PAGE, "http://localhost:5173"])).await;
    let nobody = app.nobody();
    for origin in [PAGE, "http://localhost:5173"] {
        let reply = eventually("the policy", async || {
            let reply = preflight(&nobody, "acme.tenantry.test", "/api/projects", origin).await;
            (!says_no_word(&reply)).then_some(reply)
        })
        .await
        .expect(204);
        assert_eq!(reply.header("access-control-allow-origin"), origin);
        assert_eq!(reply.header("access-control-allow-credentials"), "true");
        assert!(reply.header("access-control-allow-methods").contains("PUT"));
        let headers = reply.header("access-control-allow-headers").to_lowercase();
        for needed in [
            "authorization",
            "content-type",
            "if-match",
            "x-csrf-token",
            "idempotency-key",
        ] {
            assert!(headers.contains(needed), "{needed}");
        }
        assert!(reply.header("vary").contains("Origin"));
    }
    for (host, path, origin) in [
        ("acme.tenantry.test", "/api/projects", "https://evil.example"),
        ("acme.tenantry.test", "/api/projects", "null"),
        ("acme.tenantry.test", "/api/projects", "http://app.example.com"),
        (
            "acme.tenantry.test",
            "/api/projects",
            "https://app.example.com:8443",
        ),
        (
            "acme.tenantry.test",
            "/api/projects",
            "https://app.example.com.evil.example",
        ),
        ("other.tenantry.test", "/api/projects", PAGE),
        ("nobody.tenantry.test", "/api/projects", PAGE),
        ("tenantry.test", "/api/projects", PAGE),
        ("127.0.0.1", "/api/projects", PAGE),
        ("acme.tenantry.test", "/admin/tenants", PAGE),
    ] {
        let reply = preflight(&nobody, host, path, origin).await;
        assert!(
            says_no_word(&reply),
            "{host} {path} {origin}: {:?}",
            reply.headers
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn an_answer_is_shown_to_the_pages_of_its_own_tenant() {
    let app = App::start().await;
    let (acme, other) = (
        app.tenant("acme", "shared_database").await,
        app.tenant("other", "shared_database").await,
    );
    allow(&acme, json!([PAGE])).await;
    let reading = acme
        .client
        .with("host", "acme.tenantry.test")
        .with("origin", PAGE);
    let read = eventually("the policy", async || {
        let read = reading.get("/api/projects").await;
        (!says_no_word(&read)).then_some(read)
    })
    .await
    .expect(200);
    assert_eq!(read.header("access-control-allow-origin"), PAGE);
    assert_eq!(read.header("access-control-allow-credentials"), "true");
    assert!(read.header("access-control-expose-headers").contains("ETag"));
    assert_eq!(read.header("vary"), "Origin");
    let refused = reading.get("/api/projects/nonsense").await;
    assert_eq!(
        refused.header("access-control-allow-origin"),
        PAGE,
        "problems are read too"
    );

    // A's origin is no reason to show B's answers, wherever B's caller asks.
    for client in [
        other
            .client
            .with("host", "other.tenantry.test")
            .with("origin", PAGE),
        acme.client.with("origin", PAGE),
        acme.client.with("origin", PAGE).with("x-tenant-id", &acme.id),
        reading.with("origin", "https://evil.example"),
    ] {
        let reply = client.get("/api/projects").await.expect(200);
        assert!(says_no_word(&reply), "{:?}", reply.headers);
        assert_eq!(reply.header("vary"), "Origin", "no cache may mix the two");
    }
    let operator = app
        .admin()
        .with("host", "acme.tenantry.test")
        .with("origin", PAGE);
    assert!(says_no_word(&operator.get("/admin/tenants").await.expect(200)));

    allow(&acme, json!([])).await;
    eventually("the origin to be withdrawn", async || {
        says_no_word(&reading.get("/api/projects").await).then_some(())
    })
    .await;
    app.finish().await;
}

/// With the cookie that a browser sends along within one site, and the token that the page could read.
#[tokio::test]
async fn a_page_that_may_read_may_write_with_its_token() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    allow(&tenant, json!([PAGE])).await;
    let browser = Owner::active(&app, &tenant).await.browser(&app, "open").await;
    let page = browser.with("origin", PAGE).with("sec-fetch-site", "same-site");
    let token = page.get("/api/auth/session").await.expect(200).text("/csrfToken");
    let body = json!({"name": "P"});
    page.post("/api/projects", &body)
        .await
        .refused(403, "csrf_refused");
    let foreign = page
        .with("origin", "https://evil.example")
        .with("x-csrf-token", &token);
    foreign
        .post("/api/projects", &body)
        .await
        .refused(403, "csrf_refused");
    let written = page
        .with("x-csrf-token", &token)
        .post("/api/projects", &body)
        .await
        .expect(201);
    assert_eq!(written.header("access-control-allow-origin"), PAGE);
    allow(&tenant, json!([])).await;
    let withdrawn = page.with("x-csrf-token", &token);
    eventually("the origin to be withdrawn", async || {
        (withdrawn.post("/api/projects", &body).await.status == 403).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn options_without_a_preflight_is_no_preflight() {
    let app = App::start().await;
    let reply = app.nobody().call(Method::OPTIONS, "/api/projects").await;
    reply.refused(405, "method_not_allowed");
    let asked = app.nobody().with("origin", PAGE);
    asked
        .call(Method::OPTIONS, "/api/projects")
        .await
        .refused(405, "method_not_allowed");
    app.finish().await;
}
