mod generations;
mod refusals;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use isolation::{ControlTx, IsolationStrategy, PlatformCtx, TenantCtx, Tx};
use kernel::{TenantId, Timestamp};
use serde_json::{Value, json};
use testkit::TestDatabase;

use super::*;
use crate::amount::Amount;
use crate::metrics::{Aggregation, NewMetric};
use crate::rollups::{self, Bucket};

const METRICS: [(&str, Aggregation); 6] = [
    ("jobs", Aggregation::Count),
    ("tokens", Aggregation::Sum),
    ("peak", Aggregation::Max),
    ("level", Aggregation::Last),
    ("visitors", Aggregation::Unique),
    ("credits", Aggregation::WeightedSum),
];

struct Stage {
    db: TestDatabase,
    ctx: TenantCtx,
    tenant: TenantId,
}

impl Stage {
    async fn new() -> Self {
        let db = TestDatabase::new().await;
        let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
        rollups::ensure(&db.system()).await.expect("partitions are made");
        let tenant = ctx.tenant_id();
        let mut tx = ctx.control().await.expect("the control plane answers");
        for (name, aggregation) in METRICS {
            let new = NewMetric::new(name, aggregation, "things", vec!["region".to_owned()], Some(3))
                .expect("valid");
            crate::metrics::declare(&mut tx, tenant, &new)
                .await
                .expect("declared");
        }
        tx.commit().await.expect("committed");
        Self { db, ctx, tenant }
    }

    fn now(&self) -> Timestamp {
        self.db.databases().seams().now()
    }

    async fn send(&self, events: &[Value]) -> Receipt {
        let mut tx = self.ctx.control().await.expect("the control plane answers");
        let receipt = take(&mut tx, self.tenant, events).await;
        tx.commit().await.expect("committed");
        receipt
    }

    /// Every row of one roll-up: metric, start, dimensions → the metric's number.
    async fn rows(&self, bucket: Bucket) -> BTreeMap<(String, Timestamp, String), Option<Amount>> {
        rows(&self.db.system(), self.tenant, bucket).await
    }
}

async fn take(tx: &mut ControlTx, tenant: TenantId, events: &[Value]) -> Receipt {
    take_knowing(tx, &Filters::default(), tenant, events).await
}

async fn take_knowing(tx: &mut ControlTx, filters: &Filters, tenant: TenantId, events: &[Value]) -> Receipt {
    let batch = Reading::of(&serde_json::to_vec(events).expect("JSON")).expect("a batch");
    ingest(tx, filters, tenant, batch)
        .await
        .expect("ingested")
        .receipt
}

type Row = (
    String,
    Timestamp,
    String,
    i64,
    String,
    Option<String>,
    Option<String>,
    i64,
);

async fn rows(
    system: &PlatformCtx,
    tenant: TenantId,
    bucket: Bucket,
) -> BTreeMap<(String, Timestamp, String), Option<Amount>> {
    let mut tx = system.control().await.expect("the control plane answers");
    let table = match bucket {
        Bucket::Hour => "usage_hours",
        Bucket::Day => "usage_days",
        _ => "usage_months",
    };
    let query = format!(
        "select metric, starts_at, dimensions::text, count, sum::text, max::text, last::text, uniques
         from control.{table} where tenant_id = $1 and (count <> 0 or uniques <> 0)"
    );
    let found: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(query))
        .bind(tenant)
        .fetch_all(tx.conn())
        .await
        .expect("rows");
    let amount = |text: String| text.parse::<Amount>().expect("an amount");
    found
        .into_iter()
        .map(|(metric, start, dimensions, count, sum, max, last, uniques)| {
            let totals = rollups::Totals {
                count,
                sum: amount(sum),
                max: max.map(amount),
                last: last.map(amount),
                last_at: None,
                uniques,
            };
            let (_, aggregation) = METRICS
                .into_iter()
                .find(|(name, _)| *name == metric)
                .expect("known");
            ((metric, start, dimensions), aggregation.of(&totals))
        })
        .collect()
}

fn event(id: &str, metric: &str, time: Timestamp, data: impl Into<Value>) -> Value {
    let data = data.into();
    json!({"specversion": "1.0", "id": id, "source": "test", "type": metric, "time": time.to_string(), "data": data})
}

fn reasons(receipt: &Receipt) -> Vec<(usize, Reason)> {
    receipt
        .refused
        .iter()
        .map(|refused| (refused.index, refused.refusal.reason))
        .collect()
}

/// A small generator of its own, so that a failure can be repeated.
struct Dice(u64);
impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What counts, by id: the truth that the roll-ups are compared with.
#[derive(Clone)]
struct Truth {
    metric: &'static str,
    time: Timestamp,
    value: i64,
    weight: i64,
    region: Option<&'static str>,
}

impl Truth {
    fn random(dice: &mut Dice, now: Timestamp) -> Self {
        let micros = i64::try_from(dice.roll(40 * 3600)).expect("small") * 1_000_000;
        Self {
            metric: METRICS[usize::try_from(dice.roll(6)).expect("small")].0,
            time: Timestamp::from_micros((now.as_micros() / 1_000_000) * 1_000_000 - micros),
            value: i64::try_from(dice.roll(9)).expect("small") - 2,
            weight: i64::try_from(dice.roll(3)).expect("small"),
            region: [None, Some("eu"), Some("us")][usize::try_from(dice.roll(3)).expect("small")],
        }
    }

    fn data(&self) -> Value {
        let mut data = json!({});
        match self.metric {
            "jobs" => {}
            "visitors" => data["member"] = json!(format!("v{}", self.value)),
            "credits" => (data["value"], data["weight"]) = (json!(self.value), json!(self.weight)),
            _ => data["value"] = json!(self.value),
        }
        if let Some(region) = self.region {
            data["dimensions"] = json!({"region": region});
        }
        data
    }
}

/// What the roll-up of this kind must hold.
fn expected(truths: &[Truth], bucket: Bucket) -> BTreeMap<(String, Timestamp, String), Option<Amount>> {
    let utc = crate::periods::Calendar::utc();
    let mut groups: BTreeMap<(String, Timestamp, String), Vec<&Truth>> = BTreeMap::new();
    for truth in truths {
        let start = bucket.span(truth.time, &utc).starts_at;
        let dimensions = truth
            .region
            .map_or("{}".to_owned(), |region| format!("{{\"region\": \"{region}\"}}"));
        let mut names = BTreeSet::from([dimensions]);
        if truth.metric == "visitors" {
            names.insert("{}".to_owned());
        }
        for name in names {
            groups
                .entry((truth.metric.to_owned(), start, name))
                .or_default()
                .push(truth);
        }
    }
    groups
        .into_iter()
        .map(|(key, group)| {
            let (_, aggregation) = METRICS
                .into_iter()
                .find(|(name, _)| *name == key.0)
                .expect("known");
            let number = match aggregation {
                Aggregation::Count => i64::try_from(group.len()).expect("small"),
                Aggregation::Sum => group.iter().map(|one| one.value).sum(),
                Aggregation::WeightedSum => group.iter().map(|one| one.value * one.weight).sum(),
                Aggregation::Max => group.iter().map(|one| one.value).max().expect("some"),
                Aggregation::Last => {
                    group
                        .iter()
                        .map(|one| (one.time, one.value))
                        .max()
                        .expect("some")
                        .1
                }
                Aggregation::Unique => {
                    i64::try_from(group.iter().map(|one| one.value).collect::<BTreeSet<_>>().len())
                        .expect("small")
                }
            };
            (key, Some(Amount::whole(number)))
        })
        .collect()
}

async fn assert_true(stage: &Stage, truths: &[Truth]) {
    for bucket in Bucket::UTC {
        assert_eq!(stage.rows(bucket).await, expected(truths, bucket), "{bucket:?}");
    }
}

/// Every batch is sent by eight callers at once, half of them from the last to the first; every third attempt dies before
/// its commit and is made again.
#[tokio::test(flavor = "multi_thread")]
async fn sent_often_in_any_order_it_counts_once() {
    let stage = Arc::new(Stage::new().await);
    let (mut dice, now) = (Dice(7), stage.now());
    let truths: Vec<Truth> = (0..600).map(|_| Truth::random(&mut dice, now)).collect();
    let events: Vec<Value> = truths
        .iter()
        .enumerate()
        .map(|(id, truth)| event(&id.to_string(), truth.metric, truth.time, truth.data()))
        .collect();
    let batches: Arc<Vec<Vec<Value>>> = Arc::new(events.chunks(40).map(<[Value]>::to_vec).collect());
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (stage, batches) = (Arc::clone(&stage), Arc::clone(&batches));
            tokio::spawn(async move {
                let mut accepted = 0;
                let mut order: Vec<_> = (0..batches.len()).collect();
                if task % 2 == 1 {
                    order.reverse();
                }
                for (attempt, index) in order.into_iter().enumerate() {
                    let mut batch = batches[index].clone();
                    if task % 4 > 1 {
                        batch.reverse();
                    }
                    if (attempt + task) % 3 == 0 {
                        let mut tx = stage.ctx.control().await.expect("the control plane answers");
                        take(&mut tx, stage.tenant, &batch).await;
                        drop(tx);
                    }
                    let receipt = stage.send(&batch).await;
                    assert_eq!(receipt.accepted + receipt.duplicates, batch.len());
                    accepted += receipt.accepted;
                }
                accepted
            })
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        accepted += task.await.expect("no panic");
    }
    assert_eq!(accepted, events.len());
    assert_true(&stage, &truths).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn corrections_leave_what_would_have_been() {
    let stage = Stage::new().await;
    let (mut dice, now) = (Dice(11), stage.now());
    let mut truths: BTreeMap<String, Truth> = BTreeMap::new();
    for round in 0..12 {
        let mut batch = Vec::new();
        for number in 0..40 {
            let id = format!("{round}-{number}");
            let choice = dice.roll(10);
            let earlier = (!truths.is_empty())
                .then_some(truths.len())
                .filter(|_| choice < 5);
            let Some(count) = earlier else {
                let truth = Truth::random(&mut dice, now);
                batch.push(event(&id, truth.metric, truth.time, truth.data()));
                truths.insert(id, truth);
                continue;
            };
            let at = usize::try_from(dice.roll(count as u64)).expect("small");
            let (original, old) = truths
                .iter()
                .nth(at)
                .map(|(id, old)| (id.clone(), old.clone()))
                .expect("in range");
            truths.remove(&original);
            if choice < 2 {
                batch.push(event(&id, old.metric, now, json!({ "revokes": original })));
            } else {
                let new = Truth {
                    metric: old.metric,
                    time: old.time,
                    ..Truth::random(&mut dice, now)
                };
                let mut data = new.data();
                data["amends"] = json!(original);
                batch.push(event(&id, new.metric, now, data));
                truths.insert(id, new);
            }
        }
        let receipt = stage.send(&batch).await;
        assert_eq!((receipt.accepted, reasons(&receipt)), (batch.len(), vec![]));
        let again = stage.send(&batch).await;
        assert_eq!((again.duplicates, reasons(&again)), (batch.len(), vec![]));
        let present: Vec<Truth> = truths.values().cloned().collect();
        assert_true(&stage, &present).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_correction_from_many_counts_once() {
    let stage = Arc::new(Stage::new().await);
    let now = stage.now();
    for round in 0..10 {
        let original = format!("o{round}");
        stage
            .send(&[event(&original, "tokens", now, json!({"value": 5}))])
            .await;
        let tasks: Vec<_> = (0..6)
            .map(|task| {
                let (stage, original) = (Arc::clone(&stage), original.clone());
                // Three send one correction, three send corrections of their own.
                let id = if task < 3 {
                    format!("c{round}")
                } else {
                    format!("c{round}-{task}")
                };
                let correction = event(&id, "tokens", now, json!({"revokes": original}));
                tokio::spawn(async move { stage.send(&[correction]).await.accepted })
            })
            .collect();
        let mut accepted = 0;
        for task in tasks {
            accepted += task.await.expect("no panic");
        }
        assert_eq!(accepted, 1);
    }
    assert!(stage.rows(Bucket::Month).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn own_days_and_months_are_counted_too() {
    let stage = Stage::new().await;
    let now = stage.now();
    stage
        .send(&[
            event("before", "tokens", now, json!({"value": 2})),
            event("v", "visitors", now, json!({"member": "x"})),
        ])
        .await;
    let mut tx = stage
        .db
        .system()
        .control()
        .await
        .expect("the control plane answers");
    let set = crate::quotas::set_calendar(&mut tx, stage.tenant, "Asia/Kathmandu", 15).await;
    assert!(set.expect("the database answers").is_ok());
    tx.commit().await.expect("committed");
    stage
        .send(&[
            event("after", "tokens", now, json!({"value": 3})),
            event("w", "visitors", now, json!({"member": "y"})),
            event(
                "x",
                "visitors",
                now,
                json!({"member": "x", "dimensions": {"region": "eu"}}),
            ),
        ])
        .await;
    let calendar = crate::periods::Calendar::new("Asia/Kathmandu", 15).expect("a calendar");
    let month = Bucket::Monthly.span(now, &calendar).starts_at;
    let mut tx = stage
        .db
        .system()
        .control()
        .await
        .expect("the control plane answers");
    let rows: Vec<(String, Timestamp, String, i64)> = sqlx::query_as(
        "select metric, starts_at, sum::text, uniques from control.usage_periods
         where tenant_id = $1 and period = 'monthly' order by metric",
    )
    .bind(stage.tenant)
    .fetch_all(tx.conn())
    .await
    .expect("rows");
    assert_eq!(
        rows,
        [
            ("tokens".to_owned(), month, "5".to_owned(), 0),
            ("visitors".to_owned(), month, "0".to_owned(), 2)
        ]
    );
}

/// Also where that is in the middle of an hour.
#[tokio::test(flavor = "multi_thread")]
async fn own_days_begin_where_the_calendar_says() {
    let stage = Stage::new().await;
    let system = stage.db.system();
    let mut tx = system.control().await.expect("the control plane answers");
    let set = crate::quotas::set_calendar(&mut tx, stage.tenant, "Asia/Kathmandu", 1).await;
    assert!(set.expect("the database answers").is_ok());
    tx.commit().await.expect("committed");
    let calendar = crate::periods::Calendar::new("Asia/Kathmandu", 1).expect("a calendar");
    let midnight = Bucket::Daily.span(stage.now(), &calendar).starts_at;
    let batch: Vec<Value> = [-60, -1, 0]
        .into_iter()
        .map(|seconds| {
            let time = Timestamp::from_micros(midnight.as_micros() + seconds * 1_000_000);
            event(&seconds.to_string(), "jobs", time, json!({}))
        })
        .collect();
    assert_eq!(stage.send(&batch).await.accepted, 3);
    let days: Vec<(Timestamp, i64)> = sqlx::query_as(
        "select starts_at, count from control.usage_periods where tenant_id = $1 and period = 'daily' order by starts_at",
    )
    .bind(stage.tenant)
    .fetch_all(&mut stage.db.superuser().await)
    .await
    .expect("rows");
    let yesterday = Bucket::Daily.span(midnight.plus_days(-1), &calendar).starts_at;
    assert_eq!(days, [(yesterday, 2), (midnight, 1)]);
}
