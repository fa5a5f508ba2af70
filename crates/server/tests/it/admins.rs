//! Operators of the platform: how they come and go, and that nobody raises himself.

use serde_json::{Value, json};

use crate::support::{App, Client, Reply, all, eventually};

/// An operator with a key of these scopes, added by the first one.
pub(super) struct Operator {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) client: Client,
}

impl Operator {
    /// Adds him.
    pub(super) async fn added(app: &App, name: &str, permissions: &[&str], tenants: Option<&[&str]>) -> Self {
        let order = json!({
            "email": format!("{name}@operators.example.com"), "name": name, "permissions": permissions,
            "tenants": tenants, "password": format!("{name} has a long password"),
        });
        let made = app.admin().post("/admin/admins", &order).await.expect(201);
        let id = made.text("/id");
        Self {
            client: app.nobody().with_key(&key_of(app, &id, &["*"]).await),
            path: made.header("location").to_owned(),
            id,
        }
    }
}

/// A key that acts for this operator, put into the database.
pub(super) async fn key_of(app: &App, admin: &str, scopes: &[&str]) -> String {
    let key = format!("tny_admin_{admin}{}", scopes.join(""));
    let id: identity::admins::AdminId = admin.parse().expect("an identifier");
    sqlx::query(
        "insert into control.admin_api_keys (id, admin_id, name, prefix, secret_hash, scopes, created_at)
         values (gen_random_uuid(), $1, 'Test', 'tny_admin_', sha256(convert_to($2, 'UTF8')), $3, now())",
    )
    .bind(id)
    .bind(&key)
    .bind(scopes.iter().map(|&scope| scope.to_owned()).collect::<Vec<_>>())
    .execute(&mut app.superuser().await)
    .await
    .expect("a key");
    key
}

async fn answers(client: &Client, path: &str, status: u16) {
    eventually(&format!("{path} to be answered {status}"), async || {
        (client.get(path).await.status == status).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_operator_comes_changes_and_goes_and_his_key_with_him() {
    let app = App::start().await;
    let second = app.another_node().await;
    let op = Operator::added(&app, "ada", &["tenants:list", "audit:read"], None).await;
    let there = op.client.at(&second.url);
    there.get("/admin/tenants").await.expect(200);
    there.get("/admin/admins").await.refused(403, "forbidden");

    let root = app.admin();
    let shown = root.get(&op.path).await.expect(200);
    assert_eq!(shown.header("etag"), "\"v1\"");
    assert_eq!(shown.json()["permissions"], json!(["audit:read", "tenants:list"]));
    assert!(
        !String::from_utf8_lossy(&shown.bytes).contains("assword"),
        "{shown:?}"
    );
    let listed = root.get("/admin/admins?status=active").await.expect(200).json();
    assert_eq!(listed["items"][0]["id"], json!(op.id));

    let change = json!({"permissions": ["admins:read"], "name": "Ada L."});
    root.with("if-match", "\"v7\"")
        .patch(&op.path, &change)
        .await
        .refused(412, "precondition_failed");
    let changed = root
        .with("if-match", "\"v1\"")
        .patch(&op.path, &change)
        .await
        .expect(200);
    assert_eq!(
        (changed.header("etag"), changed.text("/name")),
        ("\"v2\"", "Ada L.".to_owned())
    );
    answers(&there, "/admin/tenants", 403).await;
    answers(&there, "/admin/admins", 200).await;

    for (status, answer) in [("deactivated", 401), ("active", 200)] {
        root.patch(&op.path, &json!({"status": status})).await.expect(200);
        answers(&there, "/admin/admins", answer).await;
    }
    root.delete(&op.path).await.expect(204);
    answers(&there, "/admin/admins", 401).await;
    root.get(&op.path).await.refused(404, "not_found");
    root.delete(&op.path).await.refused(404, "not_found");

    let trail = all(&root, &format!("/admin/audit?resourceId={}", op.id)).await;
    let types: Vec<_> = trail
        .iter()
        .rev()
        .map(|event| event["eventType"].clone())
        .collect();
    let expected = ["created", "updated", "updated", "updated", "deleted"];
    assert_eq!(
        types,
        expected.map(|done| json!(format!("security.admin_{done}")))
    );
    assert!(
        !json!(trail).to_string().contains("Ada L."),
        "names are personal: {trail:?}"
    );
    second.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn what_is_wrong_with_an_operator_is_said_field_by_field() {
    let app = App::start().await;
    let root = app.admin();
    let order = |change: Value| {
        let mut body = json!({"email": "x@example.com", "name": "X", "permissions": ["*"], "password": "correct horse battery"});
        for (key, value) in change.as_object().expect("members") {
            body[key] = value.clone();
        }
        body
    };
    let pointers = |refused: Reply| {
        let errors = refused.refused(422, "validation_failed")["errors"].clone();
        let list = errors
            .as_array()
            .expect("errors")
            .iter()
            .map(|error| error["pointer"].clone());
        list.collect::<Vec<_>>()
    };
    let tenant = app.credentials.demo_tenant_id.clone();
    let unknown = "tenant_01h455vb4pex5vsknk084sn02q";
    for (change, wrong) in [
        (json!({"permissions": []}), json!(["/permissions"])),
        (
            json!({"permissions": ["audit:read", "castles:*"]}),
            json!(["/permissions/1"]),
        ),
        (json!({"password": "short"}), json!(["/password"])),
        (json!({"tenants": []}), json!(["/permissions/0", "/tenants"])),
        (json!({"tenants": [tenant]}), json!(["/permissions/0"])),
        (
            json!({"tenants": [tenant], "permissions": ["tenants:*"]}),
            json!(["/permissions/0"]),
        ),
        (
            json!({"tenants": [tenant, unknown], "permissions": ["tenants:read"]}),
            json!(["/tenants/1"]),
        ),
    ] {
        let reply = root.post("/admin/admins", &order(change.clone())).await;
        assert_eq!(json!(pointers(reply)), wrong, "{change}");
    }
    root.post("/admin/admins", &order(json!({}))).await.expect(201);
    root.post("/admin/admins", &order(json!({"email": "X@Example.com"})))
        .await
        .refused(409, "email_taken");
    app.finish().await;
}

#[tokio::test]
async fn nobody_raises_himself_or_anybody_beyond_himself() {
    let app = App::start().await;
    let chief = Operator::added(&app, "chief", &["admins:*", "admin_keys:*", "audit:read"], None).await;
    let clerk = Operator::added(&app, "clerk", &["audit:read"], None).await;
    let root = app.admin().get("/admin/admins").await.expect(200).json();
    let root = root["items"]
        .as_array()
        .expect("items")
        .last()
        .expect("the first")["id"]
        .clone();
    let root = format!("/admin/admins/{}", root.as_str().expect("an identifier"));
    let order = json!({"email": "more@example.com", "name": "More", "permissions": ["tenants:list"], "password": "correct horse battery"});
    let by = &chief.client;
    by.post("/admin/admins", &order).await.refused(403, "forbidden");
    for change in [
        json!({"permissions": ["*"]}),
        json!({"permissions": ["audit:read"]}),
        json!({"status": "deactivated"}),
        json!({"tenants": [app.credentials.demo_tenant_id], "permissions": ["audit:read"]}),
    ] {
        by.patch(&chief.path, &change).await.refused(403, "forbidden");
        by.patch(&root, &change).await.refused(403, "forbidden");
    }
    by.patch(&clerk.path, &json!({"permissions": ["tenants:list"]}))
        .await
        .refused(403, "forbidden");
    by.delete(&root).await.refused(403, "forbidden");
    by.delete(&chief.path).await.refused(403, "forbidden");
    by.patch(&clerk.path, &json!({"permissions": ["admins:read"]}))
        .await
        .expect(200);
    by.patch(&chief.path, &json!({"name": "Chief"})).await.expect(200);

    // A key that says more than its operator may allows no more.
    app.admin().get(&chief.path).await.expect(200);
    by.get("/admin/tenants").await.refused(403, "forbidden");
    by.post("/admin/api-keys", &json!({"name": "more", "scopes": ["*"]}))
        .await
        .refused(403, "forbidden");
    let made = by
        .post(
            "/admin/api-keys",
            &json!({"name": "own", "scopes": ["audit:read"]}),
        )
        .await
        .expect(201);
    assert_eq!(made.text("/adminId"), chief.id, "a key acts for who made it");
    // Whoever holds a key acts for its operator, so nobody else is given its successor.
    let rotated = app
        .admin()
        .post(&format!("{}/rotate", made.header("location")), &json!({}))
        .await;
    rotated.refused(403, "forbidden");
    app.finish().await;
}

/// Two operators who shut each other out at the same time: one of them stays, and so does the platform's operator.
#[tokio::test]
async fn the_last_operator_stays_whoever_is_faster() {
    let app = App::start().await;
    let one = Operator::added(&app, "one", &["*"], None).await;
    let other = Operator::added(&app, "other", &["*"], None).await;
    let first = app.admin().get("/admin/admins").await.expect(200).json();
    let first = first["items"]
        .as_array()
        .expect("items")
        .last()
        .expect("the first")["id"]
        .clone();
    let first = format!("/admin/admins/{}", first.as_str().expect("an identifier"));
    one.client.delete(&first).await.expect(204);
    let (mut refused, active) = (0, json!({"status": "active"}));
    for round in 0..6 {
        let change = [
            json!({"status": "deactivated"}),
            json!({"permissions": ["audit:read"]}),
        ];
        let change = &change[round % 2];
        let (a, b) = tokio::join!(
            one.client.patch(&other.path, change),
            other.client.patch(&one.path, change)
        );
        assert_ne!(a.status, b.status, "{a:?} {b:?}");
        let (winner, loser, reply) = if a.status == 200 {
            (&one, &other, b)
        } else {
            (&other, &one, a)
        };
        // The slower one may not even come in any more.
        if reply.status == 409 {
            reply.refused(409, "last_operator");
            refused += 1;
        }
        winner.client.get("/admin/admins").await.expect(200);
        winner
            .client
            .patch(&loser.path, &json!({"permissions": ["*"]}))
            .await
            .expect(200);
        winner.client.patch(&loser.path, &active).await.expect(200);
        answers(&loser.client, "/admin/admins", 200).await;
    }
    assert!(refused > 0, "they never met");
    app.finish().await;
}

#[tokio::test]
async fn an_operator_without_a_password_is_mailed_a_link_to_set_one() {
    let app = App::start().await;
    let order =
        json!({"email": "new@operators.example.com", "name": "New One", "permissions": ["audit:read"]});
    app.admin().post("/admin/admins", &order).await.expect(201);
    let mail = eventually("the mail", async || {
        app.mails()
            .into_iter()
            .find(|mail| mail.contains("new@operators"))
    })
    .await;
    assert!(mail.contains("/admin/password-reset#"), "{mail}");
    app.finish().await;
}
