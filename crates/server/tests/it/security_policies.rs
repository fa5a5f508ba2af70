//! What a tenant demands at its door.

use serde_json::{Value, json};

use crate::cors::policy;
use crate::support::{App, Client, Owner, Tenant, eventually};

const OWN: &str = "/api/security-policy";

#[tokio::test]
async fn both_planes_read_and_replace_it_version_by_version() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let theirs = format!("/admin/tenants/{}/security-policy", tenant.id);
    let nothing = tenant.client.get(OWN).await.expect(200);
    assert_eq!(nothing.header("etag"), "\"v0\"");
    assert_eq!(nothing.json()["ipAllowList"], json!([]));
    let wanted = policy(&json!({"ipAllowList": ["127.0.0.1", "::ffff:192.0.2.0/120"],
        "allowedOrigins": ["https://App.Example.com:443"]}));
    let set = tenant
        .client
        .with("if-match", "\"v0\"")
        .put(OWN, &wanted)
        .await
        .expect(200);
    assert_eq!(set.header("etag"), "\"v1\"");
    assert_eq!(set.json()["ipAllowList"], json!(["127.0.0.1/32", "192.0.2.0/24"]));
    assert_eq!(set.json()["allowedOrigins"], json!(["https://app.example.com"]));
    let seen = app.admin().get(&theirs).await.expect(200);
    assert_eq!((seen.header("etag"), seen.json()), ("\"v1\"", set.json()));
    tenant
        .client
        .with("if-none-match", "\"v1\"")
        .get(OWN)
        .await
        .expect(304);
    for (client, path) in [(&tenant.client, OWN), (&app.admin(), &theirs)] {
        let stale = client.with("if-match", "\"v0\"").put(path, &wanted).await;
        stale.refused(412, "precondition_failed");
    }
    let named = tenant.client.with("idempotency-key", "policy-1");
    let longer = policy(&json!({"sessionIdleMinutes": 120}));
    let (first, again) = (
        named.put(OWN, &longer).await.expect(200),
        named.put(OWN, &longer).await.expect(200),
    );
    assert_eq!(first.json(), again.json());
    let event = app
        .admin()
        .get(&format!(
            "/admin/audit?tenantId={}&eventType=security.policy_updated",
            tenant.id
        ))
        .await;
    let event = event.expect(200).json();
    assert_eq!(event["items"].as_array().map(Vec::len), Some(2), "{event}");
    assert_eq!(event["items"][0]["changes"][0]["field"], "ipAllowList", "{event}");
    app.finish().await;
}

#[tokio::test]
async fn what_is_wrong_is_said_where_it_is() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    for (change, pointer) in [
        (json!({"ipAllowList": ["192.0.2.7/24"]}), "/ipAllowList/0"),
        (json!({"ipAllowList": ["127.0.0.1", "*"]}), "/ipAllowList/1"),
        (json!({"allowedOrigins": ["*"]}), "/allowedOrigins/0"),
        (
            json!({"allowedOrigins": ["http://app.example.com"]}),
            "/allowedOrigins/0",
        ),
        (
            json!({"allowedOrigins": ["https://app.example.com/"]}),
            "/allowedOrigins/0",
        ),
        (json!({"sessionIdleMinutes": 4}), "/sessionIdleMinutes"),
        (json!({"sessionIdleMinutes": -1}), "/sessionIdleMinutes"),
        (json!({"sessionLifetimeHours": 2161}), "/sessionLifetimeHours"),
        (json!({"version": 7}), "/version"),
    ] {
        let refused = tenant
            .client
            .put(OWN, &policy(&change))
            .await
            .refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
    for left_out in [
        "mfaRequired",
        "ipAllowList",
        "allowedOrigins",
        "sessionIdleMinutes",
        "sessionLifetimeHours",
    ] {
        let mut part = policy(&json!({}));
        part.as_object_mut().expect("an object").remove(left_out);
        tenant
            .client
            .put(OWN, &part)
            .await
            .refused(422, "validation_failed");
    }
    app.finish().await;
}

/// A tenant that lets in who comes as our clients do, and somebody who comes another way.
async fn walled(app: &App) -> (Tenant, Client) {
    let tenant = app.tenant("acme", "shared_database").await;
    let wall = policy(&json!({"ipAllowList": ["127.0.0.1/32", "2001:db8::/32"]}));
    tenant.client.put(OWN, &wall).await.expect(200);
    let outside = Client::from_address(&app.url, "127.0.0.2");
    let stranger = tenant.client.by_way_of(&outside);
    eventually("the wall", async || {
        (stranger.get("/api/tenant").await.status == 403).then_some(())
    })
    .await;
    (tenant, outside)
}

/// Keys and a gateway's word alike, before anything else is told.
#[tokio::test]
async fn nobody_comes_in_from_another_network() {
    let app = App::start().await;
    let (tenant, outside) = walled(&app).await;
    let inside = tenant.client.clone();
    let stranger = inside.by_way_of(&outside);
    let low = outside.with_key(&app.tenant_key(&tenant.id, &["files:read"]).await);
    for client in [
        &stranger,
        &low,
        &outside.with("x-tenant-id", &tenant.id),
        &stranger.with("host", "acme.tenantry.test"),
    ] {
        for path in ["/api/tenant", "/api/me", "/api/projects", "/api/security-policy"] {
            client.get(path).await.refused(403, "address_not_allowed");
        }
        client
            .post("/api/projects", &json!({"nonsense": 1}))
            .await
            .refused(403, "address_not_allowed");
    }
    // A wrong key is a wrong key everywhere.
    outside
        .with_key("tny_wrong")
        .get("/api/tenant")
        .await
        .refused(401, "unauthenticated");
    inside.get("/api/tenant").await.expect(200);
    let other = app.tenant("other", "shared_database").await;
    other
        .client
        .by_way_of(&outside)
        .get("/api/tenant")
        .await
        .expect(200);

    let path = format!(
        "/admin/audit?tenantId={}&eventType=security.access_denied",
        tenant.id
    );
    let events = app.admin().get(&path).await.expect(200).json();
    let refusals: Vec<&Value> = events["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter(|event| event["metadata"]["reason"] == "address_not_allowed")
        .collect();
    assert_eq!(refusals.len(), 1, "the trail is not filled by knocking: {events}");
    assert_eq!(refusals[0]["ipAddress"], "127.0.0.2", "{events}");
    app.finish().await;
}

/// Neither the right password nor a wrong one is judged from there, nor whether there is such a person.
#[tokio::test]
async fn nobody_logs_in_from_another_network() {
    let app = App::start().await;
    let (tenant, outside) = walled(&app).await;
    let visitor = outside.with("host", "acme.tenantry.test");
    let body = json!({"token": "nonsense", "password": "nonsense"});
    visitor
        .post("/api/invitations/accept", &body)
        .await
        .refused(403, "address_not_allowed");
    let login = json!({"email": "owner@acme.example.com", "password": "not the password"});
    visitor
        .post("/api/auth/login", &login)
        .await
        .refused(403, "address_not_allowed");
    let named = json!({"email": "nobody@example.com", "password": "not the password", "tenant": tenant.id});
    outside
        .post("/api/auth/login", &named)
        .await
        .refused(403, "address_not_allowed");
    app.nobody()
        .post("/api/auth/login", &named)
        .await
        .refused(401, "invalid_credentials");
    app.finish().await;
}

#[tokio::test]
async fn who_would_shut_himself_out_has_to_mean_it_and_an_operator_opens_again() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let elsewhere = policy(&json!({"ipAllowList": ["192.0.2.0/24"]}));
    let refused = tenant
        .client
        .put(OWN, &elsewhere)
        .await
        .refused(422, "validation_failed");
    let error = &refused["errors"][0];
    assert_eq!(error["pointer"], "/ipAllowList");
    let detail = error["detail"].as_str().expect("a sentence");
    assert!(
        detail.contains("127.0.0.1") && detail.contains("allowSelfLockout=true"),
        "{detail}"
    );
    tenant.client.get("/api/tenant").await.expect(200);
    tenant
        .client
        .put(&format!("{OWN}?allowSelfLockout=true"), &elsewhere)
        .await
        .expect(200);
    let shut_out = async || (tenant.client.get("/api/tenant").await.status == 403).then_some(());
    eventually("the wall", shut_out).await;
    let theirs = format!("/admin/tenants/{}/security-policy", tenant.id);
    app.admin().put(&theirs, &policy(&json!({}))).await.expect(200);
    eventually("the way in", async || {
        (tenant.client.get("/api/tenant").await.status == 200).then_some(())
    })
    .await;
    app.finish().await;
}

/// What was open with a password alone is not any more, the moment that is too little.
#[tokio::test]
async fn who_has_no_second_factor_is_sent_to_add_one() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let browser = Owner::active(&app, &tenant).await.browser(&app, "open").await;
    browser.get("/api/projects").await.expect(200);
    tenant
        .client
        .put(OWN, &policy(&json!({"mfaRequired": true})))
        .await
        .expect(200);
    eventually("the demand", async || {
        (browser.get("/api/projects").await.status == 403).then_some(())
    })
    .await;
    browser
        .get("/api/projects")
        .await
        .refused(403, "enrolment_required");
    browser
        .get("/gateway/verify")
        .await
        .refused(403, "enrolment_required");
    browser.get("/api/auth/mfa").await.expect(200);
    // Machines have no second factor.
    tenant.client.get("/api/projects").await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_change_is_known_on_every_node_within_a_second() {
    let app = App::start().await;
    let second = app.another_node().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let there = tenant
        .client
        .by_way_of(&Client::from_address(&second.url, "127.0.0.2"))
        .at(&second.url);
    there.get("/api/tenant").await.expect(200);
    tenant
        .client
        .put(OWN, &policy(&json!({"ipAllowList": ["127.0.0.1"]})))
        .await
        .expect(200);
    let set = tokio::time::Instant::now();
    eventually("the second node", async || {
        (there.get("/api/tenant").await.status == 403).then_some(())
    })
    .await;
    assert!(
        set.elapsed() < std::time::Duration::from_secs(1),
        "it took {:?}",
        set.elapsed()
    );
    second.stop().await;
    app.finish().await;
}
