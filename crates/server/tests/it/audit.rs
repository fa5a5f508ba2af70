use serde_json::{Value, json};

use crate::support::App;

async fn search(app: &App, query: &str) -> Vec<Value> {
    let page = app
        .admin()
        .get(&format!("/admin/audit?{query}"))
        .await
        .expect(200)
        .json();
    page["items"].as_array().expect("items").clone()
}

#[tokio::test]
async fn a_change_of_tenant_data_is_in_the_trail_with_who_what_and_from_where() {
    let app = App::start().await;
    for strategy in ["shared_database", "schema_per_tenant", "database_per_tenant"] {
        let slug = strategy.split('_').next().expect("a word");
        let tenant = app.tenant(slug, strategy).await;
        let client = tenant.client.with("x-request-id", &format!("change-{slug}"));
        let project = client
            .post("/api/projects", &json!({"name": "Website"}))
            .await
            .expect(201);
        let path = format!("/api/projects/{}", project.text("/id"));
        client
            .patch(&path, &json!({"status": "completed"}))
            .await
            .expect(200);
        app.settle().await;
        let found = crate::support::eventually("both events", async || {
            let events = search(
                &app,
                &format!("tenantId={}&resourceId={}", tenant.id, project.text("/id")),
            )
            .await;
            (events.len() == 2).then_some(events)
        })
        .await;
        let (updated, created) = (&found[0], &found[1]);
        assert_eq!(
            (&created["eventType"], &updated["eventType"]),
            (&json!("data.created"), &json!("data.updated"))
        );
        assert_eq!(
            updated["changes"],
            json!([{"field": "status", "oldValue": "active", "newValue": "completed"}])
        );
        assert_eq!(updated["requestId"], format!("change-{slug}"));
        assert_eq!(updated["ipAddress"], "127.0.0.1");
        assert_eq!(updated["actor"]["type"], "api_key");
    }
    app.finish().await;
}

#[tokio::test]
async fn every_filter_narrows_and_pages_are_complete() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    for number in 0..5 {
        tenant
            .client
            .post("/api/projects", &json!({"name": format!("P{number}")}))
            .await
            .expect(201);
    }
    app.settle().await;
    let of_tenant = format!("tenantId={}", tenant.id);
    let all = search(&app, &format!("{of_tenant}&limit=200")).await;
    let created = search(&app, &format!("{of_tenant}&eventType=data.created")).await;
    assert!(created.len() >= 5 && created.len() < all.len());
    let key = created[0]["actor"]["id"].as_str().expect("an actor");
    assert_eq!(search(&app, &format!("{of_tenant}&userId={key}")).await.len(), 5);
    assert_eq!(search(&app, &format!("{of_tenant}&q=P3")).await.len(), 1);
    assert_eq!(
        search(&app, &format!("{of_tenant}&severity=critical"))
            .await
            .len(),
        0
    );
    assert_eq!(
        search(&app, &format!("{of_tenant}&resourceType=project&limit=200"))
            .await
            .len(),
        6
    );
    assert_eq!(
        search(&app, &format!("{of_tenant}&to=2020-01-01T00:00:00Z"))
            .await
            .len(),
        0
    );
    assert_eq!(
        search(&app, &format!("{of_tenant}&from=1577836800000&limit=200"))
            .await
            .len(),
        all.len()
    );
    let paged = crate::support::all(&app.admin(), &format!("/admin/audit?{of_tenant}&limit=2")).await;
    assert_eq!(paged, all);
    app.finish().await;
}

#[tokio::test]
async fn a_tenant_sees_its_own_trail_and_a_caller_without_the_permission_his_own_acts() {
    let app = App::start().await;
    let (one, other) = (
        app.tenant("one", "shared_database").await,
        app.tenant("other", "shared_database").await,
    );
    other
        .client
        .post("/api/projects", &json!({"name": "Theirs"}))
        .await
        .expect(201);
    one.client
        .post("/api/projects", &json!({"name": "Ours"}))
        .await
        .expect(201);
    let low = app
        .nobody()
        .with_key(&app.tenant_key(&one.id, &["projects:*"]).await);
    low.post("/api/projects", &json!({"name": "Mine"}))
        .await
        .expect(201);
    app.settle().await;
    let names = |reply: crate::support::Reply| -> Vec<String> {
        let items = reply.expect(200).json()["items"]
            .as_array()
            .expect("items")
            .clone();
        items
            .iter()
            .filter_map(|event| event["resource"]["name"].as_str().map(str::to_owned))
            .collect()
    };
    let whole = names(
        one.client
            .get("/api/audit?eventType=data.created&resourceType=project")
            .await,
    );
    assert!(
        whole.contains(&"Ours".to_owned()) && whole.contains(&"Mine".to_owned()),
        "{whole:?}"
    );
    assert!(!whole.contains(&"Theirs".to_owned()));
    assert_eq!(
        names(low.get("/api/audit?eventType=data.created").await),
        ["Mine"]
    );
    app.finish().await;
}
