use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use isolation::{ControlTx, IsolationStrategy, TenantCtx, Tx};
use kernel::Timestamp;
use serde_json::{Value, json};
use testkit::TestDatabase;

use super::*;
use crate::amount::Amount;
use crate::events::{Reading, ingest};
use crate::metrics::{Aggregation, Metric, NewMetric};
use crate::periods::Span;
use crate::rollups::{self, Granularity};

struct Stage {
    db: TestDatabase,
    ctx: TenantCtx,
}

impl Stage {
    async fn new() -> Self {
        let db = TestDatabase::new().await;
        let ctx = db.tenant(IsolationStrategy::SharedDatabase).await;
        rollups::ensure(&db.system()).await.expect("partitions are made");
        let mut tx = ctx.control().await.expect("the control plane answers");
        for (name, aggregation) in [
            ("tokens", Aggregation::Sum),
            ("level", Aggregation::Last),
            ("visitors", Aggregation::Unique),
        ] {
            let dimensions = vec!["region".to_owned(), "model".to_owned()];
            let new = NewMetric::new(name, aggregation, "things", dimensions, None).expect("valid");
            crate::metrics::declare(&mut tx, ctx.tenant_id(), &new)
                .await
                .expect("declared");
        }
        tx.commit().await.expect("committed");
        Self { db, ctx }
    }

    async fn tx(&self) -> ControlTx {
        self.ctx.control().await.expect("the control plane answers")
    }

    fn now(&self) -> Timestamp {
        self.db.databases().seams().now()
    }

    async fn send(&self, events: &[(&str, i64, Value)]) {
        let now = self.now();
        let events: Vec<Value> = events
            .iter()
            .enumerate()
            .map(|(id, (metric, hours_ago, data))| {
                let time = Timestamp::from_micros(now.as_micros() - hours_ago * 3_600_000_000);
                json!({"specversion": "1.0", "id": format!("{id}"), "source": "s", "type": metric, "time": time.to_string(), "data": data})
            })
            .collect();
        let mut tx = self.tx().await;
        let batch = Reading::of(&serde_json::to_vec(&events).expect("JSON")).expect("a batch");
        let ingested = ingest(
            &mut tx,
            &crate::events::Filters::default(),
            self.ctx.tenant_id(),
            batch,
        )
        .await
        .expect("ingested");
        assert_eq!(ingested.receipt.accepted, events.len(), "{:?}", ingested.receipt);
        tx.commit().await.expect("committed");
    }

    async fn metric(&self, name: &str) -> Metric {
        let known = crate::metrics::known(&mut self.tx().await, self.ctx.tenant_id())
            .await
            .expect("metrics");
        known[&name.parse().expect("a name")].clone()
    }

    /// The values by the hour since so many hours, with what they are told apart by.
    async fn hours(
        &self,
        metric: &str,
        since: i64,
        filter: &[(&str, &str)],
        group_by: &[&str],
    ) -> Vec<(String, i64)> {
        let points = self.points(metric, since, filter, group_by).await;
        let shown = |point: Point| {
            let values: Vec<String> = point.dimensions.into_values().collect();
            (values.join("/"), point.value.floor())
        };
        points.into_iter().map(shown).collect()
    }

    async fn points(
        &self,
        metric: &str,
        since: i64,
        filter: &[(&str, &str)],
        group_by: &[&str],
    ) -> Vec<Point> {
        let now = self.now();
        let query = HistoryQuery {
            span: Span {
                starts_at: Timestamp::from_micros(now.as_micros() - since * 3_600_000_000),
                ends_at: now.plus(std::time::Duration::from_secs(1)),
            },
            granularity: Granularity::Hour,
            filter: filter
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            group_by: group_by.iter().map(|&name| name.to_owned()).collect(),
        };
        let metric = self.metric(metric).await;
        history(&mut self.tx().await, self.ctx.tenant_id(), &metric, &query)
            .await
            .expect("a history")
            .points
    }
}

fn at(region: &str, model: &str) -> Value {
    json!({"region": region, "model": model})
}

#[tokio::test(flavor = "multi_thread")]
async fn history_fills_filters_and_groups() {
    let stage = Stage::new().await;
    stage
        .send(&[
            ("tokens", 0, json!({"value": 5, "dimensions": at("eu", "a")})),
            ("tokens", 0, json!({"value": 7, "dimensions": at("us", "a")})),
            ("tokens", 2, json!({"value": 1, "dimensions": at("eu", "b")})),
            ("level", 5, json!({"value": 40})),
            ("level", 1, json!({"value": 50})),
            ("visitors", 0, json!({"member": "x", "dimensions": at("eu", "a")})),
            ("visitors", 0, json!({"member": "x", "dimensions": at("us", "b")})),
            ("visitors", 0, json!({"member": "y", "dimensions": at("us", "a")})),
        ])
        .await;
    let plain = |values: &[i64]| {
        values
            .iter()
            .map(|value| (String::new(), *value))
            .collect::<Vec<_>>()
    };
    assert_eq!(stage.hours("tokens", 3, &[], &[]).await, plain(&[0, 1, 0, 12]));
    assert_eq!(
        stage.hours("tokens", 3, &[("region", "eu")], &[]).await,
        plain(&[0, 1, 0, 5])
    );
    let named = |pairs: &[(&str, i64)]| {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        stage.hours("tokens", 3, &[], &["region"]).await,
        named(&[("eu", 1), ("eu", 5), ("us", 7)])
    );
    assert_eq!(
        stage.hours("tokens", 3, &[("region", "eu")], &["model"]).await,
        named(&[("b", 1), ("a", 5)])
    );
    // A level goes on, also from before the answer begins.
    assert_eq!(stage.hours("level", 3, &[], &[]).await, plain(&[40, 40, 50, 50]));
    // Members are not added up over dimensions.
    assert_eq!(stage.hours("visitors", 1, &[], &[]).await, plain(&[0, 2]));
    assert_eq!(
        stage.hours("visitors", 1, &[("region", "us")], &[]).await,
        plain(&[0, 2])
    );
    assert_eq!(
        stage.hours("visitors", 1, &[], &["model"]).await,
        named(&[("a", 2), ("b", 1)])
    );
}

/// Different people do not add up over dimensions, the events that they came with do.
#[tokio::test(flavor = "multi_thread")]
async fn people_told_apart_are_counted_with_their_events() {
    let stage = Stage::new().await;
    let came = |member: &str, region: &str| {
        (
            "visitors",
            0,
            json!({"member": member, "dimensions": at(region, "a")}),
        )
    };
    stage
        .send(&[came("x", "eu"), came("x", "eu"), came("x", "us"), came("y", "us")])
        .await;
    let told = async |filter: &[(&str, &str)], group_by: &[&str]| {
        let points = stage.points("visitors", 0, filter, group_by).await;
        let told = points.iter().map(|point| (point.value.floor(), point.count));
        told.collect::<Vec<_>>()
    };
    assert_eq!(told(&[], &["region"]).await, [(1, 2), (2, 2)]);
    assert_eq!(told(&[("region", "us")], &[]).await, [(2, 2)]);
    assert_eq!(told(&[], &[]).await, [(2, 4)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_is_too_long_or_told_apart_by_nothing_known_is_refused() {
    let stage = Stage::new().await;
    let metric = stage.metric("tokens").await;
    let mut query = HistoryQuery {
        span: Span {
            starts_at: stage.now().plus_days(-500),
            ends_at: stage.now(),
        },
        granularity: Granularity::Hour,
        filter: BTreeMap::new(),
        group_by: Vec::new(),
    };
    let tenant = stage.ctx.tenant_id();
    let refused = history(&mut stage.tx().await, tenant, &metric, &query).await;
    assert!(matches!(refused, Err(HistoryError::TooMany)));
    query.granularity = Granularity::Month;
    let points = history(&mut stage.tx().await, tenant, &metric, &query)
        .await
        .expect("a history")
        .points
        .len();
    assert!((17..=18).contains(&points));
    query.group_by = vec!["colour".to_owned()];
    let refused = history(&mut stage.tx().await, tenant, &metric, &query).await;
    assert!(matches!(refused, Err(HistoryError::UnknownDimension(name)) if name == "colour"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_present_and_the_export() {
    let stage = Stage::new().await;
    let region = |name: &str| json!({"value": 2.5, "dimensions": {"region": name}});
    stage
        .send(&[
            ("tokens", 0, region("a\"b")),
            ("tokens", 0, region("other")),
            ("level", 0, json!({"value": 9})),
        ])
        .await;
    let usages = metrics(&mut stage.tx().await, stage.ctx.tenant_id())
        .await
        .expect("usages");
    let of = |name: &str| {
        usages
            .iter()
            .find(|usage| usage.metric.name.as_str() == name)
            .expect("known")
    };
    assert_eq!(
        (of("tokens").today, of("tokens").month),
        (Amount::whole(5), Amount::whole(5))
    );
    assert_eq!(
        (of("tokens").other, of("level").month, of("api_calls").month),
        (1, Amount::whole(9), Amount::ZERO)
    );
    assert_eq!(usages.len(), 13);
    // A level that nobody reported for two months is what it was.
    stage.db.clock().advance_seconds(62 * 24 * 3600);
    let later = metrics(&mut stage.tx().await, stage.ctx.tenant_id())
        .await
        .expect("usages");
    let level = later
        .iter()
        .find(|usage| usage.metric.name.as_str() == "level")
        .expect("known");
    assert_eq!(level.month, Amount::whole(9));
    let span = Span {
        starts_at: stage.now().plus_days(-70),
        ends_at: stage.now(),
    };
    let rows: Vec<ExportRow> = export(stage.ctx.clone(), Granularity::Hour, span)
        .try_collect()
        .await
        .expect("rows");
    let shown: Vec<&str> = rows.iter().map(|row| row.metric.as_str()).collect();
    assert_eq!(shown, ["level", "tokens", "tokens"]);
    assert!(
        rows[1].csv().contains(r#","{""region"":""a\""b""}",1,2.5,"#),
        "{}",
        rows[1].csv()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_longer_than_a_page() {
    let stage = Stage::new().await;
    let mut tx = stage
        .db
        .system()
        .control()
        .await
        .expect("the control plane answers");
    sqlx::query(
        "insert into control.usage_months (tenant_id, metric, starts_at, dimensions, count, sum, uniques)
         select $1, 'tokens', $2, jsonb_build_object('region', n::text), 1, n, 0 from generate_series(1, 12001) n",
    )
    .bind(stage.ctx.tenant_id())
    .bind(stage.now())
    .execute(tx.conn())
    .await
    .expect("inserted");
    tx.commit().await.expect("committed");
    let span = Span {
        starts_at: stage.now().plus_days(-1),
        ends_at: stage.now(),
    };
    let rows: Vec<ExportRow> = export(stage.ctx.clone(), Granularity::Month, span)
        .try_collect()
        .await
        .expect("rows");
    let sum: Amount = rows.iter().map(|row| row.sum).sum();
    assert_eq!((rows.len(), sum), (12_001, Amount::whole(12_001 * 12_002 / 2)));
}
