//! Replacing a password: forgotten, by a mailed link; known, by itself.

use serde_json::{Value, json};

use super::login::{owner, tenant};
use crate::support::{App, Client, eventually};

const PASSWORD: &str = "seven lanterns over quiet water";
const NEW: &str = "nine bridges under loud snow";

/// Asks, waits for the mail, and answers the link in it. No mail of the kind may have been sent before.
async fn link(app: &App, asker: &Client, path: &str, body: &Value) -> String {
    let before = links(app).len();
    asker.post(path, body).await.expect(202);
    app.settle().await;
    eventually("the mail", async || links(app).into_iter().nth(before)).await
}

/// The links that were mailed, oldest first.
fn links(app: &App) -> Vec<String> {
    let link = |mail: &String| {
        let text = mail.replace("=\r\n", "").replace("=3D", "=");
        let page = text.find("/password-reset#")?;
        let begin = text[..page].rfind("http")?;
        text[begin..].split_whitespace().next().map(str::to_owned)
    };
    app.mails().iter().filter_map(link).collect()
}

fn token(link: &str) -> &str {
    link.split_once('#').expect("a secret part").1
}

fn forgot(slug: &str) -> Value {
    json!({"tenant": slug, "email": format!("Owner@{slug}.example.com")})
}

async fn by_cookie(app: &App, slug: &str, password: &str) -> (Client, String) {
    let mut body = owner(slug, password);
    body["session"] = json!("cookie");
    let came_in = app.nobody().post("/api/auth/login", &body).await.expect(200);
    let pair = came_in
        .header("set-cookie")
        .split(';')
        .next()
        .expect("a pair")
        .to_owned();
    (app.nobody().with("cookie", &pair), came_in.text("/csrfToken"))
}

/// Attack 14: the link leads to the tenant, whatever host the request claims to ask.
#[tokio::test]
async fn a_link_never_leads_to_the_host_that_was_claimed() {
    let app = App::start().await;
    let id = tenant(&app, "acme").await;
    let port = app.url.rsplit_once(':').expect("a port").1.to_owned();
    let evil = app
        .nobody()
        .with("host", "evil.example")
        .with("x-forwarded-host", "evil.example")
        .with("forwarded", "host=evil.example")
        .with("origin", "https://evil.example")
        .with("referer", "https://evil.example/");
    let sent = link(&app, &evil, "/api/auth/password/forgot", &forgot("acme")).await;
    assert!(
        sent.starts_with(&format!("http://acme.tenantry.test:{port}/password-reset#")),
        "{sent}"
    );

    let domains = format!("/admin/tenants/{id}/domains");
    for domain in ["pending.example.org", "app.example.org"] {
        app.admin()
            .post(&domains, &json!({"domain": domain}))
            .await
            .expect(201);
    }
    let verified = "update control.custom_domains set status = 'verified', verified_at = now() where domain like 'app.%'";
    sqlx::query(verified)
        .execute(&mut app.superuser().await)
        .await
        .expect("proved");
    let sent = link(&app, &evil, "/api/auth/password/forgot", &forgot("acme")).await;
    assert!(
        sent.starts_with(&format!("http://app.example.org:{port}/password-reset#")),
        "{sent}"
    );

    let operator = json!({"email": app.credentials.admin_email});
    let sent = link(&app, &evil, "/admin/auth/password/forgot", &operator).await;
    assert!(
        sent.starts_with(&format!("{}/admin/password-reset#", app.url)),
        "{sent}"
    );
    assert!(app.mails().iter().all(|mail| !mail.contains("evil")));
    app.finish().await;
}

#[tokio::test]
async fn a_link_works_once_and_everything_before_it_ends() {
    let app = App::start().await;
    tenant(&app, "acme").await;
    let (browser, _) = by_cookie(&app, "acme", PASSWORD).await;
    let came_in = app
        .nobody()
        .post("/api/auth/login", &owner("acme", PASSWORD))
        .await
        .expect(200);
    let program = app.nobody().with_key(&came_in.text("/accessToken"));
    let refresh = json!({"refreshToken": came_in.text("/refreshToken")});
    for client in [&browser, &program] {
        client.get("/api/tenant").await.expect(200);
    }
    let sent = link(&app, &app.nobody(), "/api/auth/password/forgot", &forgot("acme")).await;
    let reset = async |password: &str| {
        let body = json!({"token": token(&sent), "password": password});
        app.nobody().post("/api/auth/password/reset", &body).await
    };
    reset("too short").await.refused(422, "validation_failed");
    let (one, other) = tokio::join!(reset(NEW), reset(NEW));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 404]);
    reset(NEW).await.refused(404, "not_found");
    for client in [&browser, &program] {
        eventually("the session's end", async || {
            (client.get("/api/tenant").await.status == 401).then_some(())
        })
        .await;
    }
    app.nobody().post("/api/auth/refresh", &refresh).await.expect(401);
    app.nobody()
        .post("/api/auth/login", &owner("acme", PASSWORD))
        .await
        .refused(401, "invalid_credentials");
    app.nobody()
        .post("/api/auth/login", &owner("acme", NEW))
        .await
        .expect(200);
    app.settle().await;
    let told = app
        .mails()
        .iter()
        .any(|mail| mail.contains("Your password was changed"));
    assert!(told, "the owner is told");
    app.finish().await;
}

#[tokio::test]
async fn whether_there_is_somebody_is_not_told() {
    let app = App::start().await;
    tenant(&app, "acme").await;
    let ask = async |path: &str, body: Value| {
        let reply = app.nobody().post(path, &body).await.expect(202);
        assert_eq!(reply.json(), json!({"linkExpiresIn": 3600}));
    };
    ask(
        "/api/auth/password/forgot",
        json!({"tenant": "acme", "email": "nobody@acme.example.com"}),
    )
    .await;
    ask(
        "/api/auth/password/forgot",
        json!({"tenant": "nowhere", "email": "owner@acme.example.com"}),
    )
    .await;
    ask(
        "/admin/auth/password/forgot",
        json!({"email": "owner@acme.example.com"}),
    )
    .await;
    app.settle().await;
    assert_eq!(links(&app), Vec::<String>::new());
    for _ in 0..6 {
        ask("/api/auth/password/forgot", forgot("acme")).await;
    }
    app.settle().await;
    assert_eq!(links(&app).len(), 3, "nobody's mailbox is filled");
    for body in [
        json!({}),
        json!({"tenant": "acme", "email": "owner"}),
        json!({"email": "owner@acme.example.com"}),
    ] {
        let refused = app.nobody().post("/api/auth/password/forgot", &body).await;
        refused.refused(422, "validation_failed");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_link_is_good_for_its_own_tenant_and_plane_and_until_a_newer_one() {
    let app = App::start().await;
    tenant(&app, "acme").await;
    tenant(&app, "other").await;
    let older = link(&app, &app.nobody(), "/api/auth/password/forgot", &forgot("acme")).await;
    let newer = link(&app, &app.nobody(), "/api/auth/password/forgot", &forgot("acme")).await;
    let body = |link: &str| json!({"token": token(link), "password": NEW});
    let reset = "/api/auth/password/reset";
    app.nobody()
        .post(reset, &body(&older))
        .await
        .refused(404, "not_found");
    let at_other = app.nobody().with("host", "other.tenantry.test");
    at_other
        .post(reset, &body(&newer))
        .await
        .refused(404, "not_found");
    app.nobody()
        .post("/admin/auth/password/reset", &body(&newer))
        .await
        .refused(404, "not_found");
    let at_home = app.nobody().with("host", "acme.tenantry.test");
    at_home.post(reset, &body(&newer)).await.expect(204);
    app.finish().await;
}

#[tokio::test]
async fn an_operator_replaces_his_password() {
    let app = App::start().await;
    let email = app.credentials.admin_email.clone();
    let asked = json!({"email": email});
    let sent = link(&app, &app.nobody(), "/admin/auth/password/forgot", &asked).await;
    let page = sent
        .trim_start_matches(&app.url)
        .split('#')
        .next()
        .expect("a path");
    let shown = app.nobody().get(page).await.expect(200);
    assert!(
        shown
            .header("content-security-policy")
            .contains("script-src 'sha256-")
    );
    let body = json!({"token": token(&sent), "password": NEW});
    app.nobody()
        .post("/api/auth/password/reset", &body)
        .await
        .refused(404, "not_found");
    app.nobody()
        .post("/admin/auth/password/reset", &body)
        .await
        .expect(204);
    let login = json!({"email": email, "password": NEW});
    app.nobody().post("/admin/auth/login", &login).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_change_needs_the_present_password_and_ends_the_other_sessions() {
    let app = App::start().await;
    tenant(&app, "acme").await;
    let (own, csrf) = by_cookie(&app, "acme", PASSWORD).await;
    let (other, _) = by_cookie(&app, "acme", PASSWORD).await;
    let own = own
        .with("x-csrf-token", &csrf)
        .with("sec-fetch-site", "same-origin");
    let change = |current: &str, new: &str| json!({"currentPassword": current, "newPassword": new});
    let path = "/api/auth/password";
    let wrong = own.put(path, &change("something else entirely", NEW)).await;
    assert_eq!(
        wrong.refused(422, "validation_failed")["errors"][0]["pointer"],
        "/currentPassword"
    );
    let weak = own.put(path, &change(PASSWORD, "password1234")).await;
    assert_eq!(
        weak.refused(422, "validation_failed")["errors"][0]["pointer"],
        "/newPassword"
    );
    own.put(path, &change(PASSWORD, NEW)).await.expect(204);
    own.get("/api/tenant").await.expect(200);
    eventually("the other's end", async || {
        (other.get("/api/tenant").await.status == 401).then_some(())
    })
    .await;
    app.nobody()
        .post("/api/auth/login", &owner("acme", NEW))
        .await
        .expect(200);

    let by_key = app.nobody().with_key(&app.credentials.demo_tenant_api_key);
    by_key
        .put(path, &change(PASSWORD, NEW))
        .await
        .refused(404, "not_found");
    app.nobody()
        .put(path, &change(PASSWORD, NEW))
        .await
        .refused(401, "unauthenticated");

    let known = &app.credentials;
    let body = json!({"email": known.admin_email, "password": known.admin_password, "session": "token"});
    let operator = app.nobody().post("/admin/auth/login", &body).await.expect(200);
    let operator = app.nobody().with_key(&operator.text("/accessToken"));
    let changed = operator
        .put("/admin/auth/password", &change(&known.admin_password, NEW))
        .await;
    changed.expect(204);
    app.finish().await;
}
