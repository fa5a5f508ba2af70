//! `kill -9` while events come in: what was answered is counted, and what is sent again counts once.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{BATCH, LINES, lines, used, worth};
use crate::support::{Client, Installation, eventually, rounds};

const ROUNDS: u32 = 2;
const CLIENTS: usize = 4;
const BATCHES: usize = 40;
const EACH: usize = 50;

/// Sends what is left, batch by batch, until the server is gone; answers what was acknowledged.
async fn send_until_gone(client: &Client, sender: usize, mut left: Vec<usize>) -> Vec<usize> {
    if sender % 2 == 1 {
        left.reverse();
    }
    let mut acknowledged = Vec::new();
    for batch in left {
        let events: Vec<Value> = (0..EACH)
            .map(|number| worth(&format!("{batch}-{number}"), 1))
            .collect();
        let (content_type, body) = match sender % 4 {
            0 | 1 => (BATCH, json!(events).to_string()),
            _ => (LINES, lines(&events)),
        };
        let sent = client
            .request(reqwest::Method::POST, "/api/usage/events")
            .header("content-type", content_type)
            .body(body)
            .send()
            .await;
        match sent {
            Ok(reply) if reply.status() == 202 => acknowledged.push(batch),
            _ => return acknowledged,
        }
    }
    acknowledged
}

#[expect(clippy::float_cmp, reason = "whole numbers")]
#[tokio::test(flavor = "multi_thread")]
async fn killed_in_between_the_totals_are_exact() {
    let installation = Installation::new().await;
    let mut process = installation.process(&[]).await;
    let key = process.credentials.demo_tenant_api_key.clone();
    let mut answered: Vec<usize> = Vec::new();
    for _ in 0..rounds(ROUNDS) {
        let client = Client::new(&process.url).with_key(&key);
        let before = used(&client, "compute_time").await;
        let senders = (0..CLIENTS).map(|sender| send_until_gone(&client, sender, (0..BATCHES).collect()));
        let kill = async {
            eventually("something to be counted", async || {
                (answered.len() == BATCHES || used(&client, "compute_time").await > before).then_some(())
            })
            .await;
            process.kill().await;
        };
        let (acknowledged, ()) = tokio::join!(join_all(senders), kill);
        answered.extend(acknowledged.into_iter().flatten());
        answered.sort_unstable();
        answered.dedup();
        process = installation.process(&[]).await;
        let client = Client::new(&process.url).with_key(&key);
        let counted = used(&client, "compute_time").await;
        let least = u32::try_from(answered.len() * EACH).expect("small");
        assert!(
            counted >= f64::from(least),
            "{counted} of {least} that were answered"
        );
    }
    let client = Client::new(&process.url).with_key(&key);
    let senders = (0..CLIENTS).map(|sender| send_until_gone(&client, sender, (0..BATCHES).collect()));
    let acknowledged = join_all(senders).await;
    assert!(
        acknowledged.iter().all(|batches| batches.len() == BATCHES),
        "{acknowledged:?}"
    );
    let all = u32::try_from(BATCHES * EACH).expect("small");
    assert_eq!(used(&client, "compute_time").await, f64::from(all));
    installation.settle().await;
    process.kill().await;
}
