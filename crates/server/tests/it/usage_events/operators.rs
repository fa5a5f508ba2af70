//! Usage that operators report, of one tenant or of many.

use serde_json::{Value, json};

use super::{BATCH, LINES, ONE, codes, counts, lines, used, worth};
use crate::support::App;

fn of(tenant: &str, mut event: Value) -> Value {
    event["subject"] = json!(tenant);
    event
}

#[expect(clippy::float_cmp, reason = "small whole numbers")]
#[tokio::test]
async fn each_event_counts_for_the_tenant_that_it_names() {
    let app = App::start().await;
    let (one, two) = (
        app.tenant("one", "shared_database").await,
        app.tenant("two", "database_per_tenant").await,
    );
    let admin = app.admin();
    let batch = json!([
        of(&one.id, worth("a", 1)),
        worth("lost", 1),
        of(&two.id, worth("a", 10)),
        of("tenant_01h455vb4pex5vsknk084sn02q", worth("a", 100)),
        of("nonsense", worth("n", 1000)),
        of(
            &one.id,
            json!({"specversion": "1.0", "id": "bad", "source": "/test", "type": "no_such"})
        ),
        of(&one.id, worth("b", 2)),
    ])
    .to_string();
    let keyed = admin.with("idempotency-key", "first");
    for _ in 0..2 {
        let reply = keyed.upload("/admin/usage/events", BATCH, batch.clone()).await;
        let receipt = reply.expect(202).json();
        let unknown = |place| (place, "unknown_tenant".to_owned());
        let expected = [
            unknown(1),
            unknown(3),
            unknown(4),
            (5, "unknown_metric".to_owned()),
        ];
        assert_eq!(codes(&receipt), expected);
        assert_eq!(receipt["accepted"], 3, "{receipt}");
        assert_eq!(receipt["errors"][3]["id"], "bad");
    }
    let again = admin.upload("/admin/usage/events", BATCH, batch).await;
    assert_eq!(counts(again), [0, 3, 4]);
    // The tenant of those that name none.
    let path = format!("/admin/usage/events?tenantId={}", two.id);
    let stream = lines(&[worth("c", 20), of(&one.id, worth("c", 4))]);
    assert_eq!(counts(admin.upload(&path, LINES, stream).await), [2, 0, 0]);
    let path = format!("/admin/tenants/{}/usage/events", one.id);
    assert_eq!(
        counts(admin.upload(&path, ONE, worth("d", 8).to_string()).await),
        [1, 0, 0]
    );
    admin
        .upload(&path, ONE, of(&two.id, worth("e", 1)).to_string())
        .await
        .refused(422, "validation_failed");
    assert_eq!(used(&one.client, "compute_time").await, 15.0);
    assert_eq!(used(&two.client, "compute_time").await, 30.0);
    app.finish().await;
}
