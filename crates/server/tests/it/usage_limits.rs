//! How much and how fast a tenant's callers may, what they are told of it, and what their requests count.

mod counting;
mod statements;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use sqlx::PgConnection;

use crate::support::{App, Client, Reply, eventually};

/// A network that no test comes from, so that every address counts.
const NOWHERE: &str = "192.0.2.0/24";

/// A tenant on this plan, and a caller with a key that may do everything in it.
async fn tenant_on(app: &App, slug: &str, plan: &str) -> (String, Client) {
    let body = json!({
        "name": format!("Tenant {slug}"), "slug": slug, "plan": plan,
        "owner": {"email": format!("owner@{slug}.example.com"), "name": "Olga Owner"},
    });
    let made = app.admin().post("/admin/provision", &body).await.expect(201);
    let id = made.text("/tenantId");
    let key = app.tenant_key(&id, &["*"]).await;
    (id, app.nobody().with_key(&key))
}

/// A quota of its own for a tenant, announced as the product does.
async fn set_quota(
    connection: &mut PgConnection,
    tenant: &str,
    metric: &str,
    period: &str,
    limit: i64,
    mode: &str,
) {
    let id: kernel::TenantId = tenant.parse().expect("a tenant");
    sqlx::query(
        "insert into control.quotas (tenant_id, metric, period, limit_at, mode, created_at, updated_at)
         values ($1, $2, $3, $4, $5, now(), now())
         on conflict (tenant_id, metric, period) do update set limit_at = excluded.limit_at, mode = excluded.mode",
    )
    .bind(id)
    .bind(metric)
    .bind(period)
    .bind(limit)
    .bind(mode)
    .execute(&mut *connection)
    .await
    .expect("a quota");
    sqlx::query("with row as (insert into control.changes (topic, key) values ('usage', $1)) select pg_notify('tenantry_changes', 'usage:' || $1)")
        .bind(tenant)
        .execute(connection)
        .await
        .expect("announced");
}

/// A parameter of an item of a structured field's list.
fn parameter(reply: &Reply, field: &str, item: &str, name: &str) -> Option<i64> {
    text_parameter(reply, field, item, name)?.parse().ok()
}

fn text_parameter(reply: &Reply, field: &str, item: &str, name: &str) -> Option<String> {
    let list = reply.headers.get(field)?.to_str().expect("ASCII").to_owned();
    let found = list
        .split(", ")
        .find(|entry| entry.starts_with(&format!("\"{item}\";")))?;
    let value = found
        .split(';')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
    Some(value.to_owned())
}

fn left(reply: &Reply, item: &str) -> i64 {
    let left = parameter(reply, "ratelimit", item, "r");
    left.unwrap_or_else(|| {
        panic!(
            "{item} is not among {:?}: {reply:?}",
            reply.headers.get("ratelimit")
        )
    })
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story from its beginning to its end")]
async fn every_answer_tells_what_is_left() {
    let app = App::with()
        .setting("security.trusted_header_networks", NOWHERE)
        .setting("rate_limits.free", "10/s burst 500")
        .setting("rate_limits.address", "1000/s burst 100000")
        .start()
        .await;
    let (id, caller) = tenant_on(&app, "told", "free").await;
    let first = caller.get("/api/tenant").await.expect(200);
    assert_eq!(
        first.header("ratelimit-policy"),
        "\"tenant\";q=500;w=50, \"api_calls\";q=1000;w=86400"
    );
    assert_eq!((left(&first, "tenant"), left(&first, "api_calls")), (499, 999));
    let until_midnight = parameter(&first, "ratelimit", "api_calls", "t").expect("seconds");
    assert!((0..=86_400).contains(&until_midnight), "{until_midnight}");
    assert_eq!(
        parameter(&first, "quota-status", "api_calls", "limit"),
        Some(1000)
    );
    assert_eq!(
        text_parameter(&first, "quota-status", "api_calls", "status").as_deref(),
        Some("ok")
    );
    let narrow = app
        .nobody()
        .with_key(&app.tenant_key(&id, &["projects:read"]).await);
    let tag = first.header("etag").to_owned();
    for (what, reply, status) in [
        ("a list", caller.get("/api/projects").await, 200),
        (
            "not modified",
            caller.with("if-none-match", &tag).get("/api/tenant").await,
            304,
        ),
        (
            "a bad body",
            caller.post("/api/projects", &json!({"nonsense": 1})).await,
            422,
        ),
        (
            "an unknown project",
            caller
                .get("/api/projects/project_01h455vb4pex5vsknk084sn02q")
                .await,
            404,
        ),
        ("a missing permission", narrow.get("/api/tenant").await, 403),
        ("the gateway's question", caller.get("/gateway/verify").await, 204),
    ] {
        let reply = reply.expect(status);
        assert!(left(&reply, "api_calls") < 999, "{what}: {reply:?}");
    }
    for (what, reply, status) in [
        ("nobody", app.nobody().get("/api/tenant").await, 401),
        (
            "an unknown key",
            app.nobody().with_key("tny_nonsense").get("/api/tenant").await,
            401,
        ),
        ("an unknown route", caller.get("/api/nonsense").await, 404),
        (
            "an unknown query",
            caller.get("/api/tenant?nonsense=1").await,
            400,
        ),
        (
            "an operator's answer",
            app.admin().get("/admin/tenants").await,
            200,
        ),
    ] {
        let reply = reply.expect(status);
        assert!(left(&reply, "address") > 0, "{what}");
        assert!(reply.headers.get("quota-status").is_none(), "{what}");
    }
    assert!(
        app.nobody()
            .get("/health")
            .await
            .headers
            .get("ratelimit")
            .is_none()
    );
    app.finish().await;
}

/// Asks until it is refused; answers the refusal, and how many passed before.
async fn exhaust(caller: &Client, path: &str) -> (Reply, u32) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut passed = 0;
    while Instant::now() < deadline {
        let reply = caller.get(path).await;
        if reply.status == 429 {
            return (reply, passed);
        }
        passed += 1;
    }
    panic!("nothing was refused");
}

fn assert_too_fast(reply: Reply, scope: &str) {
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert!(!reply.header("x-request-id").is_empty());
    assert_eq!(left(&reply, scope), 0);
    reply.refused(429, "rate_limited");
}

#[tokio::test]
async fn who_comes_too_fast_is_told_to_wait() {
    let app = App::with()
        .setting("rate_limits.free", "1/s burst 20")
        .setting("rate_limits.api_key", "1/s burst 10")
        .start()
        .await;
    let ((tenant, caller), (_, other)) = (
        tenant_on(&app, "hasty", "free").await,
        tenant_on(&app, "patient", "free").await,
    );
    let begun = Instant::now();
    let (refusal, passed) = exhaust(&caller, "/api/tenant").await;
    assert!(
        passed >= 10 && u64::from(passed) <= 11 + begun.elapsed().as_secs(),
        "{passed}"
    );
    assert_too_fast(refusal, "api-key");
    other.get("/api/tenant").await.expect(200);
    // Another key of the same tenant has its own pace, within the tenant's.
    let second = app.nobody().with_key(&app.tenant_key(&tenant, &["*"]).await);
    exhaust(&second, "/gateway/verify")
        .await
        .0
        .refused(429, "rate_limited");
    let third = app.nobody().with_key(&app.tenant_key(&tenant, &["*"]).await);
    let (refusal, passed) = exhaust(&third, "/api/tenant").await;
    assert!(
        passed < 10,
        "{passed} passed, though the tenant had used up its burst"
    );
    assert_too_fast(refusal, "tenant");
    // Whoever waits as long as he is told comes in again.
    eventually("the pace to allow one more", async || {
        (caller.get("/api/tenant").await.status == 200).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn an_address_is_held_back_before_anybody_is_recognised() {
    let app = App::with()
        .setting("security.trusted_header_networks", NOWHERE)
        .setting("rate_limits.address", "1/s burst 30")
        .start()
        .await;
    let elsewhere = Client::from_address(&app.url, "127.0.0.77");
    let stranger = elsewhere.with_key("tny_nonsense");
    let (refusal, passed) = exhaust(&stranger, "/api/tenant").await;
    assert!(passed >= 30, "{passed}");
    assert_too_fast(refusal, "address");
    let known = elsewhere.with_key(&app.credentials.demo_tenant_api_key);
    exhaust(&known, "/api/tenant")
        .await
        .0
        .refused(429, "rate_limited");
    let operator = elsewhere.with_key(&app.credentials.admin_api_key);
    exhaust(&operator, "/admin/tenants")
        .await
        .0
        .refused(429, "rate_limited");
    for _ in 0..3 {
        elsewhere.get("/health/live").await.expect(200);
    }
    // A gateway's own address says nothing about the one that it asks for.
    for _ in 0..35 {
        known.get("/gateway/verify").await.expect(204);
    }
    app.nobody()
        .with_key(&app.credentials.demo_tenant_api_key)
        .get("/api/tenant")
        .await
        .expect(200);
    app.finish().await;
}

/// Of those who race for the last unit exactly one passes.
#[tokio::test]
async fn one_takes_the_last_call() {
    const LIMIT: i64 = 40;
    const RACERS: usize = 24;
    let app = App::start().await;
    let (tenant, caller) = tenant_on(&app, "racing", "free").await;
    let mut database = app.superuser().await;
    set_quota(&mut database, &tenant, "api_calls", "daily", LIMIT, "hard").await;
    let known = eventually("the quota to hold", async || {
        let reply = caller.get("/api/tenant").await.expect(200);
        (parameter(&reply, "quota-status", "api_calls", "limit") == Some(LIMIT)).then_some(reply)
    })
    .await;
    for rest in (1..left(&known, "api_calls")).rev() {
        let reply = caller.get("/api/tenant").await.expect(200);
        assert_eq!(left(&reply, "api_calls"), rest);
    }
    let replies = join_all((0..RACERS).map(|_| caller.get("/api/tenant"))).await;
    let (passed, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert_eq!(passed.len(), 1);
    for reply in refused {
        let wait: i64 = reply.header("retry-after").parse().expect("seconds");
        assert!((1..=86_400).contains(&wait), "{wait}");
        assert_eq!(
            text_parameter(&reply, "quota-status", "api_calls", "status").as_deref(),
            Some("exceeded")
        );
        let problem = reply.refused(429, "quota_exceeded");
        assert_eq!(
            (&problem["metric"], &problem["limit"]),
            (&json!("api_calls"), &json!(LIMIT))
        );
        assert_eq!(problem["current"], LIMIT);
        assert!(
            problem["resetAt"]
                .as_str()
                .expect("a time")
                .ends_with("T00:00:00.000Z"),
            "{problem}"
        );
    }
    // A gateway is told in the terms that it knows, and others are not concerned.
    caller.get("/gateway/verify").await.refused(429, "quota_exceeded");
    app.nobody()
        .with_key(&app.credentials.demo_tenant_api_key)
        .get("/api/tenant")
        .await
        .expect(200);
    // More is allowed: it holds for the next request on.
    set_quota(&mut database, &tenant, "api_calls", "daily", LIMIT + 5, "hard").await;
    eventually("the larger quota", async || {
        (caller.get("/api/tenant").await.status == 200).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn a_soft_quota_lets_through_and_tells() {
    let app = App::start().await;
    let (tenant, caller) = tenant_on(&app, "soft", "free").await;
    let mut database = app.superuser().await;
    set_quota(&mut database, &tenant, "api_calls", "daily", 5, "soft").await;
    set_quota(&mut database, &tenant, "bandwidth", "monthly", 10, "soft").await;
    let status = |reply: &Reply, metric: &str| text_parameter(reply, "quota-status", metric, "status");
    let reply = eventually("the quotas to be exceeded", async || {
        let reply = caller.get("/api/tenant").await.expect(200);
        (status(&reply, "api_calls").as_deref() == Some("critical")).then_some(reply)
    })
    .await;
    assert_eq!(left(&reply, "api_calls"), 0);
    assert_eq!(
        status(&reply, "bandwidth").as_deref(),
        Some("critical"),
        "{:?}",
        reply.headers
    );
    app.finish().await;
}
