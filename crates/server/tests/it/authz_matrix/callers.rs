//! One table: every operation of the document, called by everybody who might. What a role allows is written here once
//! more, so that a role that grows by accident is noticed.

use serde_json::json;

use super::{Ids, OWN_LOGIN, Operation, makes_what_it_names, operations, row};
use crate::limited_operators;
use crate::sessions::planted::Login;
use crate::support::{App, Client, Reply, Tenant};

/// Those of a tenant's people, and what they may, as scopes are written.
const ROLES: [(&str, &[&str]); 5] = [
    (
        "viewer",
        &["tenant:read", "projects:read", "files:read", "settings:read"],
    ),
    (
        "member",
        &[
            "tenant:read",
            "projects:*",
            "files:*",
            "settings:read",
            "users:read",
            "roles:read",
            "usage:read",
        ],
    ),
    (
        "admin",
        &[
            "tenant:read",
            "projects:*",
            "files:*",
            "settings:*",
            "api_keys:*",
            "users:*",
            "roles:*",
            "security:read",
            "audit:read",
            "usage:*",
            "webhooks:*",
            "billing:*",
        ],
    ),
    ("owner", &["*"]),
    ("archivist", &["files:read"]),
];

/// What somebody is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// He is nobody here.
    Unauthenticated,
    /// His session has to be opened first.
    Unopened,
    /// He may not.
    Forbidden,
    /// There is no such thing for him.
    NotFound,
    /// He may; what becomes of it is another test's matter.
    Allowed,
}

impl Answer {
    fn of(reply: &Reply) -> Self {
        let code = || reply.text("/code");
        match reply.status.as_u16() {
            401 => Self::Unauthenticated,
            403 if code() == "second_factor_required" => Self::Unopened,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            _ => Self::Allowed,
        }
    }

    /// What is not there can only be told to somebody who may ask.
    fn agrees(self, seen: Self) -> bool {
        self == seen || (self == Self::Allowed && seen == Self::NotFound)
    }
}

fn covers(scopes: &[String], permission: &str) -> bool {
    scopes.iter().any(|scope| {
        scope == permission
            || scope
                .strip_suffix('*')
                .is_some_and(|noun| permission.starts_with(noun))
    })
}

/// Somebody, and what he may.
struct Caller {
    name: &'static str,
    client: Client,
    operator: bool,
    open: bool,
    scopes: Vec<String>,
    /// Whether the things that he asks for are another tenant's.
    stranger: bool,
}

impl Caller {
    async fn of_role(app: &App, role: &'static str, scopes: &[&str], tenant: &str) -> Self {
        let login = Login::of(app, tenant, role, "cookie", "open").await;
        Self {
            name: role,
            client: login.client(app).await,
            operator: false,
            open: true,
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            stranger: false,
        }
    }

    fn expects(&self, operation: &Operation) -> Answer {
        let has_ids = !row(&operation.path).ids.is_empty();
        if operation.is_admin() != self.operator {
            return Answer::Unauthenticated;
        }
        if !self.open {
            return Answer::Unopened;
        }
        match &operation.permission {
            Some(permission) if !covers(&self.scopes, permission) => Answer::Forbidden,
            _ if self.stranger && has_ids => Answer::NotFound,
            _ => Answer::Allowed,
        }
    }
}

async fn callers(app: &App, home: &Tenant, elsewhere: &Tenant) -> Vec<Caller> {
    let tenant = &home.id;
    let archivist = json!({"name": "archivist", "permissions": ["files:read"]});
    home.client.post("/api/roles", &archivist).await.expect(201);
    let mut callers = Vec::new();
    for (role, scopes) in ROLES {
        callers.push(Caller::of_role(app, role, scopes, tenant).await);
    }
    let mut stranger = Caller::of_role(app, "owner", &["*"], &elsewhere.id).await;
    (stranger.name, stranger.stranger) = ("another tenant's owner", true);
    callers.push(stranger);
    let waiting = Login::of(app, tenant, "owner", "cookie", "second_factor").await;
    callers.push(Caller {
        name: "who has to pass his second factor",
        client: waiting.client(app).await,
        operator: false,
        open: false,
        scopes: Vec::new(),
        stranger: false,
    });
    let (client, scopes) = limited_operators::most_powerful(app, tenant).await;
    callers.push(Caller {
        name: "limited operator",
        client,
        operator: true,
        open: true,
        scopes,
        stranger: false,
    });
    callers
}

#[tokio::test]
async fn everybody_may_what_he_may_and_nothing_else() {
    let app = App::start().await;
    let home = app.tenant("home", "shared_database").await;
    let elsewhere = app.tenant("elsewhere", "shared_database").await;
    let (unknown, theirs) = (Ids::unknown(), Ids::of_tenant(&app, &home).await);
    let callers = callers(&app, &home, &elsewhere).await;
    let mut asked = 0;
    for operation in operations(&app)
        .await
        .iter()
        .filter(|operation| !operation.is_public())
    {
        let name = operation.name();
        let nobody = operation.call(&app.nobody(), &unknown).await;
        assert_eq!(Answer::of(&nobody), Answer::Unauthenticated, "nobody: {name}");
        // The steps of somebody's own login are everybody's, and would end the sessions that are asked with here; other
        // tests look at them.
        if OWN_LOGIN.contains(&name.as_str()) {
            continue;
        }
        for caller in &callers {
            if caller.stranger && makes_what_it_names(operation) {
                continue;
            }
            let ids = if caller.stranger { &theirs } else { &unknown };
            let reply = operation.call(&caller.client, ids).await;
            let (expected, seen) = (caller.expects(operation), Answer::of(&reply));
            assert!(
                expected.agrees(seen),
                "{}: {name}: {expected:?} is expected, not {reply:?}",
                caller.name
            );
            asked += 1;
        }
    }
    assert!(
        asked > 80 * callers.len(),
        "the document has lost operations: {asked}"
    );
    app.finish().await;
}
