//! The payment provider's books beside ours, over HTTP.

use serde_json::json;
use testkit::FakeStripe;

use crate::payment_methods::collecting;
use crate::support::{App, eventually};

const PATH: &str = "/admin/billing/reconciliation";

#[tokio::test]
async fn an_operator_has_the_books_compared_and_reads_what_differs() {
    let stripe = FakeStripe::start().await;
    let app = collecting(&stripe).await;
    let admin = app.admin();
    admin.get(PATH).await.refused(404, "not_found");
    // In a second that has passed: Stripe counts in seconds.
    stripe.put("payment_intents", json!({
        "id": "pi_foreign", "object": "payment_intent", "amount": 500, "amount_received": 500, "currency": "usd",
        "status": "succeeded", "created": kernel::Seams::real().now().as_micros() / 1_000_000 - 60, "metadata": {},
    }));
    let ordered = admin.post(PATH, &json!({})).await.expect(202);
    assert_eq!(ordered.header("location"), PATH);
    let found = eventually("the comparison", async || {
        let reply = admin.get(PATH).await;
        (reply.status == 200 && reply.text("/status") == "completed").then(|| reply.json())
    })
    .await;
    assert_eq!(found["id"], ordered.text("/id"));
    assert_eq!(found["differences"], 1);
    let difference =
        json!({"kind": "missing_here", "object": "payment", "reference": "pi_foreign", "theirs": "500 USD"});
    assert_eq!(found["items"], json!([difference]));
    let trail = admin
        .get("/admin/audit?eventType=billing.reconciliation_differs")
        .await
        .expect(200)
        .json();
    assert_eq!(trail["items"].as_array().map(Vec::len), Some(1), "{trail}");
    app.finish().await;
}

#[tokio::test]
async fn without_a_provider_there_is_nothing_to_compare() {
    let app = App::start().await;
    app.admin()
        .post(PATH, &json!({}))
        .await
        .refused(409, "provider_unsupported");
    app.finish().await;
}
