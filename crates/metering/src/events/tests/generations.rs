//! Deduplication over generations.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::super::generations::{self, Filters};
use super::{Stage, event, take, take_knowing};
use crate::amount::Amount;
use crate::rollups::{self, Bucket};

#[tokio::test(flavor = "multi_thread")]
async fn recognised_in_the_next_generation_and_forgotten_in_the_one_after() {
    let stage = Stage::new().await;
    let batch = [event("a", "tokens", stage.now(), json!({"value": 3}))];
    assert_eq!(stage.send(&batch).await.accepted, 1);
    // Also with an event that says that it is another time.
    for days in [0, 34] {
        stage.db.clock().advance_seconds(days * 24 * 3600);
        rollups::ensure(&stage.db.system())
            .await
            .expect("partitions are made");
        let again = [event("a", "tokens", stage.now(), json!({"value": 3}))];
        assert_eq!(stage.send(&again).await.duplicates, 1, "after {days} days");
    }
    stage.db.clock().advance_seconds(2 * 24 * 3600);
    rollups::ensure(&stage.db.system())
        .await
        .expect("partitions are made");
    let again = [event("a", "tokens", stage.now(), json!({"value": 3}))];
    assert_eq!(stage.send(&again).await.duplicates, 1, "in the next generation");
    stage.db.clock().advance_seconds(36 * 24 * 3600);
    rollups::ensure(&stage.db.system())
        .await
        .expect("partitions are made");
    let again = [event("a", "tokens", stage.now(), json!({"value": 3}))];
    assert_eq!(stage.send(&again).await.accepted, 1, "long after");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_recognised_for_35_days_whenever_it_came() {
    let stage = Stage::new().await;
    for day in 0..74 {
        rollups::ensure(&stage.db.system())
            .await
            .expect("partitions are made");
        let on = |day: i32| [event(&day.to_string(), "jobs", stage.now(), json!({}))];
        assert_eq!(stage.send(&on(day)).await.accepted, 1, "day {day}");
        if day >= 35 {
            assert_eq!(stage.send(&on(day - 35)).await.duplicates, 1, "day {day}");
        }
        stage.db.clock().advance_seconds(24 * 3600);
    }
}

/// Each event is found wherever it is kept, and the new ones between those that are known are counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_may_be_known_in_parts() {
    let stage = Stage::new().await;
    let now = stage.now();
    let batch = |ids: std::ops::Range<u32>| -> Vec<_> {
        ids.map(|id| event(&id.to_string(), "tokens", now, json!({"value": 1})))
            .collect()
    };
    assert_eq!(stage.send(&batch(0..20)).await.accepted, 20);
    open(&stage).await;
    // In a former generation only, in the present one only, in both, and in none.
    for (ids, accepted) in [(10..30, 10), (20..40, 10), (5..55, 15), (60..70, 10), (0..70, 5)] {
        let ids_count = ids.len();
        let receipt = stage.send(&batch(ids.clone())).await;
        assert_eq!(
            (receipt.accepted, receipt.duplicates),
            (accepted, ids_count - accepted),
            "{ids:?}"
        );
    }
    let total: Amount = stage.rows(Bucket::Month).await.into_values().flatten().sum();
    assert_eq!(total.floor(), 70);
}

/// With filters and without them, and as a process that has read the filters and one that has not.
#[tokio::test(flavor = "multi_thread")]
async fn every_closed_generation_is_looked_in() {
    let stage = Stage::new().await;
    let now = stage.now();
    let batch = |ids: std::ops::Range<u32>| -> Vec<_> {
        ids.map(|id| event(&id.to_string(), "tokens", now, json!({"value": 1})))
            .collect()
    };
    for generation in 0..4 {
        let ids = generation * 10..generation * 10 + 10;
        assert_eq!(stage.send(&batch(ids)).await.accepted, 10, "{generation}");
        open(&stage).await;
        if generation == 1 {
            generations::tend(&stage.db.system())
                .await
                .expect("filters are made");
        }
    }
    let filters = Filters::default();
    let mut sent = 40;
    for (made, read) in [(2, false), (2, true), (4, false), (4, true)] {
        if made == 4 {
            generations::tend(&stage.db.system())
                .await
                .expect("filters are made");
        }
        let kept: i64 = sqlx::query_scalar("select count(*) from control.usage_filters")
            .fetch_one(&mut stage.db.superuser().await)
            .await
            .expect("readable");
        assert_eq!(kept, made);
        let (own, known) = (
            Filters::default(),
            if read { &filters } else { &Filters::default() },
        );
        for filters in [&own, known] {
            let mut tx = stage.ctx.control().await.expect("the control plane answers");
            let receipt = take_knowing(&mut tx, filters, stage.tenant, &batch(0..sent + 1)).await;
            tx.commit().await.expect("committed");
            assert_eq!(
                (receipt.accepted, receipt.duplicates),
                (1, sent as usize),
                "{made} {read}"
            );
            sent += 1;
        }
    }
    let revoked = [
        event("r", "tokens", now, json!({"revokes": "3"})),
        event("s", "tokens", now, json!({"revokes": "40"})),
    ];
    assert_eq!(stage.send(&revoked).await.accepted, 2);
    let again = [event("t", "tokens", now, json!({"revokes": "3"}))];
    assert_eq!(
        stage.send(&again).await.refused.len(),
        1,
        "it is marked where it lies"
    );
    let total: Amount = stage.rows(Bucket::Month).await.into_values().flatten().sum();
    assert_eq!(total.floor(), i64::from(sent) - 2);
}

/// A generation is closed for its size alone, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_generation_is_closed() {
    let stage = Stage::new().await;
    let batch = [event("a", "tokens", stage.now(), json!({"value": 3}))];
    stage.send(&batch).await;
    let system = stage.db.system();
    let old = kernel::Timestamp::from_micros(0);
    let opened = async |most| {
        rollups::open_generation(&system, old, Some(most))
            .await
            .expect("asked")
    };
    assert!(!opened(10_000_000).await);
    assert!(opened(10_000).await);
    assert_eq!(stage.send(&batch).await.duplicates, 1);
    generations::tend(&system).await.expect("tended");
    assert_eq!(stage.send(&batch).await.duplicates, 1);
}

async fn open(stage: &Stage) {
    let due = stage.now().plus_days(1);
    let opened = rollups::open_generation(&stage.db.system(), due, None).await;
    assert!(opened.expect("opened"));
}

/// Many send batches that overlap, each with the others' events among its own, while a generation begins.
#[tokio::test(flavor = "multi_thread")]
async fn batches_that_overlap_count_each_event_once() {
    let stage = Arc::new(Stage::new().await);
    let now = stage.now();
    let senders: Vec<_> = (0..8_usize)
        .map(|sender| {
            let stage = Arc::clone(&stage);
            tokio::spawn(async move {
                let mut accepted = 0;
                for round in 0..12 {
                    let first = (round * 10 + sender * 3) % 120;
                    let batch: Vec<_> = (first..first + 25)
                        .map(|id| event(&id.to_string(), "tokens", now, json!({"value": 1})))
                        .collect();
                    accepted += stage.send(&batch).await.accepted;
                }
                accepted
            })
        })
        .collect();
    open(&stage).await;
    let mut accepted = 0;
    for sender in senders {
        accepted += sender.await.expect("no panic");
    }
    let total: Amount = stage.rows(Bucket::Month).await.into_values().flatten().sum();
    let kept: i64 = sqlx::query_scalar("select count(distinct id) from control.usage_events")
        .fetch_one(&mut stage.db.superuser().await)
        .await
        .expect("readable");
    assert_eq!(
        (i64::try_from(accepted).expect("few"), total.floor()),
        (kept, kept)
    );
}

/// Whoever sends the same the other way round waits, and is not made to fail. Both are held up in the middle, by which
/// time each would have the half that the other one still needs, had they no common order.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_batch_from_both_ends_is_no_deadlock() {
    let stage = Arc::new(Stage::new().await);
    let now = stage.now();
    let batch: Vec<_> = (0..61)
        .map(|id| event(&id.to_string(), "tokens", now, json!({"value": 1})))
        .collect();
    let mut middle = stage.ctx.control().await.expect("the control plane answers");
    take(&mut middle, stage.tenant, &batch[30..31]).await;
    let backwards: Vec<_> = batch.iter().rev().cloned().collect();
    let senders = [batch, backwards].map(|batch| {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { stage.send(&batch).await.accepted })
    });
    both_wait(&stage).await;
    drop(middle);
    let mut accepted = 0;
    for sender in senders {
        accepted += sender.await.expect("no panic");
    }
    assert_eq!(accepted, 61);
}

async fn both_wait(stage: &Stage) {
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let (mut connection, deadline) = (
        stage.db.superuser().await,
        Instant::now() + Duration::from_secs(30),
    );
    loop {
        let count: i64 = sqlx::query_scalar(waiting)
            .fetch_one(&mut connection)
            .await
            .expect("readable");
        if count == 2 {
            return;
        }
        assert!(Instant::now() < deadline, "{count} wait");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A clock that was ahead opened a generation; set right again, nothing is forgotten, and counting goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_back_forgets_nothing() {
    let stage = Stage::new().await;
    let right = stage.db.another_node().await;
    let ctx = right.databases().system_inside("test", stage.ctx.store().clone());
    let send = async |id: &str| {
        let now = right.databases().seams().now();
        let mut tx = ctx.control().await.expect("the control plane answers");
        let batch = [event(id, "tokens", now, json!({"value": 1}))];
        let receipt = take(&mut tx, stage.tenant, &batch).await;
        tx.commit().await.expect("committed");
        (receipt.accepted, receipt.duplicates)
    };
    assert_eq!(send("before").await, (1, 0));
    stage.db.clock().advance_seconds(40 * 24 * 3600);
    rollups::ensure(&stage.db.system())
        .await
        .expect("partitions are made");
    let ahead = [event("ahead", "tokens", stage.now(), json!({"value": 1}))];
    assert_eq!(stage.send(&ahead).await.accepted, 1);
    rollups::ensure(&right.system())
        .await
        .expect("partitions are made");
    assert_eq!(send("before").await, (0, 1));
    assert_eq!(send("ahead").await, (0, 1));
    assert_eq!(send("after").await, (1, 0));
    // Once more ahead and back: the window is still that of the clock that is right.
    rollups::ensure(&stage.db.system())
        .await
        .expect("partitions are made");
    assert_eq!(send("before").await, (0, 1));
}

/// As late as an event may come after as long as nobody made partitions.
#[tokio::test(flavor = "multi_thread")]
async fn late_events_find_their_hours_after_months_of_downtime() {
    let stage = Stage::new().await;
    stage.db.clock().advance_seconds(200 * 24 * 3600);
    rollups::ensure(&stage.db.system())
        .await
        .expect("partitions are made");
    let batch: Vec<_> = (0..35)
        .map(|days| {
            event(
                &days.to_string(),
                "tokens",
                stage.now().plus_days(-days),
                json!({"value": 1}),
            )
        })
        .collect();
    assert_eq!(stage.send(&batch).await.accepted, 35);
    for bucket in Bucket::UTC {
        let total: Amount = stage.rows(bucket).await.into_values().flatten().sum();
        assert_eq!(total.floor(), 35, "{bucket:?}");
    }
    let days = stage.rows(Bucket::Day).await.len();
    assert!((35..=36).contains(&days), "{days} days");
}

/// A generation cannot be opened while somebody writes the one before, and whoever comes after sees all of it.
#[tokio::test(flavor = "multi_thread")]
async fn no_event_falls_between_two_generations() {
    let stage = Arc::new(Stage::new().await);
    let now = stage.now();
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            let stage = Arc::clone(&stage);
            tokio::spawn(async move {
                let mut accepted = 0;
                for number in 0..30 {
                    let number = if sender % 2 == 0 { number } else { 29 - number };
                    accepted += stage
                        .send(&[event(&number.to_string(), "tokens", now, json!({"value": 1}))])
                        .await
                        .accepted;
                }
                accepted
            })
        })
        .collect();
    let opener = {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move {
            // One switch while they run; the window reaches over one.
            rollups::open_generation(&stage.db.system(), now.plus_days(1), None)
                .await
                .expect("opened")
        })
    };
    assert!(opener.await.expect("no panic"));
    let mut accepted = 0;
    for sender in senders {
        accepted += sender.await.expect("no panic");
    }
    assert_eq!(accepted, 30);
}
