//! Features of plans: every gated route is refused one plan below, and works one plan above.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{App, Client, Reply, eventually};

/// Every operation of the document that is of a feature: the feature, the highest plan without it, the lowest with it, and a
/// body that is accepted.
fn gated() -> [(&'static str, &'static str, &'static str, &'static str, Value); 2] {
    [
        (
            "GET /api/usage/analytics",
            "advancedAnalytics",
            "free",
            "starter",
            json!(null),
        ),
        (
            "POST /api/api-keys",
            "apiAccess",
            "starter",
            "pro",
            json!({"name": "K", "scopes": ["tenant:read"]}),
        ),
    ]
}

async fn call(client: &Client, operation: &str, body: &Value) -> Reply {
    let (method, path) = operation.split_once(' ').expect("a method and a path");
    let method: Method = method.parse().expect("a method");
    if method == Method::GET {
        return client.get(path).await;
    }
    client
        .try_send(method, path, Some(body))
        .await
        .expect("the server answers")
}

/// Refused, and told where it can be had.
fn names(reply: Reply, feature: &str, plan: Option<&str>) {
    let told = reply.refused(403, "feature_not_in_plan");
    assert_eq!(
        (&told["feature"], told["plan"].as_str()),
        (&json!(feature), plan),
        "{told}"
    );
}

async fn put_on(app: &App, tenant: &str, change: Value) {
    app.admin()
        .patch(&format!("/admin/tenants/{tenant}"), &change)
        .await
        .expect(200);
}

#[tokio::test]
async fn every_gated_route_is_in_the_table() {
    let app = App::start().await;
    let document = app.nobody().get("/openapi.json").await.expect(200).json();
    let mut told = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            if let Some(feature) = operation["x-feature"].as_str() {
                told.insert(format!("{} {path}", method.to_uppercase()), feature.to_owned());
            }
        }
    }
    let table = gated().map(|(operation, feature, ..)| (operation.to_owned(), feature.to_owned()));
    assert_eq!(told, BTreeMap::from(table));
    app.finish().await;
}

#[tokio::test]
async fn a_gated_route_is_refused_one_plan_below_and_works_one_plan_above() {
    let app = App::start().await;
    let tenant = app.tenant("gated", "shared_database").await;
    for (operation, feature, below, above, body) in gated() {
        put_on(&app, &tenant.id, json!({"plan": below})).await;
        names(call(&tenant.client, operation, &body).await, feature, Some(above));
        put_on(&app, &tenant.id, json!({"plan": above})).await;
        let reply = call(&tenant.client, operation, &body).await;
        assert!(reply.status.is_success(), "{operation}: {reply:?}");
        let switched = |on: Value| json!({"config": {"features": {feature: on}}});
        put_on(&app, &tenant.id, switched(json!(false))).await;
        names(call(&tenant.client, operation, &body).await, feature, None);
        put_on(&app, &tenant.id, json!({"plan": below})).await;
        put_on(&app, &tenant.id, switched(json!(true))).await;
        let reply = call(&tenant.client, operation, &body).await;
        assert!(reply.status.is_success(), "{operation}, granted: {reply:?}");
        put_on(&app, &tenant.id, switched(json!(null))).await;
        names(call(&tenant.client, operation, &body).await, feature, Some(above));
    }
    app.finish().await;
}

/// Who may not at all is told so, and not sold a plan.
#[tokio::test]
async fn the_permission_comes_first_and_operators_are_not_gated() {
    let app = App::start().await;
    let tenant = app.tenant("small", "shared_database").await;
    put_on(&app, &tenant.id, json!({"plan": "free"})).await;
    let low = app
        .nobody()
        .with_key(&app.tenant_key(&tenant.id, &["settings:read"]).await);
    for (operation, .., body) in gated() {
        call(&low, operation, &body).await.refused(403, "forbidden");
    }
    app.finish().await;
}

#[tokio::test]
async fn losing_a_feature_deletes_nothing() {
    let app = App::start().await;
    let tenant = app.tenant("loser", "shared_database").await;
    let order = json!({"name": "K", "scopes": ["tenant:read"]});
    let made = tenant.client.post("/api/api-keys", &order).await.expect(201);
    let domain = json!({"domain": "app.loser.example.org"});
    let domains = format!("/admin/tenants/{}/domains", tenant.id);
    app.admin().post(&domains, &domain).await.expect(201);
    put_on(&app, &tenant.id, json!({"plan": "free"})).await;
    names(
        tenant.client.post("/api/api-keys", &order).await,
        "apiAccess",
        Some("pro"),
    );
    let path = format!("/api/api-keys/{}", made.text("/id"));
    tenant.client.get(&path).await.expect(200);
    let keyed = app.nobody().with_key(&made.text("/key"));
    keyed.get("/api/tenant").await.expect(200);
    let kept = app.admin().get(&domains).await.expect(200).json();
    assert_eq!(kept["items"].as_array().map(Vec::len), Some(1), "{kept}");
    tenant.client.call(Method::DELETE, &path).await.expect(204);
    eventually("the key to be refused", async || {
        (keyed.get("/api/tenant").await.status == 401).then_some(())
    })
    .await;
    app.finish().await;
}
