//! An operator who is limited to some tenants, with every permission that he can have: of all others he is told what
//! he is told of a tenant that does not exist, on every operation of the document.

use serde_json::{Value, json};

use super::admins::{Operator, key_of};
use super::authz_matrix::{Ids, Operation, operations, row, shown};
use crate::program::{outcome, tenantry};
use crate::support::{App, Client, Reply, all, eventually};

/// Operations that name no tenant and need no permission of the whole platform, and what he sees of them.
const WITHOUT_A_TENANT: [&str; 8] = [
    // His own.
    "GET /admin/api-keys",
    "POST /admin/api-keys",
    "DELETE /admin/api-keys/{keyId}",
    "POST /admin/api-keys/{keyId}/rotate",
    // The same for everybody.
    "GET /admin/permissions",
    // Of his tenants; an event of another is refused as one of a tenant that does not exist.
    "POST /admin/usage/events",
    "GET /admin/tenants",
    "GET /admin/audit",
];

/// Everything that an operator who is limited can have.
async fn most_permissions(app: &App) -> (Vec<String>, Vec<String>) {
    let all = app.admin().get("/admin/permissions").await.expect(200).json();
    let (wide, within): (Vec<Value>, Vec<Value>) = all["items"]
        .as_array()
        .expect("items")
        .iter()
        .cloned()
        .partition(|permission| permission["platformWide"] == json!(true));
    let names = |list: Vec<Value>| {
        list.iter()
            .map(|one| one["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    (names(within), names(wide))
}

async fn limited(app: &App, name: &str, tenants: &[&str]) -> Operator {
    let (permissions, _) = most_permissions(app).await;
    let permissions: Vec<&str> = permissions.iter().map(String::as_str).collect();
    Operator::added(app, name, &permissions, Some(tenants)).await
}

/// Such an operator of one tenant, with his permissions.
pub(super) async fn most_powerful(app: &App, tenant: &str) -> (Client, Vec<String>) {
    let operator = limited(app, "most-powerful", &[tenant]).await;
    (operator.client, most_permissions(app).await.0)
}

/// What the operator manages about himself.
fn is_about_himself(operation: &Operation) -> bool {
    operation.path.starts_with("/admin/auth/")
}

fn names_a_tenant(operation: &Operation) -> bool {
    row(&operation.path).ids.iter().any(|(_, kind)| *kind == "tenant")
}

/// Of what is theirs the caller is told what he is told of what nobody has.
async fn tells_nothing(operation: &Operation, client: &Client, theirs: &Ids) {
    let (foreign, nowhere) = (
        operation.call(client, theirs).await,
        operation.call(client, &Ids::unknown()).await,
    );
    assert_eq!(foreign.status, 404, "{}: {foreign:?}", operation.name());
    assert_eq!(shown(&foreign), shown(&nowhere), "{}", operation.name());
}

/// What is counted is written a moment later, so the two may have to ask again.
async fn shows_the_same(operation: &Operation, clients: [&Client; 2], ids: &Ids) {
    let what = format!("{} to be the same for both", operation.name());
    eventually(&what, async || {
        let one = operation.call(clients[0], ids).await;
        let other = operation.call(clients[1], ids).await;
        (shown(&one) == shown(&other)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn of_other_tenants_he_is_told_what_he_is_told_of_unknown_ones() {
    let app = App::start().await;
    let (mine, other) = (
        app.tenant("mine", "shared_database").await,
        app.tenant("other", "schema_per_tenant").await,
    );
    app.admin()
        .post(
            &format!("/admin/tenants/{}/domains", other.id),
            &json!({"domain": "other.example.org"}),
        )
        .await
        .expect(201);
    let (_, platform_wide) = most_permissions(&app).await;
    let op = limited(&app, "limited", &[&mine.id]).await;
    let own = Ids::of_tenant(&app, &mine).await;
    let theirs = Ids::of_tenant(&app, &other)
        .await
        .with("domain", "other.example.org");
    let operations = operations(&app).await;
    let (mut compared, mut refused) = (0, 0);
    for operation in operations.iter().filter(|operation| operation.is_admin()) {
        let name = operation.name();
        if operation.is_public() || is_about_himself(operation) || WITHOUT_A_TENANT.contains(&name.as_str()) {
            continue;
        }
        let permission = operation
            .permission
            .as_ref()
            .unwrap_or_else(|| panic!("{name} needs no permission"));
        if platform_wide.contains(permission) {
            operation.call(&op.client, &own).await.refused(403, "forbidden");
            refused += 1;
            continue;
        }
        assert!(
            names_a_tenant(operation),
            "say what a limited operator sees of {name}"
        );
        tells_nothing(operation, &op.client, &theirs).await;
        if operation.method == reqwest::Method::GET {
            shows_the_same(operation, [&op.client, &app.admin()], &own).await;
        }
        compared += 1;
    }
    assert!(compared >= 15 && refused >= 5, "{compared} {refused}");
    let untouched = app
        .admin()
        .get(&format!("/admin/tenants/{}", other.id))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&untouched["name"], &untouched["status"]),
        (&json!("Tenant other"), &json!("trial"))
    );
    app.finish().await;
}

#[tokio::test]
async fn lists_and_the_trail_show_his_tenants_only() {
    let app = App::start().await;
    let (mine, other) = (
        app.tenant("mine", "shared_database").await,
        app.tenant("other", "shared_database").await,
    );
    let op = limited(&app, "limited", &[&mine.id]).await;
    let ids = |items: Vec<Value>, pointer: &str| {
        let ids = items
            .iter()
            .map(|item| item[pointer].as_str().unwrap_or("nobody's").to_owned());
        ids.collect::<std::collections::BTreeSet<_>>()
    };
    let just = |id: &str| std::collections::BTreeSet::from([id.to_owned()]);
    assert_eq!(ids(all(&op.client, "/admin/tenants").await, "id"), just(&mine.id));
    assert_eq!(
        ids(all(&op.client, "/admin/tenants?q=other").await, "id").len(),
        0
    );
    assert_eq!(
        ids(all(&op.client, "/admin/audit").await, "tenantId"),
        just(&mine.id)
    );
    assert_eq!(
        all(&op.client, &format!("/admin/audit?tenantId={}", other.id))
            .await
            .len(),
        0
    );
    let trail = format!("/admin/audit?tenantId={}", mine.id);
    assert_eq!(
        all(&op.client, "/admin/audit").await,
        all(&app.admin(), &trail).await
    );
    assert_eq!(
        ids(all(&op.client, "/admin/api-keys").await, "adminId"),
        just(&op.id)
    );
    let keys = all(&app.admin(), "/admin/api-keys").await;
    let foreign = keys
        .iter()
        .find(|key| key["adminId"] != json!(op.id))
        .expect("the first operator's");
    let path = format!(
        "/admin/api-keys/{}",
        foreign["id"].as_str().expect("an identifier")
    );
    let unknown = "/admin/api-keys/admin_api_key_01h455vb4pex5vsknk084sn02q";
    assert_eq!(
        shown(&op.client.delete(&path).await),
        shown(&op.client.delete(unknown).await)
    );
    app.finish().await;
}

#[tokio::test]
async fn he_works_on_his_tenants_as_any_operator_does() {
    let app = App::start().await;
    let mine = app.tenant("mine", "shared_database").await;
    app.tenant("other", "shared_database").await;
    let op = limited(&app, "limited", &[&mine.id]).await;
    let path = format!("/admin/tenants/{}", mine.id);
    let client = op.client.with("idempotency-key", "rename-1");
    let (first, again) = (
        client.patch(&path, &json!({"name": "Renamed"})).await.expect(200),
        client.patch(&path, &json!({"name": "Renamed"})).await.expect(200),
    );
    assert_eq!(first.json(), again.json());
    // The same key of another operator is another key.
    app.admin()
        .with("idempotency-key", "rename-1")
        .patch(&path, &json!({"name": "By root"}))
        .await
        .expect(200);

    op.client
        .patch(&path, &json!({"slug": "other"}))
        .await
        .refused(409, "slug_taken");
    op.client
        .patch(&path, &json!({"slug": "mine-too"}))
        .await
        .expect(200);
    let domains = format!("{path}/domains");
    op.client
        .post(&domains, &json!({"domain": "mine.example.org"}))
        .await
        .expect(201);
    op.client
        .delete(&format!("{domains}/mine.example.org"))
        .await
        .expect(204);
    let made = op
        .client
        .post(
            &format!("{path}/api-keys"),
            &json!({"name": "K", "scopes": ["*"]}),
        )
        .await
        .expect(201);
    app.nobody()
        .with_key(&made.text("/key"))
        .get("/api/tenant")
        .await
        .expect(200);
    op.client
        .post(&format!("{path}/suspend"), &json!({"reason": "a test"}))
        .await
        .expect(200);
    op.client
        .post(&format!("{path}/reactivate"), &json!({}))
        .await
        .expect(200);
    op.client.delete(&path).await.expect(202);
    op.client
        .post(&format!("{path}/restore"), &json!({}))
        .await
        .expect(200);
    app.finish().await;
}

#[tokio::test]
async fn every_key_of_his_shares_his_limit_and_follows_it() {
    let app = App::start().await;
    let (mine, other) = (
        app.tenant("mine", "shared_database").await,
        app.tenant("other", "shared_database").await,
    );
    let op = limited(&app, "limited", &[&mine.id]).await;
    let made = op
        .client
        .post(
            "/admin/api-keys",
            &json!({"name": "K", "scopes": ["tenants:read"]}),
        )
        .await
        .expect(201);
    let keys = [
        app.nobody().with_key(&made.text("/key")),
        app.nobody().with_key(&key_of(&app, &op.id, &["tenants:*"]).await),
    ];
    let reads =
        async |client: &Client, id: &str| client.get(&format!("/admin/tenants/{id}")).await.status == 200;
    for key in &keys {
        assert!(reads(key, &mine.id).await && !reads(key, &other.id).await);
        key.post(
            "/admin/provision",
            &json!({"name": "X", "slug": "more", "plan": "free"}),
        )
        .await
        .refused(403, "forbidden");
    }
    app.admin()
        .patch(&op.path, &json!({"tenants": [other.id]}))
        .await
        .expect(200);
    for key in &keys {
        eventually("the new limit", async || {
            (!reads(key, &mine.id).await && reads(key, &other.id).await).then_some(())
        })
        .await;
    }
    // Once he is not limited any more, permissions of the whole platform are still not his.
    app.admin()
        .patch(&op.path, &json!({"tenants": null}))
        .await
        .expect(200);
    eventually("the limit's end", async || {
        reads(&keys[0], &mine.id).await.then_some(())
    })
    .await;
    op.client.get("/admin/admins").await.refused(403, "forbidden");
    app.finish().await;
}

#[tokio::test]
async fn the_command_line_makes_limited_operators_too() {
    let app = App::start().await;
    let mine = app.tenant("mine", "shared_database").await;
    let environment = app.environment().await;
    let create = async |permissions: &str| {
        let who = [
            "admin",
            "create",
            "--email",
            "cli@example.com",
            "--name",
            "Cli",
            "--json",
        ];
        let what = ["--permissions", permissions, "--tenants", &mine.id];
        let mut command = tenantry(who.into_iter().chain(what));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        outcome(command).await
    };
    let refused = create("tenants:list,admins:read").await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(1) && said.contains("/permissions/1"),
        "{said}"
    );
    let made = create("tenants:list,tenants:read").await;
    assert_eq!(
        made.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let client = app.nobody().with_key(made["apiKey"].as_str().expect("a key"));
    let tenants = all(&client, "/admin/tenants").await;
    assert_eq!(
        tenants.iter().map(|tenant| &tenant["id"]).collect::<Vec<_>>(),
        [&json!(mine.id)]
    );
    client.get("/admin/audit").await.refused(403, "forbidden");
    app.finish().await;
}

/// How an operator of [`limited`] logs in.
async fn login(app: &App, name: &str, password: &str) -> Reply {
    let email = format!("{name}@operators.example.com");
    let body = json!({"email": email, "password": password, "session": "token"});
    app.nobody().post("/admin/auth/login", &body).await.expect(200)
}

const PASSWORD: &str = "limited has a long password";

/// His own sessions, password and keys are his, although they are no tenant's.
#[tokio::test]
async fn what_he_does_to_himself_he_does_as_anybody_does() {
    let app = App::start().await;
    let mine = app.tenant("mine", "shared_database").await;
    let other = app.tenant("other", "shared_database").await;
    let op = limited(&app, "limited", &[&mine.id]).await;
    let opened = login(&app, "limited", PASSWORD).await;
    let client = app.nobody().with_key(&opened.text("/accessToken"));
    login(&app, "limited", PASSWORD).await;
    let tenant = |id: &str| format!("/admin/tenants/{id}");
    client.get("/admin/auth/session").await.expect(200);
    client.get(&tenant(&mine.id)).await.expect(200);
    client.get(&tenant(&other.id)).await.refused(404, "not_found");
    assert_eq!(all(&client, "/admin/auth/sessions").await.len(), 2);
    client.delete("/admin/auth/sessions").await.expect(204);

    let new = "seven lanterns over quiet water";
    let change = json!({"currentPassword": PASSWORD, "newPassword": new});
    client.put("/admin/auth/password", &change).await.expect(204);
    let refresh = json!({"refreshToken": opened.text("/refreshToken")});
    let renewed = app
        .nobody()
        .post("/admin/auth/refresh", &refresh)
        .await
        .expect(200);
    let client = app.nobody().with_key(&renewed.text("/accessToken"));
    let order = json!({"name": "K", "scopes": ["audit:read"]});
    let made = client.post("/admin/api-keys", &order).await.expect(201);
    let path = made.header("location");
    client
        .post(&format!("{path}/rotate"), &json!({}))
        .await
        .expect(201);
    client.delete(path).await.expect(204);
    client.post("/admin/auth/logout", &json!({})).await.expect(204);

    // A change of what he may logs him out.
    let opened = login(&app, "limited", new).await;
    let client = app.nobody().with_key(&opened.text("/accessToken"));
    client.get("/admin/auth/session").await.expect(200);
    let less = json!({"permissions": ["audit:read"]});
    app.admin().patch(&op.path, &less).await.expect(200);
    eventually("his session's end", async || {
        (client.get("/admin/auth/session").await.status == 401).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn he_has_a_second_factor_as_anybody_has() {
    let app = App::start().await;
    let mine = app.tenant("mine", "shared_database").await;
    let op = limited(&app, "limited", &[&mine.id]).await;
    let opened = login(&app, "limited", PASSWORD).await;
    let client = app.nobody().with_key(&opened.text("/accessToken"));
    client.get("/admin/auth/mfa").await.expect(200);
    let proof = json!({"password": PASSWORD});
    let begun = client.post("/admin/auth/mfa/totp", &proof).await.expect(200);
    let totp = totp_rs::Totp::from_url(begun.text("/uri")).expect("what an app reads");
    let code = json!({"code": totp.generate(now()).to_string()});
    let confirmed = client
        .post("/admin/auth/mfa/totp/confirm", &code)
        .await
        .expect(200);
    let waiting = login(&app, "limited", PASSWORD).await;
    let waiting = app.nobody().with_key(&waiting.text("/pendingToken"));
    let refused = waiting.get("/admin/tenants").await;
    refused.refused(403, "second_factor_required");
    let paper = json!({"method": "recovery_code", "code": confirmed.text("/recoveryCodes/0")});
    let passed = waiting.post("/admin/auth/mfa/verify", &paper).await.expect(200);
    let client = app.nobody().with_key(&passed.text("/accessToken"));
    assert_eq!(all(&client, "/admin/tenants").await.len(), 1);
    let added = "/admin/audit?eventType=auth.second_factor_added";
    assert_eq!(all(&app.admin(), added).await[0]["actor"]["id"], json!(op.id));
    assert_eq!(
        all(&client, added).await.len(),
        0,
        "the platform's events are not his"
    );
    app.finish().await;
}

#[expect(clippy::disallowed_methods, reason = "an app has a clock of its own")]
fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after the epoch").as_secs()
}
