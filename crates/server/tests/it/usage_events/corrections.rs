//! Events that amend or revoke earlier ones by their id.

use serde_json::json;

use super::{BATCH, ONE, acme, codes, counts, event, send, used, worth};
use crate::support::App;

#[expect(clippy::float_cmp, reason = "small whole numbers")]
#[tokio::test]
async fn what_was_reported_wrongly_is_amended_or_revoked() {
    let app = App::start().await;
    let client = acme(&app).await.client;
    let batch = json!([worth("a", 10), worth("b", 100), worth("c", 1000)]);
    assert_eq!(counts(send(&client, BATCH, batch.to_string()).await), [3, 0, 0]);
    let amends = event("a2", "compute_time", &json!({"amends": "a", "value": 1}));
    let revokes = event("b2", "compute_time", &json!({"revokes": "b"}));
    for _ in 0..2 {
        send(&client, BATCH, json!([amends, revokes]).to_string())
            .await
            .expect(202);
        assert_eq!(used(&client, "compute_time").await, 1001.0);
    }
    // What is corrected already is not corrected again; the correction can be.
    let late = json!([
        event("a3", "compute_time", &json!({"amends": "a", "value": 5})),
        event("a4", "compute_time", &json!({"amends": "a2", "value": 7})),
        event("x", "compute_time", &json!({"revokes": "nothing"})),
        event("y", "database_queries", &json!({"revokes": "c"})),
    ]);
    let receipt = send(&client, BATCH, late.to_string()).await.expect(202).json();
    let expected = [
        (0, "already_corrected"),
        (2, "unknown_original"),
        (3, "not_correctable"),
    ];
    assert_eq!(
        codes(&receipt),
        expected.map(|(place, code)| (place, code.to_owned()))
    );
    assert_eq!(used(&client, "compute_time").await, 1007.0);
    // The original came again: it stays corrected.
    assert_eq!(
        counts(send(&client, ONE, worth("b", 100).to_string()).await),
        [0, 1, 0]
    );
    assert_eq!(used(&client, "compute_time").await, 1007.0);
    app.finish().await;
}

/// A correction changes what a quota says, up and down.
#[tokio::test]
async fn a_quota_follows_what_is_reported_and_corrected() {
    let app = App::start().await;
    let tenant = acme(&app).await;
    let metric = json!({"aggregation": "max", "unit": "seats"});
    tenant
        .client
        .put("/api/usage/custom-metrics/peak", &metric)
        .await
        .expect(200);
    let limit = json!({"limit": 10, "period": "total"});
    app.admin()
        .put(&format!("/admin/tenants/{}/quotas/peak", tenant.id), &limit)
        .await
        .expect(200);
    let check = async || {
        let metrics = tenant.client.get("/api/usage/metrics").await.expect(200).json();
        let quotas = metrics["quotas"].as_array().expect("quotas").clone();
        let of_it = quotas
            .into_iter()
            .find(|quota| quota["metric"] == "peak")
            .expect("peak");
        (of_it["current"].clone(), of_it["status"].clone())
    };
    crate::support::eventually("the quota", async || {
        let metrics = tenant.client.get("/api/usage").await.expect(200).json();
        let mut quotas = metrics["quotas"].as_array().expect("quotas").iter();
        quotas.any(|quota| quota["metric"] == "peak").then_some(())
    })
    .await;
    for (id, value, expected) in [("a", 3, "ok"), ("b", 12, "critical")] {
        let sent = event(id, "peak", &json!({"value": value})).to_string();
        assert_eq!(counts(send(&tenant.client, ONE, sent).await), [1, 0, 0]);
        assert_eq!(check().await, (json!(value), json!(expected)));
    }
    let sent = event("c", "peak", &json!({"revokes": "b"})).to_string();
    assert_eq!(counts(send(&tenant.client, ONE, sent).await), [1, 0, 0]);
    assert_eq!(check().await, (json!(3), json!("ok")));
    app.finish().await;
}
