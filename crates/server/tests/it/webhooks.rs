//! Webhooks, as their owners and their receivers see them.

use serde_json::{Value, json};

use crate::support::App;
use crate::support::{Client, Installation, Process, Receiver, eventually};

/// A webhook at this receiver; answers its address here and its secret.
async fn register(client: &Client, base: &str, receiver: &Receiver) -> (String, String) {
    let made = client.post(base, &json!({"url": receiver.url})).await.expect(201);
    (made.header("location").to_owned(), made.text("/secret"))
}

async fn delivered(client: &Client, delivery: &str) -> Value {
    eventually("the delivery", async || {
        let now = client.get(delivery).await.expect(200).json();
        (now["status"] != "pending").then_some(now)
    })
    .await
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story from its beginning to its end")]
async fn a_webhook_is_registered_tried_out_rotated_and_removed() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "schema_per_tenant").await;
    for (client, base) in [
        (tenant.client.clone(), "/api/webhooks"),
        (app.admin(), "/admin/webhooks"),
    ] {
        let receiver = Receiver::start().await;
        let types = client
            .get(&format!("{base}/event-types"))
            .await
            .expect(200)
            .json();
        assert_eq!(types["items"][0]["name"], "usage.alert");
        let (webhook, secret) = register(&client, base, &receiver).await;
        let shown = client.get(&webhook).await.expect(200);
        assert!(!String::from_utf8_lossy(&shown.bytes).contains("whsec_"));
        assert_eq!(
            client.get(base).await.expect(200).json()["items"][0],
            shown.json()
        );

        let tried = client
            .post(&format!("{webhook}/test"), &json!({}))
            .await
            .expect(202);
        let done = delivered(&client, tried.header("location")).await;
        assert_eq!(
            (&done["status"], &done["history"][0]["status"]),
            (&json!("delivered"), &json!(200))
        );
        let hook = receiver.hooks().remove(0);
        assert!(hook.is_signed_by(&secret));
        assert_eq!(
            (json!(hook.id), &hook.json()["type"]),
            (done["eventId"].clone(), &json!("webhook.test"))
        );

        let rotated = client
            .post(&format!("{webhook}/rotate-secret"), &json!({}))
            .await
            .expect(200)
            .text("/secret");
        let again = client
            .post(&format!("{}/replay", tried.header("location")), &json!({}))
            .await
            .expect(202);
        delivered(&client, again.header("location")).await;
        let hook = receiver.hooks().remove(1);
        assert!(hook.is_signed_by(&secret) && hook.is_signed_by(&rotated));

        let version = client.get(&webhook).await.expect(200).header("etag").to_owned();
        let patch = json!({"description": "x", "status": "disabled"});
        client
            .with("if-match", "\"v1\"")
            .patch(&webhook, &patch)
            .await
            .refused(412, "precondition_failed");
        client
            .with("if-match", &version)
            .patch(&webhook, &patch)
            .await
            .expect(200);
        client
            .post(&format!("{webhook}/test"), &json!({}))
            .await
            .refused(409, "conflict");
        client.delete(&webhook).await.expect(204);
        client.get(&webhook).await.refused(404, "not_found");
        client
            .get(&format!("{webhook}/deliveries"))
            .await
            .refused(404, "not_found");
    }
    app.finish().await;
}

#[tokio::test]
async fn what_cannot_be_a_webhook_is_refused_by_its_field() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    for (body, pointer) in [
        (json!({"url": "https://10.0.0.1/"}), "/url"),
        (json!({"url": "https://169.254.169.254/latest/meta-data"}), "/url"),
        (json!({"url": "https://[::ffff:10.0.0.1]/"}), "/url"),
        (json!({"url": "https://[fd00:ec2::254]/"}), "/url"),
        (json!({"url": "https://example.com:22/"}), "/url"),
        (json!({"url": "file:///etc/passwd"}), "/url"),
        (
            json!({"url": "https://example.com/", "description": "a\nb"}),
            "/description",
        ),
        (
            json!({"url": "https://example.com/", "eventTypes": ["usage.alert", "usage.alert"]}),
            "/eventTypes",
        ),
        (
            json!({"url": "https://example.com/", "secret": "whsec_x"}),
            "/secret",
        ),
    ] {
        let refused = tenant.client.post("/api/webhooks", &body).await;
        let refused = refused.refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}");
    }
    app.finish().await;
}

/// The redirect of a receiver is not followed to where he may not send us.
#[tokio::test]
async fn a_redirect_is_a_failure() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let receiver = Receiver::start().await;
    receiver.answers(302);
    let (webhook, _) = register(&tenant.client, "/api/webhooks", &receiver).await;
    let tried = tenant
        .client
        .post(&format!("{webhook}/test"), &json!({}))
        .await
        .expect(202);
    let first = eventually("an attempt", async || {
        let now = tenant
            .client
            .get(tried.header("location"))
            .await
            .expect(200)
            .json();
        (now["attempts"] == 1).then_some(now)
    })
    .await;
    assert_eq!(
        (&first["status"], &first["history"][0]["status"]),
        (&json!("pending"), &json!(302))
    );
    tenant
        .client
        .patch(&webhook, &json!({"status": "disabled"}))
        .await
        .expect(200);
    let list = tenant
        .client
        .get(&format!("{webhook}/deliveries?status=failed"))
        .await
        .expect(200)
        .json();
    assert_eq!(list["items"].as_array().expect("items").len(), 1);
    tenant
        .client
        .patch(&webhook, &json!({"status": "active"}))
        .await
        .expect(200);
    receiver.answers(200);
    let replay = json!({"since": first["createdAt"]});
    let replayed = tenant
        .client
        .post(&format!("{webhook}/replay"), &replay)
        .await
        .expect(202)
        .json();
    assert_eq!(replayed, json!({"replayed": 1}));
    assert_eq!(
        delivered(&tenant.client, tried.header("location")).await["status"],
        "delivered"
    );
    app.finish().await;
}

async fn tenant_of(process: &Process) -> Client {
    let order = json!({"name": "Acme", "slug": "acme-hooks", "plan": "enterprise"});
    let id = process
        .admin()
        .post("/admin/provision", &order)
        .await
        .expect(201)
        .text("/tenantId");
    let keys = format!("/admin/tenants/{id}/api-keys");
    let key = process
        .admin()
        .post(&keys, &json!({"name": "test", "scopes": ["*"]}))
        .await
        .expect(201);
    process.admin().with_key(&key.text("/key"))
}

/// The process dies between the commit and the call, and between the call and its record.
#[tokio::test]
async fn killed_at_any_moment_it_delivers_all_the_same() {
    for (point, times) in [("webhooks.send", 1), ("webhooks.sent", 2)] {
        let installation = Installation::new().await;
        let receiver = Receiver::start().await;
        let planted = format!("{point}=abort");
        let process = installation.process(&[("TENANTRY_FAULTS", &planted)]).await;
        let client = tenant_of(&process).await;
        let (webhook, secret) = register(&client, "/api/webhooks", &receiver).await;
        let _ = client
            .try_send(
                reqwest::Method::POST,
                &format!("{webhook}/test"),
                Some(&json!({})),
            )
            .await;
        process.ended().await;
        // The lease of the dead node would end by itself.
        let mut superuser = installation.superuser().await;
        sqlx::query("update control.webhook_endpoints set lease_until = now()")
            .execute(&mut superuser)
            .await
            .expect("ended");
        let process = installation.process(&[]).await;
        eventually("the delivery", async || {
            (receiver.hooks().len() >= times).then_some(())
        })
        .await;
        let hooks = receiver.hooks();
        assert!(
            hooks
                .iter()
                .all(|hook| hook.id == hooks[0].id && hook.is_signed_by(&secret))
        );
        process.kill().await;
    }
}
