//! Metrics that a tenant declares.

use kernel::Seams;
use serde_json::json;

use super::{BATCH, codes, counts, days_ago, event, send, used};
use crate::support::App;

/// One and a later one: just now, or where the month has only begun, in a moment.
fn two_times_this_month() -> [String; 2] {
    let month = |time: &str| time[..7].to_owned();
    let before = [days_ago(0, -60), days_ago(0, -30)];
    if month(&before[0]) == month(&Seams::real().now().to_string()) {
        before
    } else {
        [days_ago(0, 30), days_ago(0, 60)]
    }
}

/// The six ways in which events become one number.
#[expect(clippy::float_cmp, reason = "small numbers")]
#[tokio::test]
async fn a_tenants_own_metrics_are_counted_as_they_are_declared() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let client = &tenant.client;
    let data = [
        ("count", json!({}), json!({}), 2.0),
        ("sum", json!({"value": 1.5}), json!({"value": 2}), 3.5),
        ("max", json!({"value": 7}), json!({"value": 3}), 7.0),
        ("last", json!({"value": 7}), json!({"value": 3}), 3.0),
        ("unique", json!({"member": "m1"}), json!({"member": "m1"}), 1.0),
        (
            "weighted_sum",
            json!({"value": 2, "weight": 1.5}),
            json!({"value": 4}),
            7.0,
        ),
    ];
    let times = two_times_this_month();
    for (aggregation, one, two, number) in data {
        let name = format!("own_{aggregation}");
        let path = format!("/api/usage/custom-metrics/{name}");
        let order = json!({"aggregation": aggregation, "unit": "things", "dimensions": ["model"]});
        let declared = client.put(&path, &order).await.expect(200).json();
        assert_eq!(declared["aggregation"], aggregation);
        let mut events = [
            event(&format!("{name}-1"), &name, &one),
            event(&format!("{name}-2"), &name, &two),
        ];
        for (event, time) in events.iter_mut().zip(&times) {
            event["time"] = json!(time);
        }
        assert_eq!(
            counts(send(client, BATCH, json!(events).to_string()).await),
            [2, 0, 0],
            "{name}"
        );
        assert_eq!(used(client, &name).await, number, "{name}");
    }
    let listed = client.get("/api/usage/custom-metrics").await.expect(200).json();
    assert_eq!(listed["items"].as_array().expect("items").len(), 6);
    app.finish().await;
}

#[tokio::test]
async fn a_metric_keeps_its_meaning() {
    let app = App::start().await;
    let tenant = app.tenant("acme", "shared_database").await;
    let client = &tenant.client;
    let path = "/api/usage/custom-metrics/own_sum";
    let order = json!({"aggregation": "sum", "unit": "things", "dimensions": ["model"]});
    client.put(path, &order).await.expect(200);
    let other = json!({"aggregation": "max", "unit": "things", "dimensions": ["model"]});
    client.put(path, &other).await.refused(409, "conflict");
    let fewer = json!({"aggregation": "sum", "unit": "things"});
    client.put(path, &fewer).await.refused(409, "conflict");
    for (name, order, pointer) in [
        ("api_calls", json!({"aggregation": "sum", "unit": "x"}), "/name"),
        ("Upper", json!({"aggregation": "sum", "unit": "x"}), "/name"),
        ("x", json!({"aggregation": "sum", "unit": ""}), "/unit"),
        ("x", json!({"aggregation": "median", "unit": "x"}), "/aggregation"),
        (
            "x",
            json!({"aggregation": "sum", "unit": "x", "dimensions": ["a", "b", "c", "d", "e", "f", "g", "h", "i"]}),
            "/dimensions",
        ),
        (
            "x",
            json!({"aggregation": "sum", "unit": "x", "series": 0}),
            "/series",
        ),
        (
            "x",
            json!({"aggregation": "sum", "unit": "x", "colour": "red"}),
            "/colour",
        ),
    ] {
        let path = format!("/api/usage/custom-metrics/{name}");
        let refusal = client.put(&path, &order).await.refused(422, "validation_failed");
        assert_eq!(refusal["errors"][0]["pointer"], pointer, "{refusal}");
    }
    client.delete(path).await.expect(204);
    client.delete(path).await.refused(404, "not_found");
    let gone = json!([event("late", "own_sum", &json!({"value": 1}))]);
    let receipt = send(client, BATCH, gone.to_string()).await.expect(202).json();
    assert_eq!(codes(&receipt), [(0, "unknown_metric".to_owned())]);
    app.finish().await;
}
