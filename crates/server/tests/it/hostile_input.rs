//! What nobody sends who means well: refused clearly, and never a failure of ours.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::App;

#[tokio::test]
async fn times_that_postgresql_does_not_have_are_refused() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let lists = [
        (app.admin(), "/admin/audit?from"),
        (app.admin(), "/admin/tenants?createdAfter"),
        (tenant.client.clone(), "/api/audit?to"),
    ];
    for (client, filter) in lists {
        for time in [
            "-004713-01-01T00:00:00Z",
            "-210866803200001",
            "-300000000000000",
            "253402207201000",
        ] {
            client
                .get(&format!("{filter}={time}"))
                .await
                .refused(400, "invalid_parameter");
        }
    }
    app.finish().await;
}

/// Cursors that name the first microsecond that PostgreSQL's calendar does not have.
#[tokio::test]
async fn forged_cursors_are_places_in_the_list_or_refused() {
    let app = App::start().await;
    let tenants =
        "eyJ0Ijp7ImF0IjotMjEwODY2ODAzMjAwMDAwMDAxLCJpZCI6InRlbmFudF8wMWg0NTV2YjRwZXg1dnNrbmswODRzbjAycSJ9fQ";
    let events = "eyJhdCI6LTIxMDg2NjgwMzIwMDAwMDAwMSwiaWQiOiJhdWRpdF8wMWg0NTV2YjRwZXg1dnNrbmswODRzbjAycSJ9";
    for (list, cursor) in [("/admin/tenants", tenants), ("/admin/audit", events)] {
        let reply = app.admin().get(&format!("{list}?cursor={cursor}")).await;
        assert!(matches!(reply.status.as_u16(), 200 | 400), "{reply:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_list_is_no_object_anywhere_in_a_body() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let order = |owner: Value, config: Value| json!({"name": "N", "slug": "listed", "plan": "free", "owner": owner, "config": config});
    let owner = json!({"email": "ada@example.com", "name": "Ada"});
    for (body, pointer) in [
        (
            order(json!(["ada@example.com", "Ada", null]), json!({})),
            "/owner",
        ),
        (order(owner, json!([null, {}, {}])), "/config"),
    ] {
        let refused = app
            .admin()
            .post("/admin/provision", &body)
            .await
            .refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], pointer);
    }
    let record = format!("/admin/tenants/{}", tenant.id);
    for (client, path) in [
        (app.admin(), record.as_str()),
        (tenant.client.clone(), "/api/tenant"),
    ] {
        let refused = client
            .patch(path, &json!({"config": []}))
            .await
            .refused(422, "validation_failed");
        assert_eq!(refused["errors"][0]["pointer"], "/config");
    }
    app.finish().await;
}

#[tokio::test]
async fn an_owner_with_an_unusual_address_gets_his_mail() {
    let app = App::start().await;
    let body = json!({
        "name": "Odd", "slug": "odd", "plan": "free",
        "owner": {"email": "\"ada b\"@example.com", "name": "Ada <x@example.com>"},
    });
    app.admin().post("/admin/provision", &body).await.expect(201);
    app.settle().await;
    let found = app
        .mails()
        .iter()
        .filter(|mail| mail.contains("<\"ada b\"@example.com>"))
        .count();
    assert_eq!(found, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_caller_who_is_named_twice_is_nobody() {
    let app = App::start().await;
    let gateway = app.nobody().with("x-tenant-id", &app.credentials.demo_tenant_id);
    let user = app.credentials.demo_user_id.as_str();
    gateway.with("x-user-id", user).get("/api/me").await.expect(200);
    let twice = gateway
        .request(Method::GET, "/api/me")
        .header("x-user-id", user)
        .header("x-user-id", "user_1");
    assert_eq!(twice.send().await.expect("an answer").status(), 404);
    let address = app.url.strip_prefix("http://").expect("an address");
    let key = &app.credentials.demo_tenant_api_key;
    let request = format!(
        "GET /api/me HTTP/1.1\r\nHost: {address}\r\nHost: other.example.com\r\nAuthorization: Bearer {key}\r\n\
         Connection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    app.finish().await;
}

#[tokio::test]
async fn a_tenant_that_is_being_removed_gets_no_more_keys() {
    let app = App::start().await;
    let tenant = app.tenant("gone", "shared_database").await;
    let keys = format!("/admin/tenants/{}/api-keys", tenant.id);
    let body = json!({"name": "late", "scopes": ["*"]});
    let old = app.admin().post(&keys, &body).await.expect(201).text("/id");
    app.admin()
        .delete(&format!("/admin/tenants/{}?graceDays=30", tenant.id))
        .await
        .expect(202);
    app.admin()
        .post(&keys, &body)
        .await
        .refused(409, "invalid_transition");
    app.admin()
        .post(&format!("{keys}/{old}/rotate"), &json!({}))
        .await
        .refused(409, "invalid_transition");
    app.finish().await;
}
