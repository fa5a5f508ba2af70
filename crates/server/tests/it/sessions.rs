//! Sessions, from outside: how long they open what, on every node, and what is no session.

pub(super) mod planted;
mod statements;
mod unopened;
mod walls;

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use self::planted::Login;
use crate::authz_matrix::shown;
use crate::support::{App, Client, Reply, eventually};

/// The demo tenant's owner, who logs in.
async fn owner(app: &App, kind: &str) -> Reply {
    let known = &app.credentials;
    let body = json!({
        "tenant": known.demo_tenant_slug, "email": known.demo_owner_email, "password": known.demo_owner_password,
        "session": kind,
    });
    app.nobody().post("/api/auth/login", &body).await.expect(200)
}

async fn operator(app: &App) -> Reply {
    let known = &app.credentials;
    let body = json!({"email": known.admin_email, "password": known.admin_password});
    app.nobody().post("/admin/auth/login", &body).await.expect(200)
}

/// The owner at his browser, and by a program.
async fn both(app: &App) -> [(Client, String); 2] {
    let (cookie, token) = (owner(app, "cookie").await, owner(app, "token").await);
    [
        (app.nobody().browser(&cookie), cookie.text("/session/id")),
        (
            app.nobody().with_key(&token.text("/accessToken")),
            token.text("/session/id"),
        ),
    ]
}

async fn refused_within_a_second(client: &Client, path: &str, code: (u16, &str)) {
    let since = Instant::now();
    eventually("the refusal", async || {
        (client.get(path).await.status.as_u16() == code.0).then_some(())
    })
    .await;
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    client.get(path).await.refused(code.0, code.1);
}

#[tokio::test]
async fn who_logs_out_is_out_on_every_node_within_a_second() {
    let app = App::start().await;
    let second = app.another_node().await;
    for (client, _) in both(&app).await {
        let there = client.at(&second.url);
        there.get("/api/me").await.expect(200);
        client.post("/api/auth/logout", &json!({})).await.expect(204);
        refused_within_a_second(&there, "/api/me", (401, "unauthenticated")).await;
        client.get("/api/me").await.refused(401, "unauthenticated");
    }
    let left = app.nobody().browser(&owner(&app, "cookie").await);
    let answer = left.post("/api/auth/logout", &json!({})).await.expect(204);
    assert!(
        answer
            .header("set-cookie")
            .contains("__Host-tenantry_session=; Path=/; Max-Age=0")
    );
    second.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn a_session_acts_as_its_person_and_shows_where_he_is_logged_in() {
    let app = App::start().await;
    let [(browser, cookie), (program, token)] = both(&app).await;
    for client in [&browser, &program] {
        let me = client.get("/api/me").await.expect(200);
        assert_eq!(me.text("/actor/type"), "user");
        assert_eq!(me.text("/actor/id"), app.credentials.demo_user_id);
    }
    let again = browser.get("/api/auth/session").await.expect(200);
    assert_eq!(again.text("/session/id"), cookie);
    let sent = browser.with("x-csrf-token", &again.text("/csrfToken"));
    sent.post("/api/projects", &json!({"name": "P"}))
        .await
        .expect(201);
    let other = program.get("/api/auth/session").await.expect(200).json();
    assert_eq!(other["session"]["id"], token);
    assert!(other.get("csrfToken").is_none(), "{other}");

    let listed = browser.get("/api/auth/sessions").await.expect(200).json();
    let items = listed["items"].as_array().expect("items");
    let seen: Vec<_> = items
        .iter()
        .map(|item| {
            (
                item["id"].as_str(),
                item["kind"].as_str(),
                item["current"].as_bool(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (Some(token.as_str()), Some("token"), Some(false)),
            (Some(cookie.as_str()), Some("cookie"), Some(true)),
        ]
    );
    assert_eq!(items[0]["ipAddress"], "127.0.0.1");
    let text = listed.to_string();
    assert!(!text.contains("tny_") && !text.contains("hash"), "{text}");
    app.finish().await;
}

#[tokio::test]
async fn somebody_ends_his_other_sessions_and_nobody_elses() {
    let app = App::start().await;
    let stranger = app.tenant("stranger", "shared_database").await;
    let [(browser, _), (program, token)] = both(&app).await;
    let unknown = "/api/auth/sessions/session_01h455vb4pex5vsknk084sn02q";
    let nowhere = browser.delete(unknown).await;
    let his = Login::of(&app, &stranger.id, "viewer", "cookie", "open").await;
    let foreign = browser
        .delete(&format!("/api/auth/sessions/{}", his.session))
        .await;
    assert_eq!(foreign.status, 404);
    assert_eq!(shown(&foreign), shown(&nowhere));
    let colleague = Login::of(&app, &app.credentials.demo_tenant_id, "owner", "cookie", "open").await;
    let foreign = browser
        .delete(&format!("/api/auth/sessions/{}", colleague.session))
        .await;
    assert_eq!(shown(&foreign), shown(&nowhere));

    browser
        .delete(&format!("/api/auth/sessions/{token}"))
        .await
        .expect(204);
    refused_within_a_second(&program, "/api/me", (401, "unauthenticated")).await;
    let [(other, _), (another, _)] = both(&app).await;
    other.get("/api/me").await.expect(200);
    browser.delete("/api/auth/sessions").await.expect(204);
    for ended in [&other, &another] {
        refused_within_a_second(ended, "/api/me", (401, "unauthenticated")).await;
    }
    browser.get("/api/me").await.expect(200);
    app.nobody()
        .with("cookie", &his.cookie())
        .get("/api/me")
        .await
        .expect(200);
    let key = app.nobody().with_key(&app.credentials.demo_tenant_api_key);
    key.delete("/api/auth/sessions").await.refused(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn an_operator_logs_in_and_out_too() {
    let app = App::start().await;
    let (one, other) = (operator(&app).await, operator(&app).await);
    let (browser, elsewhere) = (app.nobody().browser(&one), app.nobody().browser(&other));
    browser.get("/admin/tenants").await.expect(200);
    let listed = browser.get("/admin/auth/sessions").await.expect(200).json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2));
    let path = format!("/admin/auth/sessions/{}", other.text("/session/id"));
    browser.delete(&path).await.expect(204);
    refused_within_a_second(&elsewhere, "/admin/tenants", (401, "unauthenticated")).await;
    browser.post("/admin/auth/logout", &json!({})).await.expect(204);
    browser
        .get("/admin/auth/session")
        .await
        .refused(401, "unauthenticated");
    app.finish().await;
}

#[tokio::test]
async fn a_shut_out_or_deleted_persons_session_ends_and_so_does_a_suspended_tenants() {
    let app = App::start().await;
    let acme = app.tenant("acme", "shared_database").await;
    let [deactivated, deleted, demoted] = [
        Login::of(&app, &acme.id, "admin", "cookie", "open").await,
        Login::of(&app, &acme.id, "admin", "cookie", "open").await,
        Login::of(&app, &acme.id, "admin", "cookie", "open").await,
    ];
    let browser = |login: &Login| app.nobody().with("cookie", &login.cookie());
    for login in [&deactivated, &deleted, &demoted] {
        browser(login).get("/api/projects").await.expect(200);
        browser(login).get("/api/api-keys").await.expect(200);
    }
    let path = |login: &Login| format!("/api/users/{}", login.person);
    let shut_out = format!("{}/deactivate", path(&deactivated));
    acme.client.post(&shut_out, &json!({})).await.expect(200);
    refused_within_a_second(&browser(&deactivated), "/api/projects", (401, "unauthenticated")).await;
    acme.client.delete(&path(&deleted)).await.expect(204);
    refused_within_a_second(&browser(&deleted), "/api/projects", (401, "unauthenticated")).await;
    let role = format!("{}/role", path(&demoted));
    acme.client
        .put(&role, &json!({"role": "viewer"}))
        .await
        .expect(200);
    refused_within_a_second(&browser(&demoted), "/api/api-keys", (403, "forbidden")).await;
    browser(&demoted).get("/api/projects").await.expect(200);
    let path = format!("/admin/tenants/{}/suspend", acme.id);
    app.admin()
        .post(&path, &json!({"reason": "Unpaid"}))
        .await
        .expect(200);
    refused_within_a_second(&browser(&demoted), "/api/projects", (403, "tenant_suspended")).await;
    app.finish().await;
}
