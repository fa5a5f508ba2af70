//! The payment provider's books beside ours, over HTTP.

use serde_json::{Value, json};
use testkit::FakeStripe;

use crate::payment_methods::collecting;
use crate::support::{App, eventually};

const PATH: &str = "/admin/billing/reconciliation";

#[tokio::test]
async fn an_operator_has_the_books_compared_and_reads_what_differs() {
    let stripe = FakeStripe::start().await;
    let app = collecting(&stripe).await;
    let admin = app.admin();
    // The day's own comparison, which every start is followed by.
    completed(&app, |_| true).await;
    // In a second that has passed: Stripe counts in seconds.
    stripe.put("payment_intents", json!({
        "id": "pi_foreign", "object": "payment_intent", "amount": 500, "amount_received": 500, "currency": "usd",
        "status": "succeeded", "created": kernel::Seams::real().now().as_micros() / 1_000_000 - 60, "metadata": {},
    }));
    let ordered = admin.post(PATH, &json!({})).await.expect(202);
    assert_eq!(ordered.header("location"), PATH);
    let found = completed(&app, |latest| latest["id"] == ordered.text("/id")).await;
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

/// The latest comparison, once it is the one that is meant, and over.
async fn completed(app: &App, is_meant: impl Fn(&Value) -> bool) -> Value {
    let admin = app.admin();
    eventually("the comparison", async || {
        let reply = admin.get(PATH).await;
        let over = reply.status == 200 && reply.text("/status") == "completed";
        over.then(|| reply.json()).filter(&is_meant)
    })
    .await
}

#[tokio::test]
async fn without_a_provider_there_is_nothing_to_compare() {
    let app = App::start().await;
    app.admin().get(PATH).await.refused(404, "not_found");
    app.admin()
        .post(PATH, &json!({}))
        .await
        .refused(409, "provider_unsupported");
    app.finish().await;
}
