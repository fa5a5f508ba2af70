//! What requests count, and when it is written down.

use kernel::TenantId;
use serde_json::json;
use sqlx::PgConnection;

use super::tenant_on;
use crate::support::{App, Client, Installation, eventually};

/// How often and how much this metric was counted, over all days.
async fn counted(connection: &mut PgConnection, tenant: &str, metric: &str) -> (i64, i64) {
    let tenant: TenantId = tenant.parse().expect("a tenant");
    sqlx::query_as(
        "select coalesce(sum(count), 0)::bigint, coalesce(sum(sum), 0)::bigint from control.usage_days
         where tenant_id = $1 and metric = $2",
    )
    .bind(tenant)
    .bind(metric)
    .fetch_one(connection)
    .await
    .expect("the control plane")
}

/// Answers by class of status, over all hours.
async fn answers(connection: &mut PgConnection, tenant: &str) -> Vec<i64> {
    let tenant: TenantId = tenant.parse().expect("a tenant");
    sqlx::query_scalar(
        "select coalesce(array_agg(answered order by class), '{}') from (
             select class, sum(number)::bigint as answered
             from control.usage_performance, unnest(statuses) with ordinality as by_class (number, class)
             where tenant_id = $1 group by class) sums",
    )
    .bind(tenant)
    .fetch_one(connection)
    .await
    .expect("the control plane")
}

async fn call(caller: &Client, times: i64) {
    for _ in 0..times {
        caller.get("/api/tenant").await.expect(200);
    }
}

#[tokio::test]
async fn every_request_is_counted_once() {
    let app = App::start().await;
    let (tenant, caller) = tenant_on(&app, "counted", "pro").await;
    call(&caller, 30).await;
    let mut passed = 30 * i64::try_from(caller.get("/api/tenant").await.bytes.len()).expect("short");
    passed += passed / 30;
    let missing = caller
        .get("/api/projects/project_01h455vb4pex5vsknk084sn02q")
        .await
        .expect(404);
    passed += i64::try_from(missing.bytes.len()).expect("short");
    let body = json!({"nonsense": "x".repeat(1000)});
    let refused = caller.post("/api/projects", &body).await.expect(422);
    passed += i64::try_from(refused.bytes.len() + body.to_string().len()).expect("short");
    caller.get("/gateway/verify").await.expect(204);
    let mut database = app.superuser().await;
    eventually("the requests to be written", async || {
        let calls = counted(&mut database, &tenant, "api_calls").await;
        (calls == (34, 34)).then_some(())
    })
    .await;
    assert_eq!(counted(&mut database, &tenant, "requests").await.0, 34);
    assert_eq!(counted(&mut database, &tenant, "bandwidth").await.1, passed);
    assert_eq!(answers(&mut database, &tenant).await, [0, 32, 0, 2, 0]);
    // An operator's request about a tenant is not the tenant's; neither is that of one who is not let in.
    app.admin()
        .get(&format!("/admin/tenants/{tenant}"))
        .await
        .expect(200);
    let suspend = json!({"reason": "late payment"});
    app.admin()
        .post(&format!("/admin/tenants/{tenant}/suspend"), &suspend)
        .await
        .expect(200);
    eventually("the suspension to hold", async || {
        (caller.get("/api/tenant").await.status == 403).then_some(())
    })
    .await;
    let before = counted(&mut database, &tenant, "requests").await;
    for _ in 0..5 {
        let reply = caller.get("/api/tenant").await;
        assert!(reply.headers.get("quota-status").is_none());
        reply.refused(403, "tenant_suspended");
    }
    app.settle().await;
    let installation = app.stop().await;
    let mut database = installation.superuser().await;
    let after = counted(&mut database, &tenant, "requests").await;
    assert!(after.0 - before.0 <= 1, "{before:?} {after:?}");
}

/// Files pass in pieces; what was sent counts, also when its reader has left.
#[tokio::test]
async fn what_passes_in_pieces_is_counted_as_it_passes() {
    const SIZE: i64 = 300_000;
    let app = App::start().await;
    let (tenant, caller) = tenant_on(&app, "pieces", "pro").await;
    let content = vec![b'x'; usize::try_from(SIZE).expect("small")];
    let form = [
        b"--cut\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n".to_vec(),
        content,
        b"\r\n--cut--\r\n".to_vec(),
    ]
    .concat();
    let made = caller
        .upload("/api/files", "multipart/form-data; boundary=cut", form)
        .await
        .expect(201);
    let path = format!("/api/files/{}/content", made.text("/id"));
    let whole = caller.get(&path).await.expect(200);
    assert_eq!(whole.bytes.len(), usize::try_from(SIZE).expect("small"));
    let leaver = caller
        .request(reqwest::Method::GET, &path)
        .send()
        .await
        .expect("an answer begins");
    drop(leaver);
    let mut database = app.superuser().await;
    eventually("all three to be written", async || {
        (counted(&mut database, &tenant, "requests").await.0 == 3).then_some(())
    })
    .await;
    let (_, passed) = counted(&mut database, &tenant, "bandwidth").await;
    assert!((2 * SIZE..=3 * SIZE + 4000).contains(&passed), "{passed}");
    app.finish().await;
}

#[tokio::test]
async fn people_are_counted_once_a_day() {
    let app = App::start().await;
    let known = &app.credentials;
    let trusted = app
        .nobody()
        .with("x-tenant-id", &known.demo_tenant_id)
        .with("x-user-id", &known.demo_user_id);
    for _ in 0..5 {
        trusted.get("/api/permissions").await.expect(200);
    }
    let (mut database, tenant) = (app.superuser().await, known.demo_tenant_id.clone());
    let tenant: TenantId = tenant.parse().expect("a tenant");
    eventually("the person to be written", async || {
        let people: i64 = sqlx::query_scalar(
            "select coalesce(sum(uniques), 0)::bigint from control.usage_days where tenant_id = $1 and metric = 'active_users'",
        )
        .bind(tenant)
        .fetch_one(&mut database)
        .await
        .expect("the control plane");
        (people == 1).then_some(())
    })
    .await;
    app.finish().await;
}

/// With a long interval nothing is written by itself; an orderly end writes all of it.
#[tokio::test]
async fn an_orderly_end_writes_what_is_counted() {
    let app = App::with().setting("usage.flush_interval", "1m").start().await;
    let (tenant, caller) = tenant_on(&app, "ending", "pro").await;
    call(&caller, 25).await;
    app.settle().await;
    let installation = app.stop().await;
    let mut database = installation.superuser().await;
    assert_eq!(counted(&mut database, &tenant, "api_calls").await, (25, 25));
}

/// A kill loses at most what was counted since the last flush, and what was written stays and is counted on.
#[tokio::test]
async fn a_kill_loses_at_most_one_interval() {
    let installation = Installation::new().await;
    let process = installation.process(&[]).await;
    let (tenant, key) = {
        let known = &process.credentials;
        (known.demo_tenant_id.clone(), known.demo_tenant_api_key.clone())
    };
    let mut database = installation.superuser().await;
    let before = counted(&mut database, &tenant, "api_calls").await.0;
    let caller = Client::new(&process.url).with_key(&key);
    call(&caller, 20).await;
    eventually("what is older than an interval to be written", async || {
        (counted(&mut database, &tenant, "api_calls").await.0 == before + 20).then_some(())
    })
    .await;
    call(&caller, 5).await;
    process.kill().await;
    let kept = counted(&mut database, &tenant, "api_calls").await.0;
    assert!((before + 20..=before + 25).contains(&kept), "{kept}");
    let process = installation.process(&[]).await;
    call(&Client::new(&process.url).with_key(&key), 7).await;
    eventually("the count to go on", async || {
        (counted(&mut database, &tenant, "api_calls").await.0 == kept + 7).then_some(())
    })
    .await;
    process.kill().await;
}
