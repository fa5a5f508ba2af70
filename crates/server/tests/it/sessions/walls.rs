//! What is no session here: another tenant's, another plane's, another page's, another person's.

use reqwest::Method;
use serde_json::{Value, json};

use super::planted::Login;
use super::{both, owner};
use crate::authz_matrix::shown;
use crate::support::{App, Client, Reply, Tenant};

/// Attack 19, and: what is right in one place is nothing in another.
#[tokio::test]
async fn a_cookie_is_good_for_its_own_tenant_as_a_cookie_on_its_own_plane() {
    let app = App::start().await;
    let acme = app.tenant("acme", "shared_database").await;
    let outcome = owner(&app, "cookie").await;
    let browser = app.nobody().browser(&outcome);
    browser
        .with("host", "demo.tenantry.test")
        .get("/api/me")
        .await
        .expect(200);
    for (header, foreign, unknown) in [
        ("host", "acme.tenantry.test", "none.tenantry.test"),
        (
            "x-tenant-id",
            acme.id.as_str(),
            "tenant_01h455vb4pex5vsknk084sn02q",
        ),
    ] {
        let foreign = browser.with(header, foreign).get("/api/me").await;
        let nowhere = browser.with(header, unknown).get("/api/me").await;
        assert_eq!(foreign.status, 404, "{foreign:?}");
        assert_eq!(shown(&foreign), shown(&nowhere));
    }
    no_other_secret_is_a_cookie(&app, &acme, &outcome).await;
    app.finish().await;
}

async fn no_other_secret_is_a_cookie(app: &App, acme: &Tenant, outcome: &Reply) {
    let pair = outcome
        .header("set-cookie")
        .split(';')
        .next()
        .expect("a pair")
        .to_owned();
    let secret = pair.split_once('=').expect("a pair").1;
    let admin = format!("__Host-tenantry_admin={secret}");
    let program = owner(app, "token").await;
    let waiting = Login::of(app, &acme.id, "owner", "token", "second_factor").await;
    for (what, client) in [
        ("as bearer", app.nobody().with_key(secret)),
        ("on the other plane", app.nobody().with("cookie", &admin)),
        ("twice", app.nobody().with("cookie", &format!("{pair}; {pair}"))),
        ("cut", app.nobody().with("cookie", &pair[..pair.len() - 1])),
        (
            "an access token",
            app.nobody().with("cookie", &named(&program.text("/accessToken"))),
        ),
        (
            "a refresh token",
            app.nobody()
                .with("cookie", &named(&program.text("/refreshToken"))),
        ),
        (
            "a pending token",
            app.nobody().with("cookie", &named(&waiting.secret)),
        ),
        (
            "a key",
            app.nobody()
                .with("cookie", &named(&app.credentials.demo_tenant_api_key)),
        ),
    ] {
        for path in ["/api/me", "/api/auth/session", "/admin/tenants"] {
            let reply = client.get(path).await;
            assert_eq!(reply.status, 401, "{what}: {reply:?}");
        }
    }
    app.nobody()
        .with_key(&program.text("/refreshToken"))
        .get("/api/me")
        .await
        .refused(401, "unauthenticated");
}

fn named(secret: &str) -> String {
    format!("__Host-tenantry_session={secret}")
}

#[tokio::test]
async fn two_credentials_have_to_be_the_same_persons() {
    let app = App::start().await;
    let browser = app.nobody().browser(&owner(&app, "cookie").await);
    let own = owner(&app, "token").await.text("/accessToken");
    browser.with_key(&own).get("/api/me").await.expect(200);
    let acme = app.tenant("acme", "shared_database").await;
    let other = Login::of(&app, &app.credentials.demo_tenant_id, "viewer", "cookie", "open").await;
    for (what, client) in [
        (
            "a machine's key",
            browser.with_key(&app.credentials.demo_tenant_api_key),
        ),
        (
            "another tenant's key",
            acme.client.with("cookie", &other.cookie()),
        ),
        (
            "a colleague",
            app.nobody().with_key(&own).with("cookie", &other.cookie()),
        ),
        ("nobody", browser.with_key("tny_wrong")),
        (
            "an ended one",
            app.nobody()
                .with_key(&own)
                .with("cookie", &named("tny_session_x")),
        ),
    ] {
        let reply = client.get("/api/me").await;
        assert_eq!(reply.status, 401, "{what}: {reply:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_foreign_page_changes_nothing_and_is_in_the_trail() {
    let app = App::start().await;
    let browser = app.nobody().browser(&owner(&app, "cookie").await);
    let body = json!({"name": "P"});
    browser.post("/api/projects", &body).await.expect(201);
    let projects = async || browser.get("/api/projects").await.expect(200).json()["items"].clone();
    let before = projects().await;
    for (what, client) in [
        ("no token", browser.without("x-csrf-token")),
        ("another token", browser.with("x-csrf-token", "AAAA")),
        ("another page", browser.with("origin", "https://evil.example")),
        (
            "a neighbour",
            browser.without("origin").with("sec-fetch-site", "same-site"),
        ),
        ("nobody's word", browser.without("origin")),
    ] {
        for (method, path) in [
            (Method::POST, "/api/projects"),
            (Method::PUT, "/api/settings/x"),
            (Method::DELETE, "/api/auth/sessions"),
        ] {
            let reply = client
                .try_send(method, path, Some(&body))
                .await
                .expect("an answer");
            assert_eq!(reply.text("/code"), "csrf_refused", "{what}: {reply:?}");
        }
        client.get("/api/projects").await.expect(200);
    }
    assert_eq!(projects().await, before);
    let path = format!(
        "/admin/audit?tenantId={}&eventType=security.access_denied",
        app.credentials.demo_tenant_id
    );
    let events = app.admin().get(&path).await.expect(200).json();
    assert_eq!(
        events["items"][0]["metadata"]["reason"], "csrf_refused",
        "{events}"
    );
    app.finish().await;
}

/// A key repeats an answer to the same person only, by whatever credential he comes.
#[tokio::test]
async fn a_repeated_change_is_the_same_persons() {
    let app = App::start().await;
    let [(browser, _), (program, _)] = both(&app).await;
    let acme = &app.credentials.demo_tenant_id;
    let colleague = Login::of(&app, acme, "owner", "cookie", "open").await;
    let colleague = colleague.client(&app).await;
    let body = json!({"name": "P"});
    let send = async |client: &Client| {
        let keyed = client.with("idempotency-key", "key-1");
        keyed.post("/api/projects", &body).await
    };
    let first: Value = send(&browser).await.expect(201).json();
    assert_eq!(send(&browser).await.expect(201).json(), first);
    assert_eq!(send(&program).await.expect(201).json(), first);
    send(&colleague).await.refused(409, "idempotency_key_reused");
    app.finish().await;
}
