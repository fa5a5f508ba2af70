//! Coming in with a password, in both planes.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::support::{App, Client, Reply};

const PASSWORD: &str = "seven lanterns over quiet water";
const WRONG: &str = "eight lanterns over quiet water";

/// A tenant whose owner has the password.
pub(super) async fn tenant(app: &App, slug: &str) -> String {
    let body = json!({
        "name": slug, "slug": slug, "plan": "enterprise",
        "owner": {"email": format!("owner@{slug}.example.com"), "name": "Olga Owner", "password": PASSWORD},
    });
    let made = app.admin().post("/admin/provision", &body).await.expect(201);
    made.text("/tenantId")
}

/// The owner of this tenant, by token unless told otherwise.
pub(super) fn owner(slug: &str, password: &str) -> Value {
    json!({
        "tenant": slug, "email": format!("owner@{slug}.example.com"), "password": password, "session": "token",
    })
}

/// Somebody else, from another address of this machine.
fn elsewhere(app: &App) -> Client {
    Client::from_address(&app.url, "127.0.0.2")
}

/// What of a refusal is not the request's own.
fn shown(reply: &Reply) -> (u16, Value) {
    let mut body = reply.json();
    for member in ["instance", "requestId"] {
        body.as_object_mut().expect("a problem").remove(member);
    }
    (reply.status.as_u16(), body)
}

async fn scalar(connection: &mut PgConnection, query: &'static str) -> String {
    sqlx::query_scalar(query)
        .fetch_one(connection)
        .await
        .expect(query)
}

#[tokio::test]
async fn an_operator_and_an_owner_come_in_by_cookie_and_by_token() {
    let app = App::start().await;
    let known = &app.credentials;
    let operator = json!({"email": known.admin_email, "password": known.admin_password});
    let came_in = app
        .nobody()
        .post("/admin/auth/login", &operator)
        .await
        .expect(200);
    assert_eq!(came_in.text("/status"), "open");
    assert_eq!(came_in.text("/admin/email"), known.admin_email);
    let cookie = came_in.header("set-cookie").to_owned();
    assert!(
        cookie.starts_with("__Host-tenantry_admin=tny_session_"),
        "{cookie}"
    );
    for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let browser = app
        .nobody()
        .with("cookie", cookie.split(';').next().expect("a pair"));
    browser.get("/admin/tenants").await.expect(200);
    browser.get("/api/me").await.expect(401);

    let body = json!({
        "email": "OWNER@example.com", "password": known.demo_owner_password, "session": "token",
    });
    for client in [
        app.nobody().with("x-tenant-id", &known.demo_tenant_id),
        app.nobody().with("host", "demo.tenantry.test"),
    ] {
        let came_in = client.post("/api/auth/login", &body).await.expect(200);
        assert!(came_in.headers.get("set-cookie").is_none(), "{came_in:?}");
        assert_eq!(came_in.text("/tokenType"), "Bearer");
        assert!(came_in.text("/refreshToken").starts_with("tny_refresh_"));
        let program = app.nobody().with_key(&came_in.text("/accessToken"));
        assert_eq!(
            program.get("/api/tenant").await.expect(200).text("/id"),
            known.demo_tenant_id
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn whatever_is_wrong_is_answered_alike() {
    let app = App::start().await;
    tenant(&app, "acme").await;
    app.tenant("invited", "shared_database").await;
    let login = async |body: Value| app.nobody().post("/api/auth/login", &body).await;
    let wrong = login(owner("acme", WRONG)).await;
    assert_eq!(wrong.text("/code"), "invalid_credentials");
    let mut unknown = owner("acme", PASSWORD);
    unknown["email"] = json!("nobody@acme.example.com");
    let mut no_address = owner("acme", PASSWORD);
    no_address["email"] = json!("owner");
    let huge = PASSWORD.repeat(20_000);
    for body in [
        unknown,
        no_address,
        owner("acme", ""),
        owner("acme", &huge),
        owner("invited", PASSWORD),
        owner("nowhere", PASSWORD),
    ] {
        assert_eq!(shown(&login(body).await), shown(&wrong));
    }
    let operator = json!({"email": "nobody@example.com", "password": PASSWORD});
    let refused = app.nobody().post("/admin/auth/login", &operator).await;
    assert_eq!(shown(&refused), shown(&wrong));
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_login_is_refused_before_anything_is_looked_at() {
    let app = App::start().await;
    tenant(&app, "acme").await;
    let good = owner("acme", PASSWORD);
    let with = |member: &str, value: Value| {
        let mut body = good.clone();
        body[member] = value;
        body
    };
    for body in [
        json!({}),
        json!([]),
        json!("login"),
        with("password", json!(1)),
        with("password", json!(null)),
        with("email", json!(["owner@acme.example.com"])),
        with("session", json!("cookies")),
        with("tenant", json!(7)),
        with("tenant", json!(null)),
        with("admin", json!(true)),
        with("password", json!("nul\u{0}nul")),
    ] {
        app.nobody()
            .post("/api/auth/login", &body)
            .await
            .refused(422, "validation_failed");
    }
    let too_long = with("password", json!("x".repeat(1_100_000)));
    app.nobody()
        .post("/api/auth/login", &too_long)
        .await
        .refused(413, "payload_too_large");
    let other_host = app.nobody().with("host", "demo.tenantry.test");
    other_host
        .post("/api/auth/login", &good)
        .await
        .refused(404, "not_found");
    let mut connection = app.superuser().await;
    assert_eq!(
        scalar(
            &mut connection,
            "select count(*)::text from control.login_failures"
        )
        .await,
        "0"
    );
    app.finish().await;
}

#[tokio::test]
async fn failures_block_on_every_node_for_longer_each_time_but_not_their_owner() {
    let app = App::start().await;
    let id = tenant(&app, "acme").await;
    let second = app.another_node().await;
    let wrong = async |client: Client| client.post("/api/auth/login", &owner("acme", WRONG)).await;
    for _ in 0..5 {
        wrong(app.nobody()).await.refused(401, "invalid_credentials");
    }
    let wait = |reply: &Reply| reply.header("retry-after").parse::<u64>().expect("seconds");
    for client in [app.nobody(), second.nobody()] {
        let blocked = client.post("/api/auth/login", &owner("acme", PASSWORD)).await;
        assert!((1..=15).contains(&wait(&blocked)), "{blocked:?}");
        blocked.refused(429, "login_blocked");
    }
    let right = owner("acme", PASSWORD);
    elsewhere(&app).post("/api/auth/login", &right).await.expect(200);

    let mut connection = app.superuser().await;
    let pass = "update control.login_failures set blocked_until = now() - interval '1 second'
                where blocked_until is not null";
    sqlx::query(pass)
        .execute(&mut connection)
        .await
        .expect("time passes");
    wrong(app.nobody()).await.refused(401, "invalid_credentials");
    let blocked = wrong(app.nobody()).await;
    assert!((16..=30).contains(&wait(&blocked)), "{blocked:?}");
    sqlx::query(pass)
        .execute(&mut connection)
        .await
        .expect("time passes");
    app.nobody().post("/api/auth/login", &right).await.expect(200);
    wrong(app.nobody()).await.refused(401, "invalid_credentials");

    let path = format!("/admin/audit?tenantId={id}&eventType=auth.login_blocked");
    let events = app.admin().get(&path).await.expect(200).json();
    assert_eq!(events["items"].as_array().map(Vec::len), Some(2), "{events}");
    assert_eq!(events["items"][0]["metadata"]["scope"], "account_from_network");
    let path = format!("/admin/audit?tenantId={id}&eventType=auth.login_failed");
    let failed = app.admin().get(&path).await.expect(200);
    let text = String::from_utf8_lossy(&failed.bytes).into_owned();
    assert!(
        text.contains("wrong_password") && text.contains("127.0.0.1"),
        "{text}"
    );
    assert!(!text.contains(WRONG) && !text.contains("owner@acme"), "{text}");
    second.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn of_many_guesses_at_once_few_are_looked_at() {
    let app = App::start().await;
    tenant(&app, "acme").await;
    let guesses = (0..40).map(|number| {
        let client = app.nobody();
        async move {
            let body = owner("acme", &format!("{WRONG} {number}"));
            client.post("/api/auth/login", &body).await.status.as_u16()
        }
    });
    let statuses = futures_util::future::join_all(guesses).await;
    let count = |status: u16| statuses.iter().filter(|one| **one == status).count();
    assert!(count(401) <= 5, "{statuses:?}");
    assert_eq!(count(401) + count(429) + count(503), 40, "{statuses:?}");
    elsewhere(&app)
        .post("/api/auth/login", &owner("acme", PASSWORD))
        .await
        .expect(200);
    app.finish().await;
}

/// Somebody else's page could log its visitor in to an account of its own (login CSRF).
#[tokio::test]
async fn a_foreign_page_cannot_log_its_visitor_in() {
    let app = App::start().await;
    tenant(&app, "acme").await;
    let mut body = owner("acme", PASSWORD);
    body["session"] = json!("cookie");
    let host = app.url.trim_start_matches("http://").to_owned();
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let page = app.nobody().with(name, value);
        page.post("/api/auth/login", &body)
            .await
            .refused(403, "csrf_refused");
        let operator =
            json!({"email": app.credentials.admin_email, "password": app.credentials.admin_password});
        page.post("/admin/auth/login", &operator)
            .await
            .refused(403, "csrf_refused");
    }
    let own = app.nobody().with("origin", &format!("https://{host}"));
    own.with("sec-fetch-site", "same-origin")
        .post("/api/auth/login", &body)
        .await
        .expect(200);
    app.finish().await;
}

/// Attack 19: a session that somebody planted is not the one that is opened.
#[tokio::test]
async fn a_planted_cookie_is_not_adopted() {
    let app = App::start().await;
    tenant(&app, "acme").await;
    let mut body = owner("acme", PASSWORD);
    body["session"] = json!("cookie");
    let attackers = app.nobody().post("/api/auth/login", &body).await.expect(200);
    let pair = |reply: &Reply| {
        reply
            .header("set-cookie")
            .split(';')
            .next()
            .expect("a pair")
            .to_owned()
    };
    let made_up = format!("__Host-tenantry_session=tny_session_{}", "A".repeat(43));
    for planted in [made_up, pair(&attackers)] {
        let victim = app.nobody().with("cookie", &planted);
        let came_in = victim.post("/api/auth/login", &body).await.expect(200);
        assert_ne!(pair(&came_in), planted);
        assert_ne!(came_in.text("/session/id"), attackers.text("/session/id"));
    }
    app.finish().await;
}

#[tokio::test]
async fn a_suspended_tenant_says_so_to_who_has_the_password_only() {
    let app = App::start().await;
    let id = tenant(&app, "acme").await;
    let path = format!("/admin/tenants/{id}/suspend");
    app.admin()
        .post(&path, &json!({"reason": "Unpaid"}))
        .await
        .expect(200);
    let login = async |password: &str| {
        app.nobody()
            .post("/api/auth/login", &owner("acme", password))
            .await
    };
    crate::support::eventually("the suspension", async || {
        (login(PASSWORD).await.status == 403).then_some(())
    })
    .await;
    login(PASSWORD).await.refused(403, "tenant_suspended");
    login(WRONG).await.refused(401, "invalid_credentials");
    app.finish().await;
}

#[tokio::test]
async fn a_password_is_hashed_anew_when_the_algorithm_is_another() {
    let app = App::start().await;
    let known = app.credentials.clone();
    let body = json!({"email": known.admin_email, "password": known.admin_password});
    let stored = "select password_hash from control.admins where email = 'admin@example.com'";
    let mut installation = app.stop().await;
    for (algorithm, begins) in [("argon2id", "$argon2id$v=19$"), ("bcrypt", "$2b$12$")] {
        let app = App::with()
            .setting("security.password_hash", algorithm)
            .start_on(installation)
            .await;
        app.nobody().post("/admin/auth/login", &body).await.expect(200);
        let hash = scalar(&mut app.superuser().await, stored).await;
        assert!(hash.starts_with(begins), "{algorithm}: {hash}");
        app.nobody().post("/admin/auth/login", &body).await.expect(200);
        installation = app.stop().await;
    }
}

/// The answer to a wrong method is not the door's.
#[tokio::test]
async fn only_post_logs_in() {
    let app = App::start().await;
    for path in ["/api/auth/login", "/admin/auth/login"] {
        app.nobody()
            .call(Method::GET, path)
            .await
            .refused(405, "method_not_allowed");
    }
    app.finish().await;
}
