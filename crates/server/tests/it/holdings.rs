//! Projects and files are held by their quotas, however many come at once and however they end.

use futures_util::future::join_all;
use futures_util::stream;
use serde_json::json;

use crate::quotas::{holds, set};
use crate::support::{App, Client, Installation, eventually};

/// How much is used of the quota, as the tenant sees it.
async fn used(client: &Client, metric: &str) -> u64 {
    let usage = client.get("/api/usage").await.expect(200).json();
    usage["usage"][metric].as_u64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_creators_exactly_as_many_pass_as_may() {
    let app = App::start().await;
    for strategy in ["shared_database", "schema_per_tenant", "database_per_tenant"] {
        let tenant = app
            .tenant(strategy.split('_').next().expect("a word"), strategy)
            .await;
        tenant.client.get("/api/usage").await.expect(200);
        let there = used(&tenant.client, "projects").await;
        let limit = there + 4;
        set(
            &app,
            &tenant.id,
            "projects",
            &json!({"limit": limit, "period": "total"}),
        )
        .await;
        holds(&tenant.client, "projects", i64::try_from(limit).expect("small")).await;
        let calls = (0..10).map(|_| {
            let client = tenant.client.clone();
            tokio::spawn(async move { client.post("/api/projects", &json!({"name": "P"})).await })
        });
        let (mut made, mut refused) = (Vec::new(), 0);
        for reply in join_all(calls).await {
            let reply = reply.expect("no panic");
            if reply.status == 201 {
                made.push(reply.text("/id"));
                continue;
            }
            let problem = reply.refused(429, "quota_exceeded");
            assert_eq!(
                (&problem["metric"], &problem["limit"], &problem["current"]),
                (&json!("projects"), &json!(limit), &json!(limit))
            );
            refused += 1;
        }
        assert_eq!((made.len(), refused), (4, 6), "{strategy}");
        assert_eq!(used(&tenant.client, "projects").await, limit);
        tenant
            .client
            .delete(&format!("/api/projects/{}", made[0]))
            .await
            .expect(204);
        assert_eq!(used(&tenant.client, "projects").await, limit - 1);
        tenant
            .client
            .post("/api/projects", &json!({"name": "P"}))
            .await
            .expect(201);
        tenant
            .client
            .post("/api/projects", &json!({"name": "P"}))
            .await
            .refused(429, "quota_exceeded");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_hold_storage_and_give_back_what_they_do_not_keep() {
    const HALF: usize = 300_000;
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let client = &tenant.client;
    set(
        &app,
        &tenant.id,
        "storage",
        &json!({"limit": 1_000_000, "period": "total"}),
    )
    .await;
    holds(client, "storage", 1_000_000).await;
    let half = || "x".repeat(HALF);
    // Refused by what it announces, before it is sent.
    let refusal = client
        .upload("/api/files?name=a", "text/plain", "x".repeat(1_000_001))
        .await;
    let problem = refusal.refused(429, "quota_exceeded");
    assert_eq!(
        (&problem["metric"], &problem["current"]),
        (&json!("storage"), &json!(0))
    );
    let uploads = (0..6).map(|_| client.upload("/api/files?name=a", "text/plain", half()));
    let replies = join_all(uploads).await;
    let made: Vec<String> = replies
        .iter()
        .filter(|reply| reply.status == 201)
        .map(|reply| reply.text("/id"))
        .collect();
    assert_eq!(made.len(), 3, "{replies:?}");
    assert!(
        replies
            .iter()
            .all(|reply| reply.status == 201 || reply.status == 429),
        "{replies:?}"
    );
    assert_eq!(used(client, "storage").await, 900_000);
    client
        .delete(&format!("/api/files/{}", made[0]))
        .await
        .expect(204);
    assert_eq!(used(client, "storage").await, 600_000);
    client
        .upload("/api/files?name=f", "text/plain", half())
        .await
        .expect(201);
    app.finish().await;
}

/// One that does not say how long it is, and one that breaks off.
#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_unknown_length_hold_storage_as_they_come() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let client = &tenant.client;
    let quota = json!({"limit": 100_000, "period": "total"});
    set(&app, &tenant.id, "storage", &quota).await;
    holds(client, "storage", 100_000).await;
    let unannounced = |bytes: usize, breaks: bool| {
        let pieces = (0..bytes / 10_000).map(|_| Ok("y".repeat(10_000)));
        let end = breaks.then(|| Err(std::io::Error::other("gone")));
        reqwest::Body::wrap_stream(stream::iter(pieces.chain(end).collect::<Vec<_>>()))
    };
    client
        .upload("/api/files?name=b", "text/plain", unannounced(200_000, false))
        .await
        .refused(429, "quota_exceeded");
    let broken = client
        .request(reqwest::Method::POST, "/api/files?name=c")
        .header("content-type", "text/plain")
        .body(unannounced(50_000, true))
        .send()
        .await;
    assert!(broken.is_err(), "{broken:?}");
    eventually("what it held to be free", async || {
        let fits = client
            .upload("/api/files?name=d", "text/plain", "z".repeat(100_000))
            .await;
        (fits.status == 201).then_some(())
    })
    .await;
    assert_eq!(used(client, "storage").await, 100_000);
    client
        .upload("/api/files?name=e", "text/plain", "z")
        .await
        .refused(429, "quota_exceeded");
    app.finish().await;
}

/// What was held by an upload that a `kill -9` ended is free, and what is recorded is known, at once.
#[tokio::test]
async fn killed_during_an_upload_nothing_stays_held() {
    let installation = Installation::new().await;
    let process = installation.process(&[]).await;
    let (admin, tenant) = (
        process.credentials.admin_api_key.clone(),
        process.credentials.demo_tenant_id.clone(),
    );
    let key = process.credentials.demo_tenant_api_key.clone();
    let client = Client::new(&process.url).with_key(&key);
    let there = used(&client, "storage").await;
    let path = format!("/admin/tenants/{tenant}/quotas/storage");
    let order = json!({"limit": there + 100_000, "period": "total"});
    Client::new(&process.url)
        .with_key(&admin)
        .put(&path, &order)
        .await
        .expect(200);
    holds(&client, "storage", i64::try_from(there).expect("small") + 100_000).await;
    let (give, pieces) = tokio::sync::mpsc::unbounded_channel::<String>();
    let pieces = stream::unfold(pieces, |mut pieces| async move {
        let piece = pieces.recv().await?;
        Some((Ok::<_, std::io::Error>(piece), pieces))
    });
    let endless = client
        .request(reqwest::Method::POST, "/api/files?name=endless")
        .header("content-type", "text/plain")
        .body(reqwest::Body::wrap_stream(pieces));
    let uploading = tokio::spawn(endless.send());
    give.send("x".repeat(60_000)).expect("it is read");
    eventually("it to be held", async || {
        (used(&client, "storage").await >= there + 60_000).then_some(())
    })
    .await;
    client
        .upload("/api/files?name=other", "text/plain", "y".repeat(50_000))
        .await
        .refused(429, "quota_exceeded");
    process.kill().await;
    assert!(uploading.await.expect("no panic").is_err());
    let process = installation.process(&[]).await;
    let client = Client::new(&process.url).with_key(&key);
    assert_eq!(used(&client, "storage").await, there);
    client
        .upload("/api/files?name=other", "text/plain", "y".repeat(100_000))
        .await
        .expect(201);
    client
        .upload("/api/files?name=more", "text/plain", "y")
        .await
        .refused(429, "quota_exceeded");
    installation.settle().await;
    process.kill().await;
}
