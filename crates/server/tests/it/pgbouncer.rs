//! Behind PgBouncer in transaction mode with one connection per database, which hands a connection from tenant to
//! tenant after every transaction: nobody sees a row of another, and nothing fails.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use kernel::Seams;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{App, Installation, PgBouncer, Tenant, all, seconds, tenants};

const STRATEGIES: [&str; 3] = ["shared_database", "schema_per_tenant", "database_per_tenant"];
const CLIENTS: usize = 16;

#[tokio::test]
async fn tenants_that_share_one_connection_never_see_each_other() {
    let installation = Installation::new().await;
    let bouncer = PgBouncer::start(&installation.database_url().await).await;
    let mut start = App::with()
        .setting("database.prepared_statements", false)
        .setting("database.listen", false);
    // Fewer than there are tenants with one, so that connections to them are closed and opened all the time.
    start = start.setting("database.tenant_databases", CLIENTS.min(6));
    match &bouncer {
        Some(bouncer) => {
            start = start.variable(
                "TENANTRY_DATABASE_POOLER_URL",
                bouncer.url(installation.database()),
            );
        }
        None => eprintln!(
            "NOTE: PgBouncer is NOT INSTALLED, so nothing is proved about a pooler (Debian: pgbouncer)"
        ),
    }
    let app = start.start_on(installation).await;
    let load = Load::prepare(&app, tenants(24)).await;
    join_all((0..CLIENTS).map(|_| load.go_on())).await;
    load.verify().await;
    if let Some(bouncer) = &bouncer {
        let (done, through) = (load.requests.load(Ordering::SeqCst), bouncer.transactions().await);
        assert!(
            through >= done,
            "{done} requests, but {through} transactions through the pooler"
        );
        assert_eq!(bouncer.widest_pool().await, 1);
        eprintln!("{done} requests in {through} transactions through PgBouncer");
    }
    app.finish().await;
}

/// Tenants with what each was given at its making, and what is done to them.
struct Load {
    tenants: Vec<(Tenant, HashSet<String>)>,
    until: Instant,
    requests: AtomicU64,
}

impl Load {
    async fn prepare(app: &App, tenants: usize) -> Self {
        let made = stream::iter(0..tenants).map(async |number| {
            let tenant = app
                .tenant(&format!("tenant-{number}"), STRATEGIES[number % 3])
                .await;
            let own = all(&tenant.client, "/api/projects")
                .await
                .iter()
                .map(id)
                .collect();
            (tenant, own)
        });
        let tenants = made.buffer_unordered(4).collect().await;
        Self {
            tenants,
            until: Instant::now() + seconds(5),
            requests: AtomicU64::new(0),
        }
    }

    async fn go_on(&self) {
        let seams = Seams::real();
        while Instant::now() < self.until {
            let [high, low, what] = seams.random::<3>();
            let number = usize::from(u16::from_be_bytes([high, low])) % self.tenants.len();
            self.use_one(&self.tenants[number], what).await;
            self.requests.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Everything that a tenant writes has its identifier in it.
    async fn use_one(&self, (tenant, given): &(Tenant, HashSet<String>), what: u8) {
        let client = &tenant.client;
        match what % 4 {
            0 => {
                let made = client
                    .post("/api/projects", &json!({"name": tenant.id}))
                    .await
                    .expect(201);
                assert_eq!(made.text("/name"), tenant.id);
            }
            1 => {
                let path = format!("/api/settings/mark-{}", what % 8);
                let put = client.put(&path, &json!(tenant.id)).await;
                assert!(put.status.is_success(), "{put:?}");
                assert_eq!(put.text("/value"), tenant.id);
            }
            2 => {
                let page = client.get("/api/projects?limit=50").await.expect(200).json();
                let projects = page["items"].as_array().expect("items");
                let foreign =
                    |project: &&Value| project["name"] != tenant.id && !given.contains(&id(project));
                assert_eq!(
                    projects.iter().find(foreign),
                    None,
                    "a row of another tenant than {}",
                    tenant.id
                );
            }
            _ => {
                let page = client
                    .call(Method::GET, "/api/settings?limit=50")
                    .await
                    .expect(200)
                    .json();
                let settings = page["items"].as_array().expect("items").iter();
                let mut marks =
                    settings.filter(|it| it["key"].as_str().is_some_and(|key| key.starts_with("mark-")));
                let foreign = marks.find(|setting| setting["value"] != tenant.id);
                assert_eq!(foreign, None, "a row of another tenant than {}", tenant.id);
            }
        }
    }

    /// No row is seen by two tenants, and all that a tenant sees it wrote or was given.
    async fn verify(&self) {
        let mut owners: HashMap<String, &str> = HashMap::new();
        for (tenant, given) in &self.tenants {
            let projects = all(&tenant.client, "/api/projects?limit=100").await;
            for project in &projects {
                assert!(
                    project["name"] == tenant.id || given.contains(&id(project)),
                    "{project} of {}",
                    tenant.id
                );
                assert_eq!(
                    owners.insert(id(project), &tenant.id),
                    None,
                    "{project} is seen twice"
                );
            }
        }
        assert!(
            owners.len() > 2 * self.tenants.len(),
            "there was no load to speak of"
        );
    }
}

fn id(thing: &Value) -> String {
    thing["id"].as_str().expect("an identifier").to_owned()
}
