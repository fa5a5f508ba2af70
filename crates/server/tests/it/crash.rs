//! `kill -9` again and again while tenants write: what was acknowledged is there, nothing is there twice, and every
//! change has its one event.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use kernel::{Seams, TenantId};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::support::{Client, Installation, Process, Reply, all, eventually, rounds};

const TENANTS: [(&str, &str); 3] = [
    ("shared", "shared_database"),
    ("schema", "schema_per_tenant"),
    ("database", "database_per_tenant"),
];
const ROUNDS: u32 = 4;
const WRITERS_EACH: usize = 3;
/// Acknowledgements in each round before the process may be killed.
const AT_LEAST: u64 = 25;

/// Where the server is now; between a death and the next start, nowhere.
type Whereabouts = watch::Receiver<Option<String>>;

#[tokio::test]
async fn killed_again_and_again_it_loses_nothing_and_doubles_nothing() {
    let installation = Installation::new().await;
    let process = installation.process(&[]).await;
    let tenants = join_all(TENANTS.map(|(slug, strategy)| make(&process, slug, strategy))).await;
    let (tell, at) = watch::channel(Some(process.url.clone()));
    let (stop, count) = (CancellationToken::new(), AtomicU64::new(0));
    let writers = tenants
        .iter()
        .flat_map(|tenant| (0..WRITERS_EACH).map(move |number| (tenant, number)))
        .map(|(tenant, number)| Writer::new(tenant, number, at.clone(), &count).write_until(stop.clone()));
    let kills = async {
        let survivor = kill_again_and_again(&installation, process, &tell, &count).await;
        stop.cancel();
        survivor
    };
    let (written, process) = tokio::join!(join_all(writers), kills);
    for tenant in &tenants {
        let of_tenant = written.iter().filter(|written| written.tenant == tenant.id);
        tenant
            .verify(&installation, &process, &of_tenant.collect::<Vec<_>>())
            .await;
    }
    installation.settle().await;
    process.kill().await;
    let acknowledged: usize = written.iter().map(|written| written.acknowledged.len()).sum();
    eprintln!("{} kills, {acknowledged} projects acknowledged", rounds(ROUNDS));
}

async fn kill_again_and_again(
    installation: &Installation,
    mut process: Process,
    tell: &watch::Sender<Option<String>>,
    count: &AtomicU64,
) -> Process {
    for _ in 0..rounds(ROUNDS) {
        killable(count).await;
        tell.send_replace(None);
        process.kill().await;
        process = installation.process(&[]).await;
        tell.send_replace(Some(process.url.clone()));
    }
    killable(count).await;
    process
}

/// Waits until this start of the process has acknowledged something, and then until no particular instant.
async fn killable(count: &AtomicU64) {
    let before = count.load(Ordering::SeqCst);
    eventually("the load", async || {
        (count.load(Ordering::SeqCst) >= before + AT_LEAST).then_some(())
    })
    .await;
    let [instant] = Seams::real().random::<1>();
    tokio::time::sleep(Duration::from_millis(u64::from(instant))).await;
}

/// A tenant as it was made.
struct Victim {
    id: TenantId,
    slug: &'static str,
    strategy: &'static str,
    client: Client,
    /// What it was given at its making.
    sample: Vec<Value>,
}

async fn make(process: &Process, slug: &'static str, strategy: &'static str) -> Victim {
    let admin = process.admin();
    let order = json!({"name": slug, "slug": slug, "plan": "enterprise", "isolationStrategy": strategy});
    let id = admin
        .post("/admin/provision", &order)
        .await
        .expect(201)
        .text("/tenantId");
    let keys = format!("/admin/tenants/{id}/api-keys");
    let key = admin
        .post(&keys, &json!({"name": "test", "scopes": ["*"]}))
        .await
        .expect(201)
        .text("/key");
    let client = admin.with_key(&key);
    let sample = all(&client, "/api/projects").await;
    Victim {
        id: id.parse().expect("an identifier"),
        slug,
        strategy,
        client,
        sample,
    }
}

/// Creates projects and puts a setting, one after the other, until told to stop.
struct Writer<'a> {
    name: String,
    client: Client,
    at: Whereabouts,
    count: &'a AtomicU64,
    written: Written,
}

/// What a writer was answered.
struct Written {
    tenant: TenantId,
    setting: String,
    /// The setting's last value and version.
    value: u64,
    /// The projects by the key that they were created under.
    acknowledged: BTreeMap<String, Acknowledgement>,
}

/// What has to be answered again to the same key.
#[derive(Debug, PartialEq, Eq)]
struct Acknowledgement {
    body: Value,
    status: u16,
    location: String,
    etag: String,
}

impl From<Reply> for Acknowledgement {
    fn from(reply: Reply) -> Self {
        let reply = reply.expect(201);
        let header = |name| reply.header(name).to_owned();
        let (location, etag) = (header("location"), header("etag"));
        Self {
            body: reply.json(),
            status: reply.status.as_u16(),
            location,
            etag,
        }
    }
}

impl<'a> Writer<'a> {
    fn new(victim: &Victim, number: usize, at: Whereabouts, count: &'a AtomicU64) -> Self {
        let written = Written {
            tenant: victim.id,
            setting: format!("writer-{number}"),
            value: 0,
            acknowledged: BTreeMap::new(),
        };
        let name = format!("{} {number}", victim.slug);
        Self {
            name,
            client: victim.client.clone(),
            at,
            count,
            written,
        }
    }

    async fn write_until(mut self, stop: CancellationToken) -> Written {
        let mut last: Option<String> = None;
        while !stop.is_cancelled() {
            if let Some(key) = last.filter(|_| self.at.has_changed().unwrap_or(false)) {
                self.repeat(&key).await;
            }
            self.at.mark_unchanged();
            let key = format!("{} project {}", self.name, self.written.acknowledged.len()).replace(' ', "-");
            let acknowledgement = self.create(&key).await;
            self.written.acknowledged.insert(key.clone(), acknowledgement);
            self.put().await;
            self.count.fetch_add(1, Ordering::SeqCst);
            last = Some(key);
        }
        let keys: Vec<_> = self.written.acknowledged.keys().cloned().collect();
        for key in keys.iter().rev().take(50) {
            self.repeat(key).await;
        }
        self.written
    }

    async fn create(&self, key: &str) -> Acknowledgement {
        let client = self.client.with("idempotency-key", key);
        self.insist(&client, Method::POST, "/api/projects", &json!({"name": key}))
            .await
            .into()
    }

    async fn repeat(&self, key: &str) {
        assert_eq!(
            self.create(key).await,
            self.written.acknowledged[key],
            "the same request, another answer"
        );
    }

    /// The next value; sent again, it changes nothing, so that its version counts the changes.
    async fn put(&mut self) {
        let (value, path) = (
            self.written.value + 1,
            format!("/api/settings/{}", self.written.setting),
        );
        let reply = self.insist(&self.client, Method::PUT, &path, &json!(value)).await;
        // 201 is the first one's, unless its answer was lost.
        assert!(reply.status.is_success(), "{reply:?}");
        let reply = reply.json();
        assert_eq!(
            (&reply["value"], &reply["version"]),
            (&json!(value), &json!(value)),
            "{reply}"
        );
        self.written.value = value;
    }

    /// Sends the request until it is answered, wherever the server is by then. What a process that died left under
    /// way may hold its locks for a moment, so that another answer than success can come first.
    async fn insist(&self, client: &Client, method: Method, path: &str, body: &Value) -> Reply {
        eventually("an answer", async || {
            let url = self
                .at
                .clone()
                .wait_for(Option::is_some)
                .await
                .expect("the test goes on")
                .clone()?;
            let reply = client
                .at(&url)
                .try_send(method.clone(), path, Some(body))
                .await
                .ok()?;
            (reply.status != 503).then_some(reply)
        })
        .await
    }
}

impl Victim {
    async fn verify(&self, installation: &Installation, process: &Process, written: &[&Written]) {
        let owner = self.client.at(&process.url);
        let mut expected: HashMap<&str, &Value> = HashMap::new();
        for sample in &self.sample {
            expected.insert(sample["id"].as_str().expect("an identifier"), sample);
        }
        for acknowledgement in written.iter().flat_map(|written| written.acknowledged.values()) {
            let id = acknowledgement.body["id"].as_str().expect("an identifier");
            assert_eq!(
                expected.insert(id, &acknowledgement.body),
                None,
                "one project for two keys"
            );
        }
        let present = all(&owner, "/api/projects?limit=100").await;
        assert_eq!(
            present.len(),
            expected.len(),
            "{}: projects that nobody was told of, or lost ones",
            self.slug
        );
        for project in &present {
            assert_eq!(
                expected.get(project["id"].as_str().expect("an identifier")),
                Some(&project)
            );
        }
        for written in written {
            let setting = owner
                .get(&format!("/api/settings/{}", written.setting))
                .await
                .expect(200)
                .json();
            assert_eq!(setting["value"], written.value);
        }
        self.relayed(installation).await;
        self.verify_trail(&process.admin(), &expected, written).await;
    }

    async fn verify_trail(&self, admin: &Client, expected: &HashMap<&str, &Value>, written: &[&Written]) {
        let path = format!("/admin/audit?tenantId={}&limit=100", self.id);
        let mut times: HashMap<(String, String), u64> = HashMap::new();
        for event in all(admin, &path).await {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let what = (text(&event["resource"]["type"]), text(&event["resource"]["id"]));
            *times.entry(what).or_default() += 1;
        }
        for id in expected.keys() {
            assert_eq!(
                times.remove(&("project".to_owned(), (*id).to_owned())),
                Some(1),
                "events of {id}"
            );
        }
        let left: Vec<_> = times.keys().filter(|(kind, _)| kind == "project").collect();
        assert!(left.is_empty(), "events of projects that are not there: {left:?}");
        for written in written {
            let events = times.get(&("setting".to_owned(), written.setting.clone()));
            assert_eq!(
                events,
                Some(&written.value),
                "one event for each value of {}",
                written.setting
            );
        }
    }

    /// Waits until the tenant's store has nothing left to say.
    async fn relayed(&self, installation: &Installation) {
        let own = format!("t_{}", self.id.hex());
        let mut connection = match self.strategy {
            "database_per_tenant" => crate::support::connect(&testkit::server_url(&own).await).await,
            _ => installation.superuser().await,
        };
        let schema = if self.strategy == "schema_per_tenant" {
            &own
        } else {
            "tenant"
        };
        eventually("the relay", async || {
            (outbox(&mut connection, schema).await == 0).then_some(())
        })
        .await;
    }
}

async fn outbox(connection: &mut PgConnection, schema: &str) -> i64 {
    let count = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {schema}.outbox")));
    count.fetch_one(connection).await.expect("readable")
}
