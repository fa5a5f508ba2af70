//! What a tenant consists of once it is made, and that nothing of it is there twice.

use std::collections::HashMap;

use kernel::TenantId;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::{Client, Installation, all, eventually, traces};

/// Asserts that the tenant is there once, complete, and of use to its owner.
pub(super) async fn assert_whole(installation: &Installation, admin: &Client, tenant: &str, strategy: &str) {
    let keys = format!("/admin/tenants/{tenant}/api-keys");
    let key = admin
        .post(&keys, &json!({"name": "test", "scopes": ["*"]}))
        .await
        .expect(201);
    let owner = admin.with_key(&key.text("/key"));
    assert_eq!(owner.get("/api/tenant").await.expect(200).text("/id"), tenant);
    owner
        .post("/api/projects", &json!({"name": "Mine"}))
        .await
        .expect(201);
    let mut projects: Vec<_> = all(&owner, "/api/projects")
        .await
        .iter()
        .map(|it| it["name"].clone())
        .collect();
    projects.sort_by_key(Value::to_string);
    assert_eq!(projects, ["Getting started", "Mine"]);

    installation.settle().await;
    let mut connection = installation.superuser().await;
    let id: TenantId = tenant.parse().expect("an identifier");
    let own: &[&str] = match strategy {
        "database_per_tenant" => &["database", "role"],
        "schema_per_tenant" => &["schema"],
        _ => &[],
    };
    assert_eq!(traces::catalogued(&mut connection, id).await, own);
    assert!(installation.files().join("tenants").join(id.hex()).is_dir());
    for table in [
        "stores",
        "users",
        "invitations",
        "mails",
        "slugs",
        "custom_domains",
        "provisioning_runs",
    ] {
        assert_eq!(rows(&mut connection, table, id).await, 1, "{table}");
    }
    let mails = installation.mails();
    assert_eq!(
        mails.iter().filter(|mail| mail.contains("owner@")).count(),
        1,
        "{mails:?}"
    );
    assert_recorded_once(admin, tenant).await;
}

/// Asserts that nothing of the tenant is left but the proof that it was removed.
pub(super) async fn assert_gone(installation: &Installation, owner: &Client, admin: &Client, tenant: &str) {
    assert_eq!(installation.traces(tenant).await, Vec::<String>::new());
    owner.get("/api/tenant").await.refused(401, "unauthenticated");
    let record = admin
        .get(&format!("/admin/tenants/{tenant}/deletion-record"))
        .await
        .expect(200);
    assert!(record.text("/record").contains(tenant), "{record:?}");
    assert_recorded_once(admin, tenant).await;
    // Its last words reached the trail before its store went.
    let trail = trail(admin, tenant).await;
    assert!(
        trail
            .iter()
            .any(|event| event["resource"]["name"] == "Last words"),
        "{trail:?}"
    );
}

async fn trail(admin: &Client, tenant: &str) -> Vec<Value> {
    all(admin, &format!("/admin/audit?tenantId={tenant}&limit=100")).await
}

/// Nothing happens twice to anything in these tests.
async fn assert_recorded_once(admin: &Client, tenant: &str) {
    let trail = eventually("the trail to hold the project", async || {
        let trail = trail(admin, tenant).await;
        trail
            .iter()
            .any(|event| event["eventType"] == "data.created")
            .then_some(trail)
    })
    .await;
    let mut times: HashMap<String, u32> = HashMap::new();
    for event in &trail {
        let what = format!(
            "{} {} {}",
            event["eventType"], event["action"], event["resource"]["id"]
        );
        *times.entry(what).or_default() += 1;
    }
    times.retain(|_, times| *times != 1);
    assert_eq!(times, HashMap::new());
    for expected in [
        "tenant.created",
        "tenant.provisioned",
        "billing.subscription_started",
        "auth.invitation_sent",
    ] {
        assert!(
            trail.iter().any(|event| event["eventType"] == expected),
            "{expected}: {trail:?}"
        );
    }
}

async fn rows(connection: &mut PgConnection, table: &str, tenant: TenantId) -> i64 {
    let count = format!("select count(*) from control.{table} where tenant_id = $1");
    let counted = sqlx::query_scalar(AssertSqlSafe(count)).bind(tenant);
    counted.fetch_one(connection).await.expect("readable")
}
