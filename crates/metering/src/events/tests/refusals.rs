//! What is not counted, and what is counted as `other`.

use serde_json::{Value, json};

use super::super::Reason::{
    AlreadyCorrected, InFuture, Invalid, Measured, NotCorrectable, TooOld, UnknownDimension, UnknownMetric,
    UnknownOriginal,
};
use super::{Stage, event, reasons};
use crate::amount::Amount;
use crate::rollups::Bucket;
use kernel::Timestamp;

#[tokio::test(flavor = "multi_thread")]
async fn bad_events_refuse_themselves_only() {
    let stage = Stage::new().await;
    let now = stage.now();
    let at = |seconds: i64| Timestamp::from_micros(now.as_micros() + seconds * 1_000_000);
    let days = 24 * 3600;
    let batch = [
        event("ok", "tokens", at(-35 * days + 60), json!({"value": 1.5})),
        event("old", "tokens", at(-35 * days - 60), json!({"value": 1})),
        event("near", "tokens", at(4 * 60), json!({"value": 0.25})),
        event("future", "tokens", at(6 * 60), json!({"value": 1})),
        event("metric", "unheard_of", now, json!({})),
        event(
            "dimension",
            "tokens",
            now,
            json!({"value": 1, "dimensions": {"colour": "red"}}),
        ),
        event("original", "tokens", now, json!({"revokes": "nothing"})),
        event("self", "tokens", now, json!({"revokes": "self"})),
        event("level", "level", now, json!({})),
        event("member", "visitors", now, json!({"value": 1})),
        json!({"specversion": "0.3", "id": "v", "source": "test", "type": "tokens"}),
        json!({"specversion": "1.0", "source": "test", "type": "tokens"}),
        json!({"specversion": "1.0", "id": "", "source": "test", "type": "tokens"}),
        event("ok", "tokens", now, json!({"value": 100})),
        event("decimals", "tokens", now, json!({"value": 1e-10})),
        event("unknown", "tokens", now, json!({"valeu": 1})),
        json!(7),
        json!({"specversion": "1.0", "id": "bare", "source": "test", "type": "tokens", "tracestate": "x"}),
    ];
    let receipt = stage.send(&batch).await;
    assert_eq!((receipt.accepted, receipt.duplicates), (3, 1));
    let wanted = [
        (1, TooOld),
        (3, InFuture),
        (4, UnknownMetric),
        (5, UnknownDimension),
        (6, UnknownOriginal),
        (7, Invalid),
        (8, Invalid),
        (9, Invalid),
        (10, Invalid),
        (11, Invalid),
        (12, Invalid),
        (14, Invalid),
        (15, Invalid),
        (16, Invalid),
    ];
    assert_eq!(reasons(&receipt), wanted);
    let months: Amount = stage.rows(Bucket::Month).await.into_values().flatten().sum();
    assert_eq!(months.to_string(), "2.75");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_says_why_it_cannot_be() {
    let stage = Stage::new().await;
    let now = stage.now();
    stage
        .send(&[
            event("a", "tokens", now, json!({"value": 1})),
            event("r", "tokens", now, json!({"revokes": "a"})),
        ])
        .await;
    let receipt = stage
        .send(&[
            event("1", "tokens", now, json!({"revokes": "a"})),
            event("2", "jobs", now, json!({"revokes": "a"})),
            event("3", "tokens", now, json!({"revokes": "r"})),
            event("4", "storage", now, json!({"value": 1})),
            event("5", "tokens", now, json!({"revokes": "a", "value": 3})),
            event("6", "tokens", now, json!({"revokes": "a", "amends": "a"})),
            event("7", "api_calls", now, json!({"value": -1})),
        ])
        .await;
    let wanted = [
        (0, AlreadyCorrected),
        (1, NotCorrectable),
        (2, NotCorrectable),
        (3, Measured),
        (4, Invalid),
        (5, Invalid),
        (6, Invalid),
    ];
    assert_eq!(reasons(&receipt), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_bound_it_is_other() {
    let stage = Stage::new().await;
    let now = stage.now();
    let region = |id: &str, region: &str| {
        event(
            id,
            "tokens",
            now,
            json!({"value": 1, "dimensions": {"region": region}}),
        )
    };
    let batch: Vec<Value> = (0..10)
        .map(|n| region(&n.to_string(), &format!("r{n}")))
        .collect();
    stage.send(&batch).await;
    stage
        .send(&[
            region("again", "r1"),
            region("late", "r9"),
            event("none", "tokens", now, json!({"value": 1})),
        ])
        .await;
    let rows = stage.rows(Bucket::Month).await;
    let of = |dimensions: &str| {
        let row = rows.iter().find(|((_, _, found), _)| found == dimensions);
        row.and_then(|(_, amount)| *amount).map(Amount::floor)
    };
    assert_eq!(rows.len(), 5);
    assert_eq!(of(r#"{"region": "r1"}"#), Some(2));
    assert_eq!(of(r#"{"region": "other"}"#), Some(8));
    assert_eq!(of("{}"), Some(1));
    // What was counted under `other` is taken from there.
    stage
        .send(&[event("x", "tokens", now, json!({"revokes": "9"}))])
        .await;
    assert_eq!(stage.rows(Bucket::Month).await.len(), 5);
    let total: Amount = stage.rows(Bucket::Day).await.into_values().flatten().sum();
    assert_eq!(total.floor(), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_month_has_its_own_bound() {
    let stage = Stage::new().await;
    let (now, before) = (stage.now(), stage.now().plus_days(-34));
    let region = |time: Timestamp, region: &str| {
        let data = json!({"value": 1, "dimensions": {"region": region}});
        event(region, "tokens", time, data)
    };
    let mut batch: Vec<Value> = (0..3).map(|n| region(now, &format!("new-{n}"))).collect();
    batch.extend((0..4).map(|n| region(before, &format!("old-{n}"))));
    stage.send(&batch).await;
    let other = r#"{"region": "other"}"#;
    let rows = stage.rows(Bucket::Month).await;
    assert_eq!(rows.len(), 7);
    let others: Vec<_> = rows.keys().filter(|(.., found)| found == other).collect();
    assert_eq!(others.len(), 1);
    assert_eq!(
        others[0].1,
        Bucket::Month
            .span(before, &crate::periods::Calendar::utc())
            .starts_at
    );
}
