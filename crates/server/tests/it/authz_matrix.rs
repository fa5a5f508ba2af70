//! Every operation of the OpenAPI document, called by everybody who must not: without a credential, with a credential
//! of the other plane, without the one permission it needs, and by another tenant with the right identifiers.
//!
//! [`callers`] asks the same of everybody else: each role, a session that is not open, a stranger, a limited operator.
//!
//! An operation that is new must be given its row in [`rows`], or this fails; [`PUBLIC`] may only shrink.

mod billing_rows;
mod callers;
mod rows;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::support::{App, Client, Reply, Tenant};

pub(super) use rows::row;

/// What anybody may call.
pub(super) const PUBLIC: &[&str] = &[
    "GET /.well-known/jwks.json",
    "GET /admin/password-reset",
    "GET /api/plans",
    "GET /docs",
    "GET /docs/style.css",
    "GET /health",
    "GET /health/live",
    "GET /health/ready",
    "GET /invitation",
    "GET /openapi.json",
    "GET /password-reset",
    "GET /problems",
    "GET /problems/{code}",
    "POST /admin/auth/login",
    "POST /admin/auth/password/forgot",
    "POST /admin/auth/password/reset",
    "POST /admin/auth/refresh",
    "POST /api/auth/login",
    "POST /api/auth/password/forgot",
    "POST /api/auth/password/reset",
    "POST /api/auth/refresh",
    "POST /api/invitations/accept",
    "POST /webhooks/stripe",
];

/// What is about the caller's own login. Who comes by a key has none, which is not found, whatever his key allows.
pub(super) const OWN_LOGIN: &[&str] = &[
    "DELETE /admin/auth/mfa/passkeys/{id}",
    "DELETE /admin/auth/mfa/totp",
    "DELETE /admin/auth/sessions",
    "DELETE /admin/auth/sessions/{id}",
    "DELETE /api/auth/mfa/passkeys/{id}",
    "DELETE /api/auth/mfa/totp",
    "DELETE /api/auth/sessions",
    "DELETE /api/auth/sessions/{id}",
    "GET /admin/auth/mfa",
    "GET /admin/auth/mfa/passkeys",
    "GET /admin/auth/mfa/passkeys/{id}",
    "GET /admin/auth/session",
    "GET /api/auth/mfa",
    "GET /api/auth/mfa/passkeys",
    "GET /api/auth/mfa/passkeys/{id}",
    "GET /api/auth/session",
    "PATCH /api/me",
    "POST /admin/auth/logout",
    "POST /admin/auth/mfa/passkeys",
    "POST /admin/auth/mfa/passkeys/challenge",
    "POST /admin/auth/mfa/passkeys/options",
    "POST /admin/auth/mfa/passkeys/verify",
    "POST /admin/auth/mfa/recovery-codes",
    "POST /admin/auth/mfa/totp",
    "POST /admin/auth/mfa/totp/confirm",
    "POST /admin/auth/mfa/verify",
    "POST /api/auth/logout",
    "POST /api/auth/mfa/passkeys",
    "POST /api/auth/mfa/passkeys/challenge",
    "POST /api/auth/mfa/passkeys/options",
    "POST /api/auth/mfa/passkeys/verify",
    "POST /api/auth/mfa/recovery-codes",
    "POST /api/auth/mfa/totp",
    "POST /api/auth/mfa/totp/confirm",
    "POST /api/auth/mfa/verify",
    "PUT /admin/auth/password",
    "PUT /api/auth/password",
];

/// What every caller of its plane may call, whatever his key allows.
pub(super) const ANY_CALLER: [&str; 7] = [
    "GET /admin/auth/sessions",
    "GET /admin/permissions",
    "GET /api/audit",
    "GET /api/auth/sessions",
    "GET /api/me",
    "GET /api/permissions",
    "GET /gateway/verify",
];

pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) permission: Option<String>,
}

impl Operation {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(super) fn is_public(&self) -> bool {
        PUBLIC.contains(&self.name().as_str())
    }

    pub(super) fn is_admin(&self) -> bool {
        self.path.starts_with("/admin/")
    }

    pub(super) async fn call(&self, client: &Client, ids: &Ids) -> Reply {
        let row = row(&self.path);
        let path = row.ids.iter().fold(self.path.clone(), |path, (parameter, kind)| {
            path.replace(&format!("{{{parameter}}}"), ids.of(kind))
        });
        assert!(!path.contains('{'), "{} needs its row in this file", self.name());
        if self.method == Method::GET || self.method == Method::DELETE {
            return client.call(self.method.clone(), &path).await;
        }
        let reply = client.try_send(self.method.clone(), &path, Some(&row.body)).await;
        reply.expect("the server answers")
    }
}

pub(super) async fn operations(app: &App) -> Vec<Operation> {
    let document = app.nobody().get("/openapi.json").await.expect(200).json();
    let paths = document["paths"].as_object().expect("paths").clone();
    let of_path = |(path, item): (String, Value)| {
        let methods: Map<String, Value> = item.as_object().expect("an item").clone();
        methods.into_iter().filter_map(move |(method, operation)| {
            let method = method.to_uppercase().parse().ok().filter(|method: &Method| {
                [
                    Method::GET,
                    Method::POST,
                    Method::PUT,
                    Method::PATCH,
                    Method::DELETE,
                ]
                .contains(method)
            })?;
            let permission = operation["x-permission"].as_str().map(str::to_owned);
            Some(Operation {
                method,
                path: path.clone(),
                permission,
            })
        })
    };
    paths.into_iter().flat_map(of_path).collect()
}

/// Identifiers to call with.
pub(super) struct Ids(Map<String, Value>);

impl Ids {
    pub(super) fn of(&self, kind: &str) -> &str {
        self.0[kind].as_str().expect("an identifier")
    }

    /// The same with this one.
    pub(super) fn with(mut self, kind: &str, id: &str) -> Self {
        self.0.insert(kind.to_owned(), json!(id));
        self
    }

    /// What nobody has.
    pub(super) fn unknown() -> Self {
        let id = |prefix: &str| json!(format!("{prefix}_01h455vb4pex5vsknk084sn02q"));
        let kinds = [
            "tenant",
            "project",
            "task",
            "file",
            "api_key",
            "admin",
            "admin_api_key",
            "invitation",
            "passkey",
            "user",
            "session",
            "webhook",
            "payment_method",
            "delivery",
            "alert",
            "invoice",
            "credit_note",
            "line",
        ];
        let mut ids: Map<String, Value> = kinds
            .map(|kind| (kind.to_owned(), id(kind)))
            .into_iter()
            .collect();
        ids.insert("setting".into(), json!("nobody.has.this"));
        ids.insert("metric".into(), json!("nobody_has_this"));
        ids.insert("domain".into(), json!("nobody.example.org"));
        ids.insert("role".into(), json!("nobody-has-this"));
        Self(ids)
    }

    /// What this tenant has.
    #[expect(clippy::too_many_lines, reason = "one of everything that there is")]
    pub(super) async fn of_tenant(app: &App, tenant: &Tenant) -> Self {
        let client = &tenant.client;
        let project = client
            .post("/api/projects", &json!({"name": "P"}))
            .await
            .expect(201)
            .text("/id");
        let tasks = format!("/api/projects/{project}/tasks");
        let task = client
            .post(&tasks, &json!({"title": "T"}))
            .await
            .expect(201)
            .text("/id");
        let file = client
            .upload("/api/files?name=f.txt", "text/plain", "content")
            .await
            .expect(201)
            .text("/id");
        let body = json!({"name": "K", "scopes": ["projects:read"]});
        let key = client.post("/api/api-keys", &body).await.expect(201).text("/id");
        let user = json!({"email": "matrix@example.com", "name": "M", "role": "viewer"});
        let user = client.post("/api/users", &user).await.expect(201).text("/id");
        make_what_has_a_name(client).await;
        let body = json!({"name": "K", "scopes": ["tenants:read"]});
        let admin_key = app
            .admin()
            .post("/admin/api-keys", &body)
            .await
            .expect(201)
            .text("/id");
        let method = json!({"kind": "bank_transfer"});
        let method = client
            .post("/api/payment-methods", &method)
            .await
            .expect(201)
            .text("/id");
        let webhook = json!({"url": "http://127.0.0.1:9999/"});
        let webhook = client
            .post("/api/webhooks", &webhook)
            .await
            .expect(201)
            .text("/id");
        let test = format!("/api/webhooks/{webhook}/test");
        let delivery = client.post(&test, &json!({})).await.expect(202).text("/id");
        let stop = json!({"status": "disabled"});
        client
            .patch(&format!("/api/webhooks/{webhook}"), &stop)
            .await
            .expect(200);
        let mut ids = Self::unknown().0;
        let (invoice, line, credit_note) = billing_rows::credited_invoice(app, tenant).await;
        for (kind, id) in [
            ("invoice", &invoice),
            ("line", &line),
            ("credit_note", &credit_note),
            ("tenant", &tenant.id),
            ("project", &project),
            ("task", &task),
            ("file", &file),
            ("api_key", &key),
            ("admin_api_key", &admin_key),
            ("user", &user),
            ("webhook", &webhook),
            ("payment_method", &method),
            ("delivery", &delivery),
        ] {
            ids.insert(kind.into(), json!(id));
        }
        ids.insert("setting".into(), json!("only.here"));
        ids.insert("metric".into(), json!("only_here"));
        ids.insert("role".into(), json!("only-here"));
        Self(ids)
    }
}

async fn make_what_has_a_name(client: &Client) {
    client.put("/api/settings/only.here", &json!("value")).await;
    let role = json!({"name": "only-here", "permissions": ["files:read"]});
    client.post("/api/roles", &role).await.expect(201);
    let metric = json!({"aggregation": "sum", "unit": "pieces"});
    client
        .put("/api/usage/custom-metrics/only_here", &metric)
        .await
        .expect(200);
}

#[tokio::test]
async fn nobody_and_the_wrong_plane_are_unauthenticated_everywhere() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let ids = Ids::unknown();
    let operations = operations(&app).await;
    assert!(operations.len() >= 35, "the document has lost operations");
    for operation in operations.iter().filter(|operation| !operation.is_public()) {
        let wrong = if operation.is_admin() {
            tenant.client.clone()
        } else {
            app.admin()
        };
        for client in [app.nobody(), app.nobody().with_key("tny_wrong"), wrong] {
            let reply = operation.call(&client, &ids).await;
            assert_eq!(reply.status, 401, "{}: {reply:?}", operation.name());
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn every_operation_says_which_permission_it_needs_and_means_it() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let ids = Ids::unknown();
    for operation in operations(&app)
        .await
        .iter()
        .filter(|operation| !operation.is_public())
    {
        let name = operation.name();
        let own_login = OWN_LOGIN.contains(&name.as_str());
        if own_login || ANY_CALLER.contains(&name.as_str()) {
            let low = if operation.is_admin() {
                app.limited_admin(&["audit:read"]).await
            } else {
                let key = app.tenant_key(&tenant.id, &["settings:read"]).await;
                app.nobody().with_key(&key)
            };
            let reply = operation.call(&low, &ids).await;
            assert!(
                reply.status.is_success() || own_login && reply.status == 404,
                "{name}: {reply:?}"
            );
            continue;
        }
        let permission = operation
            .permission
            .as_deref()
            .unwrap_or_else(|| panic!("{name} needs no permission"));
        let client = if operation.is_admin() {
            let other = if permission == "audit:read" {
                "tenants:list"
            } else {
                "audit:read"
            };
            app.limited_admin(&[other]).await
        } else {
            let other = if permission == "settings:read" {
                "files:read"
            } else {
                "settings:read"
            };
            app.nobody().with_key(&app.tenant_key(&tenant.id, &[other]).await)
        };
        let reply = operation.call(&client, &ids).await;
        assert_eq!(reply.status, 403, "{name}: {reply:?}");
        reply.refused(403, "forbidden");
    }
    app.finish().await;
}

/// A setting's key and a metric's name are of the tenant's own choice; whoever puts one makes one.
pub(super) fn makes_what_it_names(operation: &Operation) -> bool {
    let names = ["PUT /api/settings/{key}", "PUT /api/usage/custom-metrics/{name}"];
    names.contains(&operation.name().as_str())
}

#[tokio::test]
async fn a_foreign_identifier_is_answered_like_an_unknown_one() {
    let app = App::start().await;
    for strategy in ["shared_database", "schema_per_tenant", "database_per_tenant"] {
        let slug = strategy.split('_').next().expect("a word");
        let owner = app.tenant(slug, strategy).await;
        let stranger = app.tenant(&format!("{slug}-stranger"), strategy).await;
        let (theirs, unknown) = (Ids::of_tenant(&app, &owner).await, Ids::unknown());
        for operation in operations(&app)
            .await
            .iter()
            .filter(|operation| !operation.is_admin())
        {
            let has_id = !row(&operation.path).ids.is_empty() && !operation.is_public();
            if !has_id || makes_what_it_names(operation) {
                continue;
            }
            let foreign = operation.call(&stranger.client, &theirs).await;
            let nowhere = operation.call(&stranger.client, &unknown).await;
            assert_eq!(foreign.status, 404, "{}: {foreign:?}", operation.name());
            assert_eq!(shown(&foreign), shown(&nowhere), "{}", operation.name());
        }
        owner
            .client
            .get(&format!("/api/projects/{}", theirs.of("project")))
            .await
            .expect(200);
    }
    app.finish().await;
}

/// Selecting another tenant than the credential's is answered like selecting one that does not exist.
#[tokio::test]
async fn a_selector_never_overrides_the_credential() {
    let app = App::start().await;
    let (one, other) = (
        app.tenant("one", "shared_database").await,
        app.tenant("other", "shared_database").await,
    );
    let unknown = "tenant_01h455vb4pex5vsknk084sn02q";
    let selecting = |id: &str| one.client.with("x-tenant-id", id);
    selecting(&one.id).get("/api/tenant").await.expect(200);
    let (foreign, nowhere) = (
        selecting(&other.id).get("/api/tenant").await,
        selecting(unknown).get("/api/tenant").await,
    );
    assert_eq!(foreign.status, 404);
    assert_eq!(shown(&foreign), shown(&nowhere));
    let hosted = |host: &str| one.client.with("host", host);
    hosted("one.tenantry.test").get("/api/tenant").await.expect(200);
    let (foreign, nowhere) = (
        hosted("other.tenantry.test").get("/api/tenant").await,
        hosted("none.tenantry.test").get("/api/tenant").await,
    );
    assert_eq!(foreign.status, 404);
    assert_eq!(shown(&foreign), shown(&nowhere));
    app.finish().await;
}

/// The status, the headers and the body, without what belongs to this one request.
pub(super) fn shown(reply: &Reply) -> (u16, Vec<(String, String)>, Value) {
    // A document is compared as it is.
    let is_json = reply.header("content-type").ends_with("json");
    let mut body = if is_json { reply.json() } else { json!(reply.bytes) };
    for member in ["instance", "requestId"] {
        body.as_object_mut().map(|problem| problem.remove(member));
    }
    let ignored = ["x-request-id", "date", "content-length"];
    let mut headers: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| !ignored.contains(&name.as_str()))
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    headers.sort();
    (reply.status.as_u16(), headers, body)
}
