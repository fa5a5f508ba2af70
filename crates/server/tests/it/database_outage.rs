//! PostgreSQL goes away and comes back under two running servers: one that listens for news, one that polls for them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use futures_util::future::join_all;
use identity::api_keys::ApiKeyId;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::{Client, Postgres, Reply, all, eventually};

const STRATEGIES: [&str; 3] = ["shared_database", "schema_per_tenant", "database_per_tenant"];
/// No request waits longer for a database that is not there.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_outage_is_told_and_leaves_no_damage() {
    let folder = Postgres::folder();
    let postgres = Postgres::start(folder.path(), None).await;
    let one = postgres.node("one", &[]).await;
    let other = postgres
        .node("other", &[("TENANTRY_DATABASE_LISTEN", "false")])
        .await;
    let nodes = [one.admin(), one.admin().at(&other.url)];
    let tenants = join_all(STRATEGIES.map(|strategy| make(&nodes[0], strategy))).await;
    let (doomed, id) = key(&nodes[0], &tenants[0].id).await;
    let watch = Watch::default();
    let writers = tenants
        .iter()
        .flat_map(|tenant| nodes.iter().map(|node| tenant.write(node, &watch)));
    let guards = nodes.iter().map(|node| watch.guard(node.with_key(&doomed)));
    let outages = async {
        watch.see_work_done(&nodes).await;
        postgres.stop().await;
        join_all(nodes.iter().map(|node| assert_told(node, &tenants[0]))).await;
        // Up for us, at an address that the servers do not know.
        let hidden = Postgres::start(folder.path(), Some(0)).await;
        revoke(&hidden, &id).await;
        watch.revoked.store(true, SeqCst);
        hidden.stop().await;
        let postgres = Postgres::start(folder.path(), None).await;
        watch.see_work_done(&nodes).await;
        postgres.kill().await;
        join_all(nodes.iter().map(|node| assert_told(node, &tenants[2]))).await;
        let postgres = Postgres::start(folder.path(), None).await;
        watch.see_work_done(&nodes).await;
        watch.over.store(true, SeqCst);
        postgres
    };
    let (written, refusals, postgres) = tokio::join!(join_all(writers), join_all(guards), outages);
    assert!(
        refusals.iter().all(|refusals| *refusals > 0),
        "the revoked key was never refused: {refusals:?}"
    );
    for tenant in &tenants {
        tenant.verify(&nodes[0], &written.concat()).await;
    }
    for (strategy, node) in STRATEGIES.into_iter().zip(nodes.iter().cycle()) {
        make_named(node, &format!("after-{}", &strategy[..6]), strategy).await;
    }
    one.kill().await;
    other.kill().await;
    postgres.stop().await;
}

async fn revoke(postgres: &Postgres, key: &ApiKeyId) {
    let revoked = sqlx::query("update control.api_keys set revoked_at = now() where id = $1")
        .bind(key)
        .execute(&mut postgres.superuser().await)
        .await;
    assert_eq!(revoked.expect("the control plane").rows_affected(), 1);
}

async fn make(admin: &Client, strategy: &str) -> Tenant {
    make_named(admin, &strategy.replace('_', "-"), strategy).await
}

async fn make_named(admin: &Client, slug: &str, strategy: &str) -> Tenant {
    let order = json!({"name": slug, "slug": slug, "plan": "free", "isolationStrategy": strategy});
    let id = admin
        .post("/admin/provision", &order)
        .await
        .expect(201)
        .text("/tenantId");
    let quota = json!({"period": "total", "limit": -1, "mode": "hard"});
    admin
        .put(&format!("/admin/tenants/{id}/quotas/projects"), &quota)
        .await
        .expect(200);
    let (key, _) = key(admin, &id).await;
    Tenant { id, key }
}

async fn key(admin: &Client, tenant: &str) -> (String, ApiKeyId) {
    let keys = format!("/admin/tenants/{tenant}/api-keys");
    let made = admin
        .post(&keys, &json!({"name": "test", "scopes": ["*"]}))
        .await
        .expect(201);
    (
        made.text("/key"),
        made.text("/id").parse().expect("an identifier"),
    )
}

/// A tenant on the free plan, so without a project at first.
struct Tenant {
    id: String,
    key: String,
}

/// A project that was acknowledged, with its tenant.
type Written = (String, Value);

impl Tenant {
    /// Creates one project after the other, each until it is acknowledged.
    async fn write(&self, node: &Client, watch: &Watch) -> Vec<Written> {
        let (owner, mut written) = (node.with_key(&self.key), Vec::new());
        while !watch.over.load(SeqCst) {
            let number = watch.started.fetch_add(1, SeqCst);
            let keyed = owner.with("idempotency-key", &format!("key-{number}"));
            let body = json!({"name": format!("Project {number}")});
            let reply = loop {
                let reply = timely(&keyed, Method::POST, "/api/projects", Some(&body)).await;
                if reply.status == 201 {
                    break reply;
                }
                assert_unavailable(reply);
                sleep(Duration::from_millis(20)).await;
            };
            watch.done.fetch_add(1, SeqCst);
            written.push((self.id.clone(), reply.json()));
        }
        written
    }

    /// What was answered is there, once, and nothing else; and each has its one event.
    async fn verify(&self, node: &Client, written: &[Written]) {
        let own = written
            .iter()
            .filter(|(tenant, _)| *tenant == self.id)
            .map(|(_, project)| project);
        let mut expected: HashMap<&Value, &Value> = own.map(|project| (&project["id"], project)).collect();
        let events = eventually("every event", async || {
            let path = format!("/admin/audit?tenantId={}&resourceType=project&limit=100", self.id);
            let events = all(node, &path).await;
            (events.len() >= expected.len()).then_some(events)
        })
        .await;
        for project in all(&node.with_key(&self.key), "/api/projects?limit=100").await {
            assert_eq!(expected.remove(&project["id"]), Some(&project));
            let events = events
                .iter()
                .filter(|event| event["resource"]["id"] == project["id"]);
            assert_eq!(events.count(), 1, "events of {project}");
        }
        assert_eq!(expected, HashMap::new(), "acknowledged, and lost");
    }
}

/// What goes on during the outages.
#[derive(Default)]
struct Watch {
    started: AtomicU64,
    done: AtomicU64,
    revoked: AtomicBool,
    over: AtomicBool,
}

impl Watch {
    /// Asks, from memory where the server may, with a key that will be revoked; answers how often it was refused.
    async fn guard(&self, client: Client) -> u64 {
        let mut refusals = 0;
        while !self.over.load(SeqCst) {
            let revoked = self.revoked.load(SeqCst);
            let reply = timely(&client, Method::GET, "/health", None).await;
            match reply.status.as_u16() {
                200 => assert!(!revoked, "a key that was revoked during the outage is served"),
                401 if revoked => refusals += 1,
                _ => assert_unavailable(reply),
            }
            sleep(Duration::from_millis(20)).await;
        }
        refusals
    }

    async fn see_work_done(&self, nodes: &[Client]) {
        let before = self.done.load(SeqCst);
        eventually("work to be done", async || {
            (self.done.load(SeqCst) > before + 50).then_some(())
        })
        .await;
        for node in nodes {
            eventually("readiness", async || {
                (node.get("/health/ready").await.status == 200).then_some(())
            })
            .await;
            node.get("/admin/tenants").await.expect(200);
        }
    }
}

/// Every kind of request says that it cannot be served now; the process itself is well.
async fn assert_told(admin: &Client, tenant: &Tenant) {
    let (owner, stranger) = (admin.with_key(&tenant.key), admin.with_key("tny_nobody"));
    let (path, order) = (
        format!("/admin/tenants/{}", tenant.id),
        json!({"name": "No", "slug": "not-now", "plan": "pro"}),
    );
    let (project, setting) = (json!({"name": "No"}), json!(1));
    let asked = [
        (&owner, Method::GET, "/api/tenant", None),
        (&owner, Method::GET, "/api/projects", None),
        (&owner, Method::POST, "/api/projects", Some(&project)),
        (&owner, Method::PUT, "/api/settings/no", Some(&setting)),
        (&owner, Method::GET, "/api/audit", None),
        (&stranger, Method::GET, "/api/tenant", None),
        (admin, Method::GET, "/admin/tenants", None),
        (admin, Method::GET, path.as_str(), None),
        (admin, Method::DELETE, path.as_str(), None),
        (admin, Method::POST, "/admin/provision", Some(&order)),
    ];
    let asked = asked.map(async |(client, method, path, body)| {
        assert_unavailable(timely(client, method, path, body).await);
    });
    join_all(asked).await;
    eventually("the probe to tell", async || {
        (admin.get("/health/ready").await.status == 503).then_some(())
    })
    .await;
    admin.get("/health/live").await.expect(200);
}

async fn timely(client: &Client, method: Method, path: &str, body: Option<&Value>) -> Reply {
    let asked = Instant::now();
    let reply = client
        .try_send(method, path, body)
        .await
        .expect("the server goes on");
    assert!(
        asked.elapsed() < PATIENCE,
        "{reply:?} after {:?}",
        asked.elapsed()
    );
    reply
}

#[track_caller]
fn assert_unavailable(reply: Reply) {
    let reply = reply.expect(503);
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert!(
        ["unavailable", "overloaded"].contains(&reply.text("/code").as_str()),
        "{reply:?}"
    );
}
