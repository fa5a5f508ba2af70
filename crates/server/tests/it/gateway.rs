//! Forward-auth: an application that knows nothing of tenants, behind the real nginx with the configuration of
//! docs/gateway.md.

use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Executor as _;
use tokio::time::Instant;

use crate::cors::policy;
use crate::support::{App, Application, Client, Nginx, Owner, Tenant, eventually};

/// What the gateway tells the application.
const TOLD: [&str; 5] = [
    "x-tenant-id",
    "x-tenant-slug",
    "x-tenant-plan",
    "x-user-id",
    "x-scopes",
];

/// The configuration in the document, with the addresses of this test.
fn documented(app: &App, application: &Application) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/gateway.md");
    let document = std::fs::read_to_string(path).expect("the document");
    let (_, rest) = document
        .split_once("```nginx\n")
        .expect("a configuration for nginx");
    let (configuration, _) = rest.split_once("```").expect("its end");
    let tenantry = app.url.trim_start_matches("http://");
    [
        ("127.0.0.1:3000", tenantry),
        ("127.0.0.1:8000", &application.address),
        ("listen 80;", "listen {listen};"),
    ]
    .iter()
    .fold(configuration.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from} in docs/gateway.md");
        text.replace(from, to)
    })
}

/// nginx stands in a network that may name callers in headers: that must not help those whom it was sent.
async fn behind_nginx() -> Option<(App, Application, Nginx)> {
    let app = App::with()
        .setting("server.trusted_proxies", "127.0.0.1/32")
        .start()
        .await;
    let application = Application::start().await;
    if let Some(nginx) = Nginx::start(&documented(&app, &application)).await {
        return Some((app, application, nginx));
    }
    eprintln!(
        "NOTE: nginx is NOT INSTALLED, so nothing is proved about a real gateway (Debian: nginx-light)"
    );
    app.stop().await;
    None
}

/// What the application was told of the caller.
async fn told(client: &Client, path: &str) -> Value {
    let shown = client.get(path).await.expect(200).json();
    TOLD.iter()
        .map(|name| (*name, shown["headers"][name].clone()))
        .collect()
}

fn of(tenant: &Tenant, slug: &str, user: Option<&str>, scopes: &str) -> Value {
    let user = user.map_or(Value::Null, |user| json!([user]));
    json!({"x-tenant-id": [tenant.id], "x-tenant-slug": [slug], "x-tenant-plan": ["enterprise"],
        "x-user-id": user, "x-scopes": [scopes]})
}

#[tokio::test]
async fn an_application_learns_from_nginx_whose_request_it_is() {
    let Some((app, _application, nginx)) = behind_nginx().await else {
        return;
    };
    let (acme, other) = (
        app.tenant("acme", "shared_database").await,
        app.tenant("other", "schema_per_tenant").await,
    );
    let nobody = Client::new(&nginx.url);
    let refused = nobody.get("/").await.expect(401);
    assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"tenantry\"");
    nobody.with_key("tny_wrong").get("/").await.expect(401);
    app.admin().at(&nginx.url).get("/").await.expect(401);

    let key = app.tenant_key(&acme.id, &["projects:*", "files:read"]).await;
    let caller = nobody.with_key(&key);
    let scopes = "projects:read projects:write files:read";
    let expected = of(&acme, "acme", None, scopes);
    assert_eq!(told(&caller, "/anything?x=1").await, expected);
    assert_eq!(
        told(&other.client.at(&nginx.url), "/").await["x-tenant-id"],
        json!([other.id])
    );

    // What the caller says of himself reaches neither the application nor the judgement.
    let mut liar = caller.clone();
    for name in TOLD {
        liar = liar.with(name, &other.id);
    }
    assert_eq!(told(&liar, "/").await, expected);
    let forged = liar
        .with("x_tenant_id", &other.id)
        .get("/")
        .await
        .expect(200)
        .json();
    assert_eq!(
        forged["headers"]["x_tenant_id"],
        Value::Null,
        "many applications take it for the same"
    );
    app.finish().await;
    let closed = caller.get("/").await;
    assert!(
        closed.status.is_server_error(),
        "without an answer nobody passes: {closed:?}"
    );
}

#[tokio::test]
async fn nobody_passes_nginx_by_naming_himself() {
    let Some((app, _application, nginx)) = behind_nginx().await else {
        return;
    };
    let acme = app.tenant("acme", "shared_database").await;
    let nobody = Client::new(&nginx.url);
    let user = "user_01h455vb4pex5vsknk084sn02q";
    for named in [
        nobody.with("x-tenant-id", &acme.id),
        nobody.with("x-tenant-id", &acme.id).with("x-user-id", user),
        nobody.with("host", "acme.tenantry.test"),
        nobody.with("x-forwarded-host", "acme.tenantry.test"),
    ] {
        named.get("/").await.expect(401);
    }

    let caller = nobody.with_key(&app.tenant_key(&acme.id, &["*"]).await);
    // A body goes to the application and not to us; the credential to us and not to the application.
    let posted = caller
        .post("/orders", &json!({"amount": 7}))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&posted["method"], &posted["uri"]),
        (&json!("POST"), &json!("/orders"))
    );
    assert_eq!(posted["body"], r#"{"amount":7}"#);
    assert_eq!(posted["headers"]["authorization"], Value::Null);
    assert_eq!(nginx.log(), "", "nginx has nothing to complain of");
    app.finish().await;
}

#[tokio::test]
async fn nginx_lets_nobody_pass_whom_a_tenant_or_the_platform_does_not() {
    let Some((app, _application, nginx)) = behind_nginx().await else {
        return;
    };
    let tenant = app.tenant("acme", "shared_database").await;
    let key = tenant
        .client
        .post(
            "/api/api-keys",
            &json!({"name": "CI", "scopes": ["projects:read"]}),
        )
        .await
        .expect(201);
    let caller = Client::new(&nginx.url).with_key(&key.text("/key"));
    caller.get("/").await.expect(200);

    let path = format!("/admin/tenants/{}", tenant.id);
    app.admin()
        .post(&format!("{path}/suspend"), &json!({"reason": "late payment"}))
        .await
        .expect(200);
    until(&caller, 403).await;
    app.admin()
        .post(&format!("{path}/reactivate"), &json!({}))
        .await
        .expect(200);
    until(&caller, 200).await;

    // The address that nginx vouches for.
    let elsewhere = caller.by_way_of(&Client::from_address(&nginx.url, "127.0.0.2"));
    elsewhere.get("/").await.expect(200);
    let walls = policy(&json!({"ipAllowList": ["127.0.0.1"]}));
    tenant
        .client
        .put("/api/security-policy", &walls)
        .await
        .expect(200);
    until(&elsewhere, 403).await;
    elsewhere
        .with("x-forwarded-for", "127.0.0.1")
        .get("/")
        .await
        .expect(403);
    caller.get("/").await.expect(200);

    tenant
        .client
        .delete(&format!("/api/api-keys/{}", key.text("/id")))
        .await
        .expect(204);
    let revoked = Instant::now();
    until(&caller, 401).await;
    assert!(
        revoked.elapsed() < Duration::from_secs(1),
        "it took {:?}",
        revoked.elapsed()
    );
    app.finish().await;
}

async fn until(client: &Client, status: u16) {
    eventually(&format!("{status}"), async || {
        (client.get("/").await.status == status).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_gateways_way_of_asking_is_understood() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let key = app.tenant_key(&tenant.id, &["projects:read"]).await;
    let caller = app.nobody().with_key(&key);
    for method in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND",
    ] {
        let method: Method = method.parse().expect("a method");
        for (path, status) in [
            ("/gateway/verify", 204),
            ("/gateway/verify/", 200),
            ("/gateway/verify/any/path?permission=nonsense&x=%00", 200),
            ("/gateway/verify/admin/tenants", 200),
        ] {
            let reply = caller.call(method.clone(), path).await;
            assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
            assert_eq!(reply.header("x-tenant-id"), tenant.id);
            assert!(reply.bytes.is_empty());
            app.nobody().call(method.clone(), path).await.expect(401);
        }
    }
    caller
        .get("/gateway/verify?permission=projects:read")
        .await
        .expect(204);
    let asked = caller.with("x-original-uri", "/orders/7?secret=x");
    asked
        .get("/gateway/verify?permission=projects:write")
        .await
        .refused(403, "forbidden");
    for mistake in [
        "permission=projects:*",
        "permission=nonsense",
        "permissions=projects:read",
    ] {
        let reply = caller.get(&format!("/gateway/verify?{mistake}")).await;
        reply.refused(400, "invalid_parameter");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_key_that_acts_for_a_person_names_him() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let user = Owner::active(&app, &tenant).await;
    let path = format!("/admin/tenants/{}/api-keys", tenant.id);
    let order = json!({"name": "hers", "scopes": ["*"], "userId": user.id});
    let key = app.admin().post(&path, &order).await.expect(201).text("/key");
    let judged = app
        .nobody()
        .with_key(&key)
        .get("/gateway/verify")
        .await
        .expect(204);
    assert_eq!(judged.header("x-user-id"), user.id);
    assert_eq!(judged.header("x-tenant-plan"), "enterprise");
    app.finish().await;
}

/// The tables are locked against every reader: whoever asks the database waits, and is not answered in time.
#[tokio::test]
async fn a_known_caller_costs_no_statement() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let user = Owner::active(&app, &tenant).await;
    let key = app
        .nobody()
        .with_key(&app.tenant_key(&tenant.id, &["*"]).await)
        .with("host", "acme.tenantry.test");
    let cookie = user.browser(&app, "open").await;
    for caller in [&key, &cookie] {
        caller.get("/gateway/verify").await.expect(204);
    }
    let mut superuser = app.superuser().await;
    let lock = "begin; lock table control.api_keys, control.admin_api_keys, control.users, control.sessions,
        control.tenants, control.stores, control.slugs, control.custom_domains, control.security_policies,
        control.roles in access exclusive mode";
    superuser.execute(lock).await.expect("locked");
    let asked = async {
        for _ in 0..50 {
            for caller in [&key, &cookie] {
                caller.get("/gateway/verify").await.expect(204);
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), asked)
        .await
        .expect("nobody waits for the database");
    let unknown = app.nobody().with_key("tny_unknown");
    let waits = tokio::time::timeout(Duration::from_millis(500), unknown.get("/gateway/verify")).await;
    assert!(
        waits.is_err(),
        "the lock holds up who has to be looked up: {waits:?}"
    );
    superuser.execute("rollback").await.expect("unlocked");
    app.finish().await;
}

#[tokio::test]
async fn a_browsers_session_passes_when_it_is_open_and_its_own_page_writes() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let user = Owner::active(&app, &tenant).await;
    let open = user.browser(&app, "open").await;
    let judged = open.get("/gateway/verify").await.expect(204);
    assert_eq!(judged.header("x-user-id"), user.id);
    for (stage, code) in [
        ("second_factor", "second_factor_required"),
        ("enrolment", "enrolment_required"),
    ] {
        let pending = user.browser(&app, stage).await;
        pending.get("/gateway/verify").await.refused(403, code);
        pending
            .get("/gateway/verify/api/auth/mfa")
            .await
            .refused(403, code);
    }
    let token = open.get("/api/auth/session").await.expect(200).text("/csrfToken");
    let own = open
        .with("x-csrf-token", &token)
        .with("origin", "https://acme.tenantry.test");
    for (name, method) in [("x-original-method", "POST"), ("x-forwarded-method", "DELETE")] {
        open.with(name, method)
            .get("/gateway/verify")
            .await
            .refused(403, "csrf_refused");
        // A second header does not talk it away.
        let other = if name == "x-original-method" {
            "x-forwarded-method"
        } else {
            "x-original-method"
        };
        let talked = open.with(name, method).with(other, "GET");
        talked.get("/gateway/verify").await.refused(403, "csrf_refused");
        own.with(name, method).get("/gateway/verify").await.expect(204);
        let foreign = own.with("origin", "https://evil.example").with(name, method);
        foreign.get("/gateway/verify").await.refused(403, "csrf_refused");
    }
    open.call(Method::POST, "/gateway/verify/orders")
        .await
        .refused(403, "csrf_refused");
    open.with("x-original-method", "GET")
        .call(Method::PUT, "/gateway/verify/orders")
        .await
        .refused(403, "csrf_refused");
    own.call(Method::POST, "/gateway/verify/orders").await.expect(200);
    // A's cookie on B's host.
    app.tenant("other", "shared_database").await;
    open.with("host", "other.tenantry.test")
        .get("/gateway/verify")
        .await
        .refused(403, "forbidden");
    app.finish().await;
}
