use serde_json::{Value, json};

use crate::support::{App, eventually};

fn order(slug: &str, strategy: &str) -> Value {
    json!({
        "name": "Test Company", "slug": slug, "plan": "pro", "isolationStrategy": strategy,
        "owner": {"email": format!("admin@{slug}.example.com"), "name": "Test Admin"}
    })
}

#[tokio::test]
async fn every_strategy_makes_a_working_tenant() {
    let app = App::start().await;
    for (slug, strategy) in [
        ("shared", "shared_database"),
        ("schema", "schema_per_tenant"),
        ("database", "database_per_tenant"),
    ] {
        let made = app
            .admin()
            .post("/admin/provision", &order(slug, strategy))
            .await
            .expect(201);
        assert_eq!(made.text("/status"), "completed", "{made:?}");
        let id = made.text("/tenantId");
        assert_eq!(made.header("location"), format!("/admin/provision/{id}"));
        let tenant = app
            .admin()
            .get(&format!("/admin/tenants/{id}"))
            .await
            .expect(200)
            .json();
        assert_eq!(
            (&tenant["status"], &tenant["slug"]),
            (&json!("trial"), &json!(slug))
        );
        assert_eq!(tenant["isolationStrategy"], strategy);
        let resources = &made.json()["resources"];
        assert_eq!(
            resources["databaseName"].is_string(),
            strategy == "database_per_tenant"
        );
        assert_eq!(
            resources["schemaName"].is_string(),
            strategy == "schema_per_tenant"
        );
        assert!(
            app.files()
                .join(resources["bucket"].as_str().expect("a bucket"))
                .is_dir()
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn the_owner_is_invited_by_mail() {
    let app = App::start().await;
    app.admin()
        .post("/admin/provision", &order("mailed", "shared_database"))
        .await
        .expect(201);
    let mail = eventually("the welcome mail", async || app.mails().into_iter().next()).await;
    assert!(
        mail.contains("To: Test Admin <admin@mailed.example.com>")
            || mail.contains("admin@mailed.example.com")
    );
    assert!(mail.contains("/invitation#"), "{mail}");
    app.finish().await;
}

#[tokio::test]
async fn a_slug_is_given_once() {
    let app = App::start().await;
    let body = order("once", "shared_database");
    let (first, second) = tokio::join!(
        async { app.admin().post("/admin/provision", &body).await },
        async { app.admin().post("/admin/provision", &body).await }
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    app.finish().await;
}

#[tokio::test]
async fn a_repeated_order_is_the_same_order() {
    let app = App::start().await;
    let admin = app.admin().with("idempotency-key", "order-1");
    let body = order("again", "schema_per_tenant");
    let first = admin.post("/admin/provision", &body).await.expect(201).json();
    let again = admin.post("/admin/provision", &body).await.expect(201).json();
    assert_eq!(first, again);
    admin
        .post("/admin/provision", &order("other", "shared_database"))
        .await
        .refused(409, "idempotency_key_reused");
    app.finish().await;
}

#[tokio::test]
async fn who_does_not_want_to_wait_looks_later() {
    let app = App::start().await;
    let admin = app.admin().with("prefer", "respond-async");
    let accepted = admin
        .post("/admin/provision", &order("later", "database_per_tenant"))
        .await
        .expect(202);
    let place = accepted.header("location").to_owned();
    let ended = eventually("the run to end", async || {
        let run = app.admin().get(&place).await.expect(200).json();
        (run["status"] == "completed").then_some(run)
    })
    .await;
    assert!(ended["completedAt"].is_string());
    app.finish().await;
}

#[tokio::test]
async fn progress_comes_as_events() {
    let app = App::start().await;
    let async_admin = app.admin().with("prefer", "respond-async");
    let accepted = async_admin
        .post("/admin/provision", &order("events", "database_per_tenant"))
        .await
        .expect(202);
    let stream = app
        .admin()
        .with("accept", "text/event-stream")
        .get(accepted.header("location"))
        .await
        .expect(200);
    assert_eq!(stream.header("content-type"), "text/event-stream");
    let text = String::from_utf8(stream.bytes).expect("text");
    let last = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .next_back()
        .expect("an event");
    let last: Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(last["status"], "completed");
    app.finish().await;
}

#[tokio::test]
async fn a_bad_order_is_told_every_wrong_field_and_leaves_nothing() {
    let app = App::start().await;
    for (body, pointer) in [
        (json!({"slug": "x12", "plan": "pro"}), "/name"),
        (json!({"name": "X", "slug": "Not A Slug", "plan": "pro"}), "/slug"),
        (json!({"name": "X", "slug": "admin", "plan": "pro"}), "/slug"),
        (json!({"name": "X", "slug": "x12", "plan": "gold"}), "/plan"),
        (
            json!({"name": "X", "slug": "x12", "plan": "pro", "isolationStrategy": "none"}),
            "/isolationStrategy",
        ),
        (
            json!({"name": "X", "slug": "x12", "plan": "pro", "surprise": 1}),
            "/surprise",
        ),
        (
            json!({"name": "X", "slug": "x12", "plan": "pro", "owner": {"email": "nobody", "name": "N"}}),
            "/owner/email",
        ),
        (
            json!({"name": "X", "slug": "x12", "plan": "pro", "config": {"customDomain": "localhost"}}),
            "/config/customDomain",
        ),
        (
            json!({"name": "X", "slug": "x12", "plan": "pro", "config": {"features": {"flying": true}}}),
            "/config/features/flying",
        ),
        (json!({"name": "a\u{0}b", "slug": "x12", "plan": "pro"}), "/name"),
    ] {
        let refusal = app
            .admin()
            .post("/admin/provision", &body)
            .await
            .refused(422, "validation_failed");
        assert_eq!(refusal["errors"][0]["pointer"], pointer, "{refusal}");
    }
    let tenants = app.admin().get("/admin/tenants?q=x12").await.expect(200).json();
    assert_eq!(tenants["items"], json!([]));
    app.finish().await;
}
