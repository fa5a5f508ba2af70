//! Deduplication over generations.

use std::sync::Arc;

use serde_json::json;

use super::{Stage, event};
use crate::rollups;

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
            rollups::open_generation(&stage.db.system(), now.plus_days(1))
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
