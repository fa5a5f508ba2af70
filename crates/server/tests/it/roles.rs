use serde_json::{Value, json};

use crate::support::{App, eventually};

#[tokio::test]
async fn a_role_of_the_tenants_own_is_worth_what_it_names_on_every_node() {
    let app = App::start().await;
    let second = app.another_node().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let role = json!({"name": "accountant", "description": "Sends invoices.", "permissions": ["files:*"]});
    let made = tenant.client.post("/api/roles", &role).await.expect(201);
    let path = made.header("location").to_owned();
    assert_eq!(
        (path.as_str(), made.header("etag")),
        ("/api/roles/accountant", "\"v1\"")
    );
    tenant
        .client
        .post("/api/roles", &role)
        .await
        .refused(409, "role_taken");
    let ada = app.person(&tenant, "ada", "accountant").await;
    let key = second.nobody().with("authorization", &authorization(&ada.client));
    let in_person = second
        .nobody()
        .with("x-tenant-id", &tenant.id)
        .with("x-user-id", &ada.id);
    for client in [&key, &in_person] {
        client.get("/api/files").await.expect(200);
        client.get("/api/projects").await.refused(403, "forbidden");
    }
    // The key keeps the scopes that it was made with; the person has what the role allows now.
    let less = json!({"permissions": ["projects:read"]});
    let changed = tenant
        .client
        .with("if-match", "\"v1\"")
        .put(&path, &less)
        .await
        .expect(200);
    assert_eq!(changed.header("etag"), "\"v2\"");
    eventually("the other node to know", async || {
        (key.get("/api/files").await.status == 403).then_some(())
    })
    .await;
    in_person.get("/api/projects").await.expect(200);
    tenant
        .client
        .with("if-match", "\"v1\"")
        .put(&path, &less)
        .await
        .refused(412, "precondition_failed");
    tenant.client.delete(&path).await.refused(409, "role_in_use");
    let person = format!("/api/users/{}/role", ada.id);
    tenant
        .client
        .put(&person, &json!({"role": "viewer"}))
        .await
        .expect(200);
    tenant.client.delete(&path).await.expect(204);
    tenant.client.get(&path).await.refused(404, "not_found");
    second.stop().await;
    app.finish().await;
}

fn authorization(client: &crate::support::Client) -> String {
    let request = client
        .request(reqwest::Method::GET, "/")
        .build()
        .expect("a request");
    let value = request.headers()["authorization"].to_str().expect("text");
    value.to_owned()
}

/// Attack 10, the role part: nobody makes himself more than he is by way of a role.
#[tokio::test]
async fn nobody_makes_a_role_that_allows_more_than_he_may() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let admin = app.person(&tenant, "anna", "admin").await;
    let member = app.person(&tenant, "mia", "member").await;
    let role = |permissions: Value| json!({"name": "more", "permissions": permissions});
    member
        .client
        .post("/api/roles", &role(json!(["projects:read"])))
        .await
        .refused(403, "forbidden");
    for more in [json!(["*"]), json!(["tenant:update"]), json!(["security:*"])] {
        admin
            .client
            .post("/api/roles", &role(more))
            .await
            .refused(403, "forbidden");
    }
    admin
        .client
        .post("/api/roles", &role(json!(["users:*", "roles:*"])))
        .await
        .expect(201);
    let mine = json!({"permissions": ["*"]});
    admin
        .client
        .put("/api/roles/more", &mine)
        .await
        .refused(403, "forbidden");
    tenant.client.put("/api/roles/more", &mine).await.expect(200);
    let down = json!({"permissions": ["files:read"]});
    admin
        .client
        .put("/api/roles/more", &down)
        .await
        .refused(403, "forbidden");
    let given = format!("/api/users/{}/role", member.id);
    admin
        .client
        .put(&given, &json!({"role": "more"}))
        .await
        .refused(403, "forbidden");
    app.finish().await;
}

#[tokio::test]
async fn the_roles_that_every_tenant_has_are_listed_first_and_never_change() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    tenant
        .client
        .post(
            "/api/roles",
            &json!({"name": "accountant", "permissions": ["files:*", "projects:read"]}),
        )
        .await
        .expect(201);
    let listed = tenant.client.get("/api/roles").await.expect(200).json();
    let items = listed["items"].as_array().expect("items");
    let names: Vec<_> = items.iter().filter_map(|role| role["name"].as_str()).collect();
    assert_eq!(names, ["owner", "admin", "member", "viewer", "accountant"]);
    let change = json!({"permissions": ["*"]});
    for builtin in ["owner", "admin", "member", "viewer"] {
        let path = format!("/api/roles/{builtin}");
        tenant.client.get(&path).await.expect(200);
        tenant.client.put(&path, &change).await.refused(409, "conflict");
        tenant.client.delete(&path).await.refused(409, "conflict");
        let taken = json!({"name": builtin, "permissions": ["*"]});
        tenant
            .client
            .post("/api/roles", &taken)
            .await
            .refused(409, "role_taken");
    }
    for (body, pointer) in [
        (json!({"name": "Big Boss", "permissions": ["*"]}), "/name"),
        (json!({"name": "a", "permissions": ["*"]}), "/name"),
        (json!({"name": "boss", "permissions": []}), "/permissions"),
        (
            json!({"name": "boss", "permissions": ["files:read", "castles:*"]}),
            "/permissions/1",
        ),
        (
            json!({"name": "boss", "permissions": ["*"], "builtin": true}),
            "/builtin",
        ),
    ] {
        let refusal = tenant
            .client
            .post("/api/roles", &body)
            .await
            .refused(422, "validation_failed");
        assert_eq!(refusal["errors"][0]["pointer"], pointer, "{refusal}");
    }
    app.finish().await;
}
