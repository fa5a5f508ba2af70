use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::support::{App, eventually};

#[tokio::test]
async fn a_key_is_shown_once_and_a_revoked_one_ends_on_every_node_within_a_second() {
    let app = App::start().await;
    let second = app.another_node().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let made = tenant
        .client
        .post("/api/api-keys", &json!({"name": "CI", "scopes": ["tenant:read"]}))
        .await
        .expect(201);
    let (id, key) = (made.text("/id"), made.text("/key"));
    assert!(key.starts_with("tny_") && key.starts_with(&made.text("/prefix")));
    let listed = tenant.client.get("/api/api-keys").await.expect(200);
    assert!(
        !String::from_utf8_lossy(&listed.bytes).contains(&key),
        "a key is shown once"
    );
    let there = second.nobody().with_key(&key);
    there.get("/api/tenant").await.expect(200);
    tenant
        .client
        .delete(&format!("/api/api-keys/{id}"))
        .await
        .expect(204);
    let revoked = Instant::now();
    eventually("the second node to refuse it", async || {
        (there.get("/api/tenant").await.status == 401).then_some(())
    })
    .await;
    assert!(
        revoked.elapsed() < Duration::from_secs(1),
        "it took {:?}",
        revoked.elapsed()
    );
    second.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn nobody_hands_out_what_he_does_not_have() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let low = app
        .nobody()
        .with_key(&app.tenant_key(&tenant.id, &["api_keys:*", "projects:read"]).await);
    low.post(
        "/api/api-keys",
        &json!({"name": "ok", "scopes": ["projects:read"]}),
    )
    .await
    .expect(201);
    for scopes in [json!(["*"]), json!(["projects:*"]), json!(["files:read"])] {
        low.post("/api/api-keys", &json!({"name": "more", "scopes": scopes}))
            .await
            .refused(403, "forbidden");
    }
    let limited = app.limited_admin(&["admin_keys:*", "tenants:list"]).await;
    limited
        .post("/admin/api-keys", &json!({"name": "more", "scopes": ["*"]}))
        .await
        .refused(403, "forbidden");
    app.finish().await;
}

#[tokio::test]
async fn a_rotated_key_works_for_its_overlap() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let made = app
        .admin()
        .post(
            &format!("/admin/tenants/{}/api-keys", tenant.id),
            &json!({"name": "CI", "scopes": ["tenant:read"]}),
        )
        .await
        .expect(201);
    let path = format!("{}/rotate", made.header("location"));
    let rotated = app
        .admin()
        .post(&path, &json!({"overlapSeconds": 0}))
        .await
        .expect(201);
    let (old, new) = (
        app.nobody().with_key(&made.text("/key")),
        app.nobody().with_key(&rotated.text("/key")),
    );
    new.get("/api/tenant").await.expect(200);
    eventually("the old key's end", async || {
        (old.get("/api/tenant").await.status == 401).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn a_repeated_creation_shows_the_same_key_and_makes_one() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let client = tenant.client.with("idempotency-key", "key-1");
    let body = json!({"name": "CI", "scopes": ["tenant:read"]});
    let (first, again) = tokio::join!(
        client.post("/api/api-keys", &body),
        client.post("/api/api-keys", &body)
    );
    assert_eq!(first.expect(201).json(), again.expect(201).json());
    let listed = tenant.client.get("/api/api-keys").await.expect(200).json();
    let named = listed["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter(|key| key["name"] == "CI")
        .count();
    assert_eq!(named, 1);
    let mut connection = app.superuser().await;
    let clear: i64 = sqlx::query_scalar(
        "select count(*) from control.idempotency_keys where position('tny_'::bytea in body) > 0",
    )
    .fetch_one(&mut connection)
    .await
    .expect("readable");
    assert_eq!(clear, 0, "a kept answer shows the key");
    app.finish().await;
}

#[tokio::test]
async fn refused_access_is_in_the_trail() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let low = app
        .nobody()
        .with_key(&app.tenant_key(&tenant.id, &["files:read"]).await);
    low.get("/api/projects").await.refused(403, "forbidden");
    let path = format!(
        "/admin/audit?tenantId={}&eventType=security.access_denied",
        tenant.id
    );
    let events = app.admin().get(&path).await.expect(200).json();
    assert_eq!(
        events["items"][0]["metadata"]["path"], "/api/projects",
        "{events}"
    );
    app.finish().await;
}
