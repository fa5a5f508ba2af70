//! Usage that is reported over HTTP: counted once, whatever way it comes and however often.

use futures_util::future::join_all;
use futures_util::stream;
use kernel::{Seams, Timestamp};
use serde_json::{Value, json};

use crate::support::{App, Client, Reply, Tenant};

mod corrections;
mod killed;
mod operators;
mod own_metrics;

pub(super) const ONE: &str = "application/cloudevents+json";
pub(super) const BATCH: &str = "application/cloudevents-batch+json";
pub(super) const LINES: &str = "application/x-ndjson";
const EVENTS: &str = "/api/usage/events";

pub(super) fn event(id: &str, metric: &str, data: &Value) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "/test", "type": metric, "data": data})
}

pub(super) fn worth(id: &str, value: i64) -> Value {
    event(id, "compute_time", &json!({"value": value}))
}

fn days_ago(days: i64, seconds: i64) -> String {
    let now = Seams::real().now().plus_days(-days).as_micros() + seconds * 1_000_000;
    Timestamp::from_micros(now).to_string()
}

pub(super) fn lines(events: &[Value]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}

pub(super) async fn send(client: &Client, content_type: &str, body: impl Into<reqwest::Body>) -> Reply {
    client.upload(EVENTS, content_type, body).await
}

/// Accepted, duplicates, refused.
#[track_caller]
pub(super) fn counts(reply: Reply) -> [u64; 3] {
    let receipt = reply.expect(202).json();
    ["accepted", "duplicates", "refused"].map(|name| receipt[name].as_u64().expect(name))
}

/// The code of each refused event by its place.
fn codes(receipt: &Value) -> Vec<(u64, String)> {
    let errors = receipt["errors"].as_array().expect("errors").iter();
    let code = |error: &Value| error["code"].as_str().expect("a code").to_owned();
    errors
        .map(|error| (error["index"].as_u64().expect("a place"), code(error)))
        .collect()
}

/// What was used of the metric this month.
pub(super) async fn used(client: &Client, metric: &str) -> f64 {
    let metrics = client.get("/api/usage/metrics").await.expect(200).json();
    let mut of_it = metrics["metrics"].as_array().expect("metrics").iter();
    let found = of_it
        .find(|usage| usage["name"] == metric)
        .unwrap_or_else(|| panic!("no {metric}: {metrics}"));
    found["month"].as_f64().expect("a number")
}

#[expect(clippy::float_cmp, reason = "small whole numbers")]
#[tokio::test]
async fn an_event_counts_once_however_it_comes() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let client = &tenant.client;
    assert_eq!(
        counts(send(client, ONE, worth("a", 2).to_string()).await),
        [1, 0, 0]
    );
    // Another value, another time: the same event.
    let mut again = worth("a", 50);
    again["time"] = json!(days_ago(3, 0));
    assert_eq!(
        counts(send(client, "application/json", again.to_string()).await),
        [0, 1, 0]
    );
    let mut elsewhere = worth("a", 3);
    elsewhere["source"] = json!("/elsewhere");
    let batch = json!([worth("b", 4), worth("b", 5), worth("a", 6), elsewhere]);
    assert_eq!(counts(send(client, BATCH, batch.to_string()).await), [2, 2, 0]);
    let stream = lines(&[worth("c", 10), worth("b", 1)]) + "\n \r\n" + &worth("d", 20).to_string();
    assert_eq!(counts(send(client, LINES, stream).await), [2, 1, 0]);
    assert_eq!(used(client, "compute_time").await, 39.0);
    // Ids are the tenant's own.
    let other = app.tenant("other", "schema_per_tenant").await;
    assert_eq!(
        counts(send(&other.client, ONE, worth("a", 7).to_string()).await),
        [1, 0, 0]
    );
    assert_eq!(used(&other.client, "compute_time").await, 7.0);
    app.finish().await;
}

/// So many events of the last days, and one that the next batch or the one before has too.
fn overlapping(batch: i64, each: i64) -> Vec<Value> {
    let one = |number: i64| {
        let region = ["eu", "us"][usize::from(number % 3 == 0)];
        let data = json!({"value": batch * each + number, "dimensions": {"region": region}});
        let mut event = event(&format!("{batch}-{number}"), "compute_time", &data);
        event["time"] = json!(days_ago(number % 20, 0));
        event
    };
    let shared = worth(&format!("shared-{}", batch / 2), 1000);
    (0..each).map(one).chain([shared]).collect()
}

/// The sum over the last two months.
async fn added_up(client: &Client, granularity: &str) -> f64 {
    let path = format!("/api/usage/history/compute_time?days=62&granularity={granularity}");
    let history = client.get(&path).await.expect(200).json();
    let points = history["points"].as_array().expect("points").iter();
    points
        .map(|point| point["value"].as_f64().expect("a number"))
        .sum()
}

/// 24 batches, each sent twice, in two orders, by 8 clients and in two formats.
#[expect(clippy::float_cmp, reason = "whole numbers")]
#[tokio::test(flavor = "multi_thread")]
async fn everything_sent_twice_by_eight_clients_counts_once() {
    const BATCHES: i64 = 24;
    const EACH: i64 = 100;
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let batches: Vec<Vec<Value>> = (0..BATCHES).map(|batch| overlapping(batch, EACH)).collect();
    let senders = (0..8_usize).map(|sender| {
        let forth = sender < 4;
        let mut mine: Vec<&Vec<Value>> = batches.iter().skip(sender % 4).step_by(4).collect();
        if !forth {
            mine.reverse();
        }
        let client = tenant.client.clone();
        async move {
            let mut sum = [0; 2];
            for batch in mine {
                let reply = if forth {
                    send(&client, BATCH, json!(batch).to_string()).await
                } else {
                    let reversed: Vec<Value> = batch.iter().rev().cloned().collect();
                    send(&client, LINES, lines(&reversed)).await
                };
                let [accepted, duplicates, refused] = counts(reply);
                assert_eq!(refused, 0);
                sum = [sum[0] + accepted, sum[1] + duplicates];
            }
            sum
        }
    });
    let sums = join_all(senders).await;
    let accepted: u64 = sums.iter().map(|sum| sum[0]).sum();
    let duplicates: u64 = sums.iter().map(|sum| sum[1]).sum();
    let distinct = (BATCHES * EACH + BATCHES / 2).unsigned_abs();
    let sent = 2 * (BATCHES * (EACH + 1)).unsigned_abs();
    assert_eq!((accepted, duplicates), (distinct, sent - distinct));
    let total = (0..BATCHES * EACH).sum::<i64>() + BATCHES / 2 * 1000;
    for granularity in ["hour", "day", "month"] {
        let sum = added_up(&tenant.client, granularity).await;
        assert_eq!(
            sum,
            f64::from(i32::try_from(total).expect("small")),
            "{granularity}"
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_event_is_refused_by_itself() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let client = &tenant.client;
    let with = |id: &str, member: &str, value: Value| {
        let mut event = worth(id, 1);
        event[member] = value;
        event
    };
    let batch = json!([
        worth("good", 1),
        with("future", "time", json!(days_ago(0, 4000))),
        with("nearly", "time", json!(days_ago(0, 200))),
        with("late", "time", json!(days_ago(35, -60))),
        with("not-late", "time", json!(days_ago(35, 60))),
        with("x", "specversion", json!("0.3")),
        with("", "source", json!("/s")),
        with("unknown", "type", json!("no_such_metric")),
        with("when", "time", json!("yesterday")),
        with("measured", "type", json!("storage")),
        with("negative", "data", json!({"value": -1})),
        with("text", "data", json!({"value": "12"})),
        with("typo", "data", json!({"vlaue": 12})),
        with("where", "data", json!({"dimensions": {"planet": "mars"}})),
        with("theirs", "subject", json!("tenant_01h455vb4pex5vsknk084sn02q")),
        with("nul", "source", json!("a\u{0}b")),
        json!(17),
        json!({"id": "half"}),
        with("ours", "subject", json!(tenant.id)),
        with("free", "subject", json!("job 12")),
    ]);
    let receipt = send(client, BATCH, batch.to_string()).await.expect(202).json();
    let expected = [
        (1, "in_future"),
        (3, "too_old"),
        (5, "invalid"),
        (6, "invalid"),
        (7, "unknown_metric"),
        (8, "invalid"),
        (9, "measured"),
        (10, "invalid"),
        (11, "invalid"),
        (12, "invalid"),
        (13, "unknown_dimension"),
        (14, "unknown_tenant"),
        (15, "invalid"),
        (16, "invalid"),
        (17, "invalid"),
    ];
    assert_eq!(
        codes(&receipt),
        expected.map(|(place, code)| (place, code.to_owned()))
    );
    assert_eq!(
        (&receipt["accepted"], &receipt["refused"]),
        (&json!(5), &json!(15))
    );
    assert_eq!(receipt["errors"][0]["id"], "future");
    app.finish().await;
}

#[tokio::test]
async fn one_bad_event_is_a_bad_request_and_a_bad_line_only_that() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let client = &tenant.client;
    // One event on its own is told as a bad request.
    let refusal = send(client, ONE, worth("negative", -1).to_string()).await;
    let refusal = refusal.refused(422, "validation_failed");
    assert_eq!(refusal["errors"][0]["pointer"], "/data/value", "{refusal}");
    // A line that is none does not stop the stream.
    let stream = format!(
        "{{\n{}{}\n{}",
        lines(&[worth("l1", 1)]),
        "x".repeat(70_000),
        worth("l2", 1)
    );
    let receipt = send(client, LINES, stream).await.expect(202).json();
    assert_eq!(
        codes(&receipt),
        [(0, "invalid".to_owned()), (2, "invalid".to_owned())]
    );
    assert_eq!(receipt["accepted"], 2);
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_body_of_events_is_refused_whole() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let client = &tenant.client;
    let one = worth("a", 1).to_string();
    for content_type in [
        "text/plain",
        "application/xml",
        "application/json; charset=utf-16",
    ] {
        send(client, content_type, one.clone())
            .await
            .refused(415, "unsupported_media_type");
    }
    for body in ["", "{", "[{}", "nothing", "{} {}"] {
        send(client, "application/json", body)
            .await
            .refused(400, "malformed_request");
    }
    send(client, ONE, format!("[{one}]"))
        .await
        .refused(422, "validation_failed");
    send(client, BATCH, one.clone())
        .await
        .refused(422, "validation_failed");
    let many: Vec<Value> = (0..10_001).map(|id| worth(&id.to_string(), 1)).collect();
    send(client, BATCH, json!(many).to_string())
        .await
        .refused(413, "payload_too_large");
    let unknown = client.upload("/api/usage/events?dryRun=true", ONE, one).await;
    unknown.refused(400, "invalid_parameter");
    assert_eq!(counts(send(client, BATCH, "[]").await), [0, 0, 0]);
    assert_eq!(counts(send(client, LINES, "").await), [0, 0, 0]);
    app.finish().await;
}

#[tokio::test]
async fn a_repeated_request_is_given_the_same_answer() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    for (key, content_type, body) in [
        ("batch", BATCH, json!([worth("a", 1), worth("b", 1)]).to_string()),
        ("lines", LINES, lines(&[worth("c", 1), worth("d", 1)])),
    ] {
        let keyed = tenant.client.with("idempotency-key", key);
        assert_eq!(counts(send(&keyed, content_type, body.clone()).await), [2, 0, 0]);
        assert_eq!(
            counts(send(&keyed, content_type, body.clone()).await),
            [2, 0, 0],
            "{key}"
        );
        assert_eq!(counts(send(&tenant.client, content_type, body).await), [0, 2, 0]);
        let other = send(&keyed, content_type, worth("e", 1).to_string() + "\n").await;
        let expected = if key == "lines" {
            (409, "idempotency_key_reused")
        } else {
            (422, "validation_failed")
        };
        other.refused(expected.0, expected.1);
    }
    app.finish().await;
}

/// A stream of several portions, cut off in the middle and sent again.
#[expect(clippy::float_cmp, reason = "whole numbers")]
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_counted_in_portions_and_may_be_cut_off() {
    const EVENTS: usize = 25_000;
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let all: Vec<Value> = (0..EVENTS).map(|id| worth(&id.to_string(), 1)).collect();
    let pieces: Vec<String> = all.chunks(500).map(lines).collect();
    let cut = pieces.iter().take(45).cloned().map(Ok);
    let broken = cut.chain([Err(std::io::Error::other("the sender is gone"))]);
    let body = reqwest::Body::wrap_stream(stream::iter(broken.collect::<Vec<_>>()));
    let sent = tenant
        .client
        .request(reqwest::Method::POST, "/api/usage/events")
        .header("content-type", LINES)
        .body(body)
        .send()
        .await;
    assert!(sent.is_err(), "the sender broke it off: {sent:?}");
    let whole = reqwest::Body::wrap_stream(stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>)));
    let [accepted, duplicates, refused] = counts(send(&tenant.client, LINES, whole).await);
    assert_eq!((accepted + duplicates, refused), (25_000, 0));
    assert!(
        duplicates.is_multiple_of(10_000),
        "only whole portions were counted: {duplicates}"
    );
    assert_eq!(used(&tenant.client, "compute_time").await, 25_000.0);
    app.finish().await;
}

pub(super) async fn acme(app: &App) -> Tenant {
    app.tenant("acme", "shared_database").await
}
