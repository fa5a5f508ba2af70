use std::sync::Arc;

use futures_util::future::join_all;
use isolation::{IsolationStrategy, TenantCtx, Tx};
use kernel::{TenantId, Validate};
use serde_json::json;
use tenants::directory::Directory;
use tenants::plans::Limit;
use testkit::TestDatabase;

use super::*;
use crate::counters::{Meter, Settings};
use crate::events::{Reading, ingest};
use crate::metrics::{Aggregation, BuiltIn, MetricName, NewMetric};
use crate::periods::Period;
use crate::quotas::{self, Mode, Quota};
use crate::{Metering, rollups};

struct Stage {
    db: TestDatabase,
    ctx: TenantCtx,
    tenant: TenantId,
}

impl Stage {
    async fn new() -> Self {
        let db = TestDatabase::new().await;
        rollups::ensure(&db.system()).await.expect("partitions are made");
        let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
        let tenant = ctx.tenant_id();
        Self { db, ctx, tenant }
    }

    async fn limit(&self, metric: &str, limit: i64, period: Period) {
        let quota = Quota {
            metric: metric.parse().expect("a metric"),
            limit: Limit::new(limit).expect("a limit"),
            period,
            soft_limit: None,
            mode: Mode::Soft,
        };
        let mut tx = self
            .db
            .system()
            .control()
            .await
            .expect("the control plane answers");
        quotas::set(&mut tx, self.tenant, &quota, None)
            .await
            .expect("set");
        tx.commit().await.expect("committed");
    }

    async fn declare(&self, name: &str, aggregation: Aggregation) {
        let new =
            NewMetric::new(name, aggregation, "things", vec!["region".to_owned()], None).expect("valid");
        let mut tx = self.ctx.control().await.expect("the control plane answers");
        crate::metrics::declare(&mut tx, self.tenant, &new)
            .await
            .expect("declared");
        tx.commit().await.expect("committed");
    }

    async fn send(&self, metering: &Metering, metric: &str, region: &str, id: &str, value: i64) {
        let now = self.db.databases().seams().now();
        let event = json!({"specversion": "1.0", "id": id, "source": "/t", "type": metric, "time": now,
            "datacontenttype": "application/json",
            "data": {"value": value, "dimensions": {"region": region}}});
        let batch = Reading::of(json!([event]).to_string().as_bytes()).expect("a batch");
        let mut tx = self.ctx.control().await.expect("the control plane answers");
        let ingested = ingest(&mut tx, &crate::events::Filters::default(), self.tenant, batch)
            .await
            .expect("ingested");
        assert_eq!(ingested.receipt.accepted, 1, "{:?}", ingested.receipt);
        tx.commit().await.expect("committed");
        metering.observe(&ingested.counted);
    }

    async fn alerts(&self) -> Vec<Alert> {
        let mut tx = self.ctx.control().await.expect("the control plane answers");
        let mut alerts = list(&mut tx, self.tenant, &AlertFilter::default(), None, 100)
            .await
            .expect("listed");
        alerts.reverse();
        alerts
    }

    /// Metric, percent and use of each alert, oldest first.
    async fn told(&self) -> Vec<(String, i32, i64)> {
        let alerts = self.alerts().await.into_iter();
        alerts
            .map(|alert| (alert.metric.to_string(), alert.percent, alert.used))
            .collect()
    }

    async fn jobs(&self) -> i64 {
        let mut tx = self
            .db
            .system()
            .control()
            .await
            .expect("the control plane answers");
        sqlx::query_scalar("select count(*) from control.jobs where kind = 'usage.alerted'")
            .fetch_one(tx.conn())
            .await
            .expect("counted")
    }
}

fn node(db: &TestDatabase) -> Metering {
    let directory = Directory::new(db.databases().clone(), 100);
    Metering::new(db.databases().clone(), directory, Settings::default())
}

async fn meter(metering: &Metering, tenant: TenantId) -> Arc<Meter> {
    metering
        .meter(tenant)
        .await
        .expect("answers")
        .expect("there is the tenant")
}

fn alert(metric: &str, percent: i32, used: i64) -> (String, i32, i64) {
    (metric.to_owned(), percent, used)
}

#[tokio::test]
async fn a_threshold_is_told_once_in_a_period_and_again_in_the_next() {
    let stage = Stage::new().await;
    stage.limit("transactions", 10, Period::Daily).await;
    let metering = node(&stage.db);
    let meter = meter(&metering, stage.tenant).await;
    for (more, expected) in [
        (7, vec![]),
        (1, vec![(80, 8)]),
        (1, vec![(80, 8)]),
        (30, vec![(80, 8), (100, 39)]),
    ] {
        metering.track(&meter, BuiltIn::Transactions, more);
        metering.flush().await.expect("flushed");
        let expected: Vec<_> = expected
            .iter()
            .map(|(percent, used)| alert("transactions", *percent, *used))
            .collect();
        assert_eq!(stage.told().await, expected);
    }
    let first = stage.alerts().await;
    assert_eq!(first[0].ends_at, first[0].starts_at.plus_days(1));
    // A process that does not know what was told, and the next day.
    let fresh = node(&stage.db);
    fresh.track(&self::meter(&fresh, stage.tenant).await, BuiltIn::Transactions, 1);
    fresh.flush().await.expect("flushed");
    assert_eq!((stage.told().await.len(), stage.jobs().await), (2, 2));
    stage.db.clock().advance_seconds(86_400);
    metering.track(&meter, BuiltIn::Transactions, 10);
    metering.flush().await.expect("flushed");
    let told = stage.told().await;
    assert_eq!(
        told[2..],
        [alert("transactions", 80, 10), alert("transactions", 100, 10)]
    );
    assert_eq!(stage.jobs().await, 4);
}

#[tokio::test]
async fn an_alert_is_kept_as_long_as_the_days_it_tells_of() {
    let stage = Stage::new().await;
    stage.limit("transactions", 10, Period::Daily).await;
    let metering = node(&stage.db);
    let meter = meter(&metering, stage.tenant).await;
    metering.track(&meter, BuiltIn::Transactions, 8);
    metering.flush().await.expect("flushed");
    let days = rollups::Retention::default().days;
    for (passed, left) in [(days - 1, 1), (2, 0)] {
        stage.db.clock().advance_seconds(passed * 86_400);
        rollups::drop_expired(&stage.db.system(), rollups::Retention::default())
            .await
            .expect("dropped");
        assert_eq!(stage.told().await.len(), left);
    }
}

/// Each of two nodes counts less than the threshold.
#[tokio::test]
async fn what_nodes_reach_together_is_told_once() {
    let stage = Stage::new().await;
    stage.limit("transactions", 10_000, Period::Daily).await;
    let other = stage.db.another_node().await;
    let nodes = [node(&stage.db), node(&other)];
    for round in 0..20 {
        join_all(nodes.iter().map(async |metering| {
            let meter = meter(metering, stage.tenant).await;
            metering.track(&meter, BuiltIn::Transactions, 250);
            metering.flush().await.expect("flushed");
        }))
        .await;
        let expected = match (round + 1) * 500 {
            ..8000 => 0,
            8000..10_000 => 1,
            _ => 2,
        };
        assert_eq!(stage.told().await.len(), expected, "round {round}");
    }
    assert_eq!(stage.jobs().await, 2);
}

#[tokio::test]
async fn events_levels_and_people_are_told_of_too() {
    let stage = Stage::new().await;
    stage.declare("tokens", Aggregation::Sum).await;
    stage.declare("peak", Aggregation::Max).await;
    stage.limit("tokens", 100, Period::Monthly).await;
    stage.limit("peak", 50, Period::Total).await;
    stage.limit("storage", 1000, Period::Total).await;
    stage.limit("active_users", 2, Period::Monthly).await;
    let metering = node(&stage.db);
    // In several rows, none of which reaches anything.
    stage.send(&metering, "tokens", "eu", "1", 50).await;
    stage.send(&metering, "tokens", "us", "2", 29).await;
    assert_eq!(stage.told().await, []);
    stage.send(&metering, "tokens", "asia", "3", 1).await;
    stage.send(&metering, "peak", "eu", "4", 45).await;
    assert_eq!(
        stage.told().await,
        [alert("tokens", 80, 80), alert("peak", 80, 45)]
    );

    let meter = meter(&metering, stage.tenant).await;
    metering.set(&meter, BuiltIn::Storage, 850);
    metering.flush().await.expect("flushed");
    assert_eq!(stage.told().await[2..], [alert("storage", 80, 850)]);
    for _ in 0..2 {
        let outcome = crate::counters::Outcome {
            status: 200,
            bytes: 1,
            latency: std::time::Duration::from_millis(1),
            person: Some(stage.db.databases().seams().new_id::<kernel::User>().uuid()),
        };
        metering.settle(&meter, &outcome);
    }
    metering.flush().await.expect("flushed");
    assert_eq!(
        stage.told().await[3..],
        [alert("active_users", 80, 2), alert("active_users", 100, 2)]
    );
}

#[tokio::test]
async fn a_count_that_does_not_commit_tells_nothing() {
    let stage = Stage::new().await;
    stage.declare("tokens", Aggregation::Sum).await;
    stage.limit("tokens", 1, Period::Monthly).await;
    let now = stage.db.databases().seams().now();
    let event = json!([{"specversion": "1.0", "id": "1", "source": "/t", "type": "tokens", "time": now,
        "datacontenttype": "application/json", "data": {"value": 5}}]);
    let mut tx = stage.ctx.control().await.expect("the control plane answers");
    let batch = Reading::of(event.to_string().as_bytes()).expect("a batch");
    ingest(&mut tx, &crate::events::Filters::default(), stage.tenant, batch)
        .await
        .expect("ingested");
    drop(tx);
    assert_eq!((stage.told().await.len(), stage.jobs().await), (0, 0));
}

#[tokio::test]
async fn a_tenant_sets_its_thresholds_and_takes_note() {
    let stage = Stage::new().await;
    stage.limit("transactions", 100, Period::Daily).await;
    let mut tx = stage.ctx.control().await.expect("the control plane answers");
    assert_eq!(
        thresholds(&mut tx, stage.tenant).await.expect("read"),
        Thresholds::default()
    );
    let wanted = |text| serde_json::from_value::<Thresholds>(text).expect("thresholds");
    let own = wanted(json!({"default": [], "metrics": {"transactions": [90, 10]}}));
    let held = set_thresholds(&mut tx, stage.tenant, own).await.expect("set");
    assert_eq!(held.metrics[&MetricName::from(BuiltIn::Transactions)], [10, 90]);
    assert_eq!(thresholds(&mut tx, stage.tenant).await.expect("read"), held);
    let unknown = wanted(json!({"default": [], "metrics": {"nothing": [1]}}));
    let refused = set_thresholds(&mut tx, stage.tenant, unknown).await;
    assert!(
        matches!(refused, Err(InvalidThresholds::UnknownMetric(_))),
        "{refused:?}"
    );
    tx.commit().await.expect("committed");

    let metering = node(&stage.db);
    let meter = meter(&metering, stage.tenant).await;
    metering.track(&meter, BuiltIn::Transactions, 85);
    metering.flush().await.expect("flushed");
    assert_eq!(stage.told().await, [alert("transactions", 10, 85)]);

    let stranger = stage.db.tenant(IsolationStrategy::SharedDatabase).await;
    let id = stage.alerts().await[0].id;
    for claimed in [stranger.tenant_id(), stage.tenant] {
        let mut tx = stranger.control().await.expect("the control plane answers");
        let foreign = acknowledge(&mut tx, claimed, id).await;
        assert!(matches!(foreign, Err(AlertError::NotFound)), "{foreign:?}");
    }
    let mut tx = stage.ctx.control().await.expect("the control plane answers");
    let noted = acknowledge(&mut tx, stage.tenant, id).await.expect("noted");
    assert!(noted.acknowledged_at.is_some());
    assert_eq!(
        acknowledge(&mut tx, stage.tenant, id).await.expect("again"),
        noted
    );
    let open = AlertFilter {
        acknowledged: Some(false),
        ..AlertFilter::default()
    };
    assert_eq!(
        list(&mut tx, stage.tenant, &open, None, 10)
            .await
            .expect("listed"),
        []
    );
    assert!(
        take_untold(&mut tx, stage.tenant, id)
            .await
            .expect("taken")
            .is_some()
    );
    assert_eq!(take_untold(&mut tx, stage.tenant, id).await.expect("taken"), None);
    remove_all(&mut tx, stage.tenant)
        .await
        .expect_err("a tenant removes nothing");
}

#[test]
fn thresholds_are_few_and_different() {
    for (percents, valid) in [
        (vec![], true),
        (vec![1, 1000], true),
        (vec![0], false),
        (vec![1001], false),
        (vec![80, 80], false),
        ((1..12).collect(), false),
    ] {
        let mut errors = Vec::new();
        let thresholds = Thresholds {
            default: percents.clone(),
            ..Thresholds::default()
        };
        thresholds.check(&mut errors);
        assert_eq!(errors.is_empty(), valid, "{percents:?}");
    }
}
