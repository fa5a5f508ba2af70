//! Usage that is reported by many, often, in any order, to a server that is killed meanwhile: each event counts once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use kernel::{Seams, TenantId, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{Client, Installation, Process, eventually, rounds};

const EVENTS: &str = "/api/usage/events";
const CLIENTS: usize = 8;
const BATCHES: usize = 24;
const SIZE: usize = 50;
const KILLS: u32 = 3;
/// Batches answered by each start of the server before it may be killed.
const AT_LEAST: usize = 20;
const METRICS: [(&str, &str); 6] = [
    ("jobs", "count"),
    ("tokens", "sum"),
    ("peak", "max"),
    ("level", "last"),
    ("visitors", "unique"),
    ("credits", "weighted_sum"),
];

/// Where the server is now; between a death and the next start, nowhere.
type Whereabouts = watch::Receiver<Option<String>>;

/// An event, and what it must count.
struct Truth {
    metric: &'static str,
    time: Timestamp,
    value: i64,
    weight: i64,
}

impl Truth {
    fn random(seams: &Seams) -> Self {
        let [metric, value, weight, a, b, c] = seams.random::<6>();
        let seconds = i64::from(u32::from_be_bytes([0, a, b, c])) % (30 * 24 * 3600);
        let now = seams.now().as_micros() / 1_000_000;
        Self {
            metric: METRICS[usize::from(metric) % METRICS.len()].0,
            time: Timestamp::from_micros((now - seconds) * 1_000_000),
            value: i64::from(value % 9) - 2,
            weight: i64::from(weight % 3),
        }
    }

    fn event(&self, id: usize) -> Value {
        let mut data = match self.metric {
            "jobs" => json!({}),
            "visitors" => json!({"member": format!("visitor-{}", self.value)}),
            "credits" => json!({"value": self.value, "weight": self.weight}),
            _ => json!({"value": self.value}),
        };
        if !id.is_multiple_of(3) {
            data["dimensions"] = json!({"region": if id % 3 > 1 { "eu" } else { "us" }});
        }
        json!({"specversion": "1.0", "id": id.to_string(), "source": "/test", "type": self.metric,
            "time": self.time.to_string(), "data": data})
    }
}

/// The number of a metric over these events.
fn number(aggregation: &str, truths: &[&Truth]) -> i64 {
    let values = truths.iter().map(|truth| truth.value);
    match aggregation {
        "count" => i64::try_from(truths.len()).expect("few"),
        "sum" => values.sum(),
        "max" => values.max().expect("some"),
        "last" => {
            let latest = truths.iter().map(|truth| (truth.time, truth.value)).max();
            latest.expect("some").1
        }
        "unique" => i64::try_from(values.collect::<BTreeSet<_>>().len()).expect("few"),
        _ => truths.iter().map(|truth| truth.value * truth.weight).sum(),
    }
}

struct Load {
    client: Client,
    batches: Vec<Vec<Value>>,
    at: Whereabouts,
    answered: AtomicUsize,
}

impl Load {
    /// Sends every batch, and insists on an answer; answers how many events were new.
    async fn send_all(&self, number: usize) -> u64 {
        let mut order: Vec<usize> = (0..self.batches.len()).collect();
        // Nobody begins where another one does, and half of them go the other way.
        order.rotate_left(number * self.batches.len() / CLIENTS);
        if number % 2 == 1 {
            order.reverse();
        }
        let mut accepted = 0;
        for place in order {
            let mut batch = self.batches[place].clone();
            if number % 4 > 1 {
                batch.reverse();
            }
            accepted += self.send(&Value::Array(batch)).await;
            self.answered.fetch_add(1, Ordering::SeqCst);
        }
        accepted
    }

    async fn send(&self, batch: &Value) -> u64 {
        eventually("an answer", async || {
            let url = self.at.clone().wait_for(Option::is_some).await.ok()?.clone()?;
            let client = self.client.at(&url);
            let reply = client.try_send(Method::POST, EVENTS, Some(batch)).await.ok()?;
            if reply.status == 503 {
                return None;
            }
            let receipt = reply.expect(202).json();
            let count = |name: &str| receipt[name].as_u64().expect("a number");
            assert_eq!(count("accepted") + count("duplicates"), SIZE as u64, "{receipt}");
            Some(count("accepted"))
        })
        .await
    }
}

#[tokio::test]
async fn sent_often_to_a_server_that_is_killed_each_event_counts_once() {
    let installation = Installation::new().await;
    let process = installation.process(&[]).await;
    let (tenant, client) = tenant(&process).await;
    let seams = Seams::real();
    let truths: Vec<Truth> = (0..BATCHES * SIZE).map(|_| Truth::random(&seams)).collect();
    let events: Vec<Value> = truths.iter().enumerate().map(|(id, one)| one.event(id)).collect();
    let (tell, at) = watch::channel(Some(process.url.clone()));
    let load = Load {
        client,
        batches: events.chunks(SIZE).map(<[Value]>::to_vec).collect(),
        at,
        answered: AtomicUsize::new(0),
    };
    let kills = async {
        let mut process = process;
        for kill in 0..rounds(KILLS) {
            under_way(&load).await;
            if kill == 0 {
                next_generation(&installation).await;
            }
            tell.send_replace(None);
            process.kill().await;
            process = installation.process(&[]).await;
            tell.send_replace(Some(process.url.clone()));
        }
        process
    };
    let sending = join_all((0..CLIENTS).map(|number| load.send_all(number)));
    let (accepted, process) = tokio::join!(sending, kills);
    // Those whose answers were lost are told to be duplicates.
    assert!(
        accepted.iter().sum::<u64>() <= truths.len() as u64,
        "{accepted:?}"
    );
    for batch in &load.batches {
        assert_eq!(
            load.send(&Value::Array(batch.clone())).await,
            0,
            "something was lost"
        );
    }
    verify(&load.client.at(&process.url), &truths).await;
    let kept: (i64, i64) =
        sqlx::query_as("select count(*), count(distinct id) from control.usage_events where tenant_id = $1")
            .bind(tenant)
            .fetch_one(&mut installation.superuser().await)
            .await
            .expect("readable");
    let all = i64::try_from(truths.len()).expect("few");
    assert_eq!(kept, (all, all));
    process.kill().await;
}

async fn tenant(process: &Process) -> (TenantId, Client) {
    let admin = process.admin();
    let order = json!({"name": "Reporter", "slug": "reporter", "plan": "enterprise", "isolationStrategy": "shared_database"});
    let made = admin.post("/admin/provision", &order).await.expect(201);
    let id = made.text("/tenantId");
    let keys = format!("/admin/tenants/{id}/api-keys");
    let key = json!({"name": "test", "scopes": ["*"]});
    let client = admin.with_key(&admin.post(&keys, &key).await.expect(201).text("/key"));
    for (name, aggregation) in METRICS {
        let metric = json!({"aggregation": aggregation, "unit": "things", "dimensions": ["region"]});
        let path = format!("/api/usage/custom-metrics/{name}");
        assert!(client.put(&path, &metric).await.status.is_success());
    }
    (id.parse().expect("an identifier"), client)
}

/// Waits until this start of the server has answered something, and then until no particular instant.
async fn under_way(load: &Load) {
    let before = load.answered.load(Ordering::SeqCst);
    let enough = (before + AT_LEAST).min(CLIENTS * BATCHES);
    eventually("the load", async || {
        (load.answered.load(Ordering::SeqCst) >= enough).then_some(())
    })
    .await;
    let [instant] = Seams::real().random::<1>();
    tokio::time::sleep(Duration::from_millis(u64::from(instant))).await;
}

/// Has the next generation of events opened while others are written.
async fn next_generation(installation: &Installation) {
    let opened: bool = sqlx::query_scalar("select control.open_usage_generation(now(), now())")
        .fetch_one(&mut installation.superuser().await)
        .await
        .expect("it can be opened");
    assert!(opened);
}

/// Every hour, day and month of every metric, as it is answered.
async fn verify(client: &Client, truths: &[Truth]) {
    for (metric, aggregation) in METRICS {
        for (granularity, digits) in [
            ("hour", "2026-03-15T12".len()),
            ("day", "2026-03-15".len()),
            ("month", "2026-03".len()),
        ] {
            let mut expected: BTreeMap<String, Vec<&Truth>> = BTreeMap::new();
            for truth in truths.iter().filter(|truth| truth.metric == metric) {
                let bucket = truth.time.to_string()[..digits].to_owned();
                expected.entry(bucket).or_default().push(truth);
            }
            let path = format!("/api/usage/history/{metric}?granularity={granularity}&days=32");
            let history = client.get(&path).await.expect(200).json();
            let mut events = 0;
            for point in history["points"].as_array().expect("points") {
                events += point["count"].as_u64().expect("a number");
                let bucket = &point["startsAt"].as_str().expect("a time")[..digits];
                let Some(truths) = expected.remove(bucket) else {
                    continue;
                };
                let value = number(aggregation, &truths);
                assert_eq!(point["value"], value, "{metric} by the {granularity}: {point}");
                assert_eq!(
                    point["count"],
                    truths.len(),
                    "{metric} by the {granularity}: {point}"
                );
            }
            assert!(expected.is_empty(), "missing: {:?}", expected.keys());
            let sent = truths.iter().filter(|truth| truth.metric == metric).count();
            assert_eq!(events, sent as u64, "{metric} by the {granularity}");
        }
    }
}
