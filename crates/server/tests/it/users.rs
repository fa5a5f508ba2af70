use serde_json::{Value, json};

use crate::support::{App, Client, Tenant, all, eventually};

mod authority;

/// A tenant on the plan with three seats, one of which its owner has.
async fn small(app: &App) -> Tenant {
    let body = json!({
        "name": "Small", "slug": "small", "plan": "free",
        "owner": {"email": "olga@small.example.com", "name": "Olga"},
    });
    let made = app.admin().post("/admin/provision", &body).await.expect(201);
    let id = made.text("/tenantId");
    let client = app.nobody().with_key(&app.tenant_key(&id, &["*"]).await);
    Tenant { id, client }
}

fn order(name: &str, role: &str) -> Value {
    json!({"email": format!("{name}@people.example.com"), "name": name, "role": role})
}

/// The person himself, vouched for by a gateway.
fn in_person(app: &App, tenant: &Tenant, id: &str) -> Client {
    app.nobody().with("x-tenant-id", &tenant.id).with("x-user-id", id)
}

async fn refuses_within_a_second(client: &Client, path: &str, status: u16) {
    let asked = tokio::time::Instant::now();
    eventually("the change to be known", async || {
        (client.get(path).await.status == status).then_some(())
    })
    .await;
    assert!(
        asked.elapsed() < std::time::Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
}

#[tokio::test]
async fn a_person_is_invited_comes_and_is_renamed() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let invited = tenant
        .client
        .post("/api/users", &order("Ada", "member"))
        .await
        .expect(201);
    let (id, path) = (invited.text("/id"), invited.header("location").to_owned());
    assert_eq!(path, format!("/api/users/{id}"));
    assert_eq!(invited.header("etag"), "\"v1\"");
    assert_eq!(
        (invited.text("/status"), invited.text("/email")),
        ("invited".into(), "ada@people.example.com".into())
    );
    let token = app.invitation("ada@people.example.com").await;
    let accepted = app
        .accept(&json!({"token": token, "name": "Ada King"}))
        .await
        .expect(201);
    assert_eq!(accepted.json()["user"]["emailVerified"], true);
    let ada = app.nobody().with_key(&accepted.text("/apiKey/key"));
    let me = ada.get("/api/me").await.expect(200).json();
    assert_eq!(
        (&me["user"]["id"], &me["user"]["name"]),
        (&json!(id), &json!("Ada King"))
    );
    ada.post("/api/projects", &json!({"name": "P"})).await.expect(201);

    let stale = tenant.client.with("if-match", "\"v1\"");
    stale
        .patch(&path, &json!({"name": "A"}))
        .await
        .refused(412, "precondition_failed");
    let named = tenant
        .client
        .patch(&path, &json!({"name": "Ada Byron"}))
        .await
        .expect(200);
    assert_eq!(
        (named.text("/name"), named.header("etag")),
        ("Ada Byron".into(), "\"v3\"")
    );
    let known = tenant.client.with("if-none-match", "\"v3\"").get(&path).await;
    assert_eq!(known.status, 304);
    app.finish().await;
}

#[tokio::test]
async fn what_becomes_of_a_person_is_known_on_every_node_within_a_second() {
    let app = App::start().await;
    let second = app.another_node().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let person = app.person(&tenant, "ada", "member").await;
    let (ada, path) = (person.client.at(&second.url), format!("/api/users/{}", person.id));
    ada.get("/api/users").await.expect(200);
    tenant
        .client
        .put(&format!("{path}/role"), &json!({"role": "viewer"}))
        .await
        .expect(200);
    refuses_within_a_second(&ada, "/api/users", 403).await;
    tenant
        .client
        .post(&format!("{path}/deactivate"), &json!({}))
        .await
        .expect(200);
    refuses_within_a_second(&ada, "/api/projects", 401).await;
    tenant
        .client
        .post(&format!("{path}/deactivate"), &json!({}))
        .await
        .refused(409, "invalid_transition");
    tenant
        .client
        .post(&format!("{path}/reactivate"), &json!({}))
        .await
        .expect(200);
    eventually("the key to work again", async || {
        (ada.get("/api/projects").await.status == 200).then_some(())
    })
    .await;
    tenant.client.delete(&path).await.expect(204);
    refuses_within_a_second(&ada, "/api/projects", 401).await;
    tenant.client.get(&path).await.refused(404, "not_found");
    second.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn people_are_found_by_text_role_and_status_page_by_page() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    app.person(&tenant, "ada", "admin").await;
    for (name, role) in [("bob", "member"), ("bonnie", "member"), ("cleo", "viewer")] {
        tenant
            .client
            .post("/api/users", &order(name, role))
            .await
            .expect(201);
    }
    let found = async |query: &str| -> Vec<String> {
        let items = all(&tenant.client, &format!("/api/users?limit=1&{query}")).await;
        let name = |user: &Value| user["name"].as_str().expect("a name").to_owned();
        items.iter().map(name).collect()
    };
    assert_eq!(found("q=BO").await, ["bonnie", "bob"]);
    assert_eq!(found("role=member&q=bonnie@people").await, ["bonnie"]);
    assert_eq!(found("status=active").await, ["ada"]);
    assert_eq!(found("status=invited&role=viewer").await, ["cleo"]);
    assert_eq!(found("").await.len(), 5, "with the owner");
    for query in ["q=", "role=Emperor", "status=gone", "cursor=x", "limit=0"] {
        let reply = tenant.client.get(&format!("/api/users?{query}")).await;
        reply.refused(400, "invalid_parameter");
    }
    app.finish().await;
}

/// Attack 15.
#[tokio::test]
async fn of_many_invited_at_once_to_the_last_seat_one_comes() {
    let app = App::start().await;
    let tenant = small(&app).await;
    tenant
        .client
        .post("/api/users", &order("bob", "member"))
        .await
        .expect(201);
    let names = ["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"];
    let calls = names.map(|name| {
        let client = tenant.client.clone();
        tokio::spawn(async move { client.post("/api/users", &order(name, "member")).await })
    });
    let mut came = 0;
    for call in calls {
        let reply = call.await.expect("no panic");
        if reply.status == 201 {
            came += 1;
            continue;
        }
        let refusal = reply.refused(429, "quota_exceeded");
        assert_eq!(refusal["detail"], "The plan has 3 seats, and 3 are taken.");
    }
    assert_eq!(came, 1);
    let bob = tenant
        .client
        .get("/api/users?q=bob")
        .await
        .expect(200)
        .text("/items/0/id");
    tenant
        .client
        .post(&format!("/api/users/{bob}/deactivate"), &json!({}))
        .await
        .expect(200);
    tenant
        .client
        .post("/api/users", &order("carl", "member"))
        .await
        .expect(201);
    let back = format!("/api/users/{bob}/reactivate");
    tenant
        .client
        .post(&back, &json!({}))
        .await
        .refused(429, "quota_exceeded");
    let plan = json!({"plan": "starter"});
    app.admin()
        .patch(&format!("/admin/tenants/{}", tenant.id), &plan)
        .await
        .expect(200);
    tenant.client.post(&back, &json!({})).await.expect(200);
    app.finish().await;
}

/// Attack 4: what named a person names nobody after his deletion, in his tenant and elsewhere.
#[tokio::test]
async fn a_deleted_persons_identifier_is_nobodys() {
    let app = App::start().await;
    let (here, there) = (
        app.tenant("here", "shared_database").await,
        app.tenant("there", "shared_database").await,
    );
    let mia = app.person(&here, "mia", "member").await;
    here.client
        .delete(&format!("/api/users/{}", mia.id))
        .await
        .expect(204);
    for tenant in [&here, &there] {
        let path = format!("/api/users/{}", mia.id);
        tenant.client.get(&path).await.refused(404, "not_found");
        tenant
            .client
            .patch(&path, &json!({"name": "X"}))
            .await
            .refused(404, "not_found");
        tenant
            .client
            .put(&format!("{path}/role"), &json!({"role": "owner"}))
            .await
            .refused(404, "not_found");
        tenant
            .client
            .post(&format!("{path}/reactivate"), &json!({}))
            .await
            .refused(404, "not_found");
        tenant
            .client
            .post(&format!("{path}/invitation"), &json!({}))
            .await
            .refused(404, "not_found");
        in_person(&app, tenant, &mia.id)
            .get("/api/me")
            .await
            .refused(404, "not_found");
        let mut again = order("mia", "member");
        again["id"] = json!(mia.id);
        let refusal = tenant
            .client
            .post("/api/users", &again)
            .await
            .refused(422, "validation_failed");
        assert_eq!(refusal["errors"][0]["pointer"], "/id");
        let key = json!({"name": "K", "scopes": ["*"], "userId": mia.id});
        let reply = tenant.client.post("/api/api-keys", &key).await;
        assert!(matches!(reply.status.as_u16(), 403 | 422), "{reply:?}");
    }
    // The address is free again, for somebody else.
    let again = here
        .client
        .post("/api/users", &order("mia", "member"))
        .await
        .expect(201);
    assert_ne!(again.text("/id"), mia.id);
    app.finish().await;
}

#[tokio::test]
async fn operators_see_and_shut_out_people_of_every_tenant() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let mia = app.person(&tenant, "mia", "member").await;
    let (reader, writer) = (
        app.limited_admin(&["users:read"]).await,
        app.limited_admin(&["users:*"]).await,
    );
    let people = format!("/admin/tenants/{}/users", tenant.id);
    let path = format!("{people}/{}", mia.id);
    let listed = all(&reader, &format!("{people}?limit=1&role=member")).await;
    assert_eq!(listed[0]["id"], json!(mia.id));
    assert_eq!(reader.get(&path).await.expect(200).header("etag"), "\"v2\"");
    reader
        .post(&format!("{path}/deactivate"), &json!({}))
        .await
        .refused(403, "forbidden");
    writer
        .post(&format!("{path}/deactivate"), &json!({}))
        .await
        .expect(200);
    refuses_within_a_second(&mia.client, "/api/projects", 401).await;
    writer
        .post(&format!("{path}/reactivate"), &json!({}))
        .await
        .expect(200);
    let other = app.tenant("other", "shared_database").await;
    let elsewhere = format!("/admin/tenants/{}/users/{}", other.id, mia.id);
    writer.get(&elsewhere).await.refused(404, "not_found");
    writer.delete(&elsewhere).await.refused(404, "not_found");
    let nowhere = "/admin/tenants/tenant_01h455vb4pex5vsknk084sn02q/users";
    writer.get(nowhere).await.refused(404, "not_found");
    writer.delete(&path).await.expect(204);
    let trail = app
        .admin()
        .get(&format!(
            "/admin/audit?tenantId={}&eventType=user.deleted",
            tenant.id
        ))
        .await;
    assert_eq!(
        trail.expect(200).json()["items"][0]["resource"]["id"],
        json!(mia.id)
    );
    app.finish().await;
}

/// Sessions end with the person's access, and stay ended when he is let in again.
#[tokio::test]
async fn whoever_is_shut_out_is_logged_out_for_good() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let invited = tenant
        .client
        .post("/api/users", &order("ada", "member"))
        .await
        .expect(201);
    let path = invited.header("location").to_owned();
    let (email, password) = (invited.text("/email"), "seven-lanterns-over-quiet-water");
    let token = app.invitation(&email).await;
    app.accept(&json!({"token": token, "password": password}))
        .await
        .expect(201);
    let login = json!({"email": email, "password": password, "tenant": tenant.id, "session": "token"});
    let logged_in = async || {
        let outcome = app.nobody().post("/api/auth/login", &login).await.expect(200);
        app.nobody().with_key(&outcome.text("/accessToken"))
    };
    let sessions = format!("{path}/sessions");
    let first = logged_in().await;
    first.get("/api/projects").await.expect(200);
    let listed = tenant.client.get(&sessions).await.expect(200).json();
    assert_eq!(listed["items"].as_array().expect("items").len(), 1, "{listed}");
    first.get(&sessions).await.refused(403, "forbidden");
    tenant.client.delete(&sessions).await.expect(204);
    refuses_within_a_second(&first, "/api/projects", 401).await;
    let second = logged_in().await;
    second.get("/api/projects").await.expect(200);
    tenant
        .client
        .post(&format!("{path}/deactivate"), &json!({}))
        .await
        .expect(200);
    refuses_within_a_second(&second, "/api/projects", 401).await;
    app.nobody()
        .post("/api/auth/login", &login)
        .await
        .refused(401, "invalid_credentials");
    tenant
        .client
        .post(&format!("{path}/reactivate"), &json!({}))
        .await
        .expect(200);
    let third = logged_in().await;
    third.get("/api/projects").await.expect(200);
    second.get("/api/projects").await.refused(401, "unauthenticated");
    tenant.client.delete(&path).await.expect(204);
    refuses_within_a_second(&third, "/api/projects", 401).await;
    app.finish().await;
}
