//! A burst of the payment provider's webhooks: each is answered when it is durable, while others are being applied.

use std::fmt::Write;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use kernel::Seams;
use serde_json::{Value, json};
use testkit::FakeStripe;

use crate::client::Client;
use crate::measure::Samples;
use crate::stage::Stage;

/// At one time, as Stripe does it about.
const CONNECTIONS: usize = 8;
const OBJECTS: usize = 250;
const STATUSES: [&str; 4] = ["active", "past_due", "active", "canceled"];
const SECRET: &str = "whsec_bench";
/// Milliseconds within which 99 of 100 are to be answered.
const TARGET: f64 = 50.0;

/// Measures on a server of its own.
pub(crate) async fn measure(stage: &Stage, scale: usize) -> Result<String> {
    let stripe = FakeStripe::start().await;
    let settings = [
        ("stripe.secret_key", "sk_test_bench"),
        ("stripe.webhook_secret", SECRET),
        ("stripe.base_url", &stripe.base()),
    ];
    let served = stage.serve_with("webhooks", &settings).await?;
    let (tenant, _) = served.provision("payer", "shared_database").await?;
    let client = served.tenant_client(&tenant).await?;
    client.post("/api/payment-methods/setup", &json!({})).await?;
    served.settle().await?;
    let events = lived(&stripe, OBJECTS / scale);
    // What connects and compiles statements is not the burst.
    let warm: Vec<Value> = events.iter().take(CONNECTIONS * 4).cloned().collect();
    deliver(&stripe, &served.admin, &warm).await?;
    let twice = shuffled([events.clone(), events].concat());
    let answered = deliver(&stripe, &served.admin, &twice).await?;
    served.settle().await?;
    let ended: i64 =
        sqlx::query_scalar("select count(*) from control.provider_objects where status = 'canceled'")
            .fetch_one(&mut served.plain_connection().await?)
            .await?;
    ensure!(
        usize::try_from(ended)? == OBJECTS / scale,
        "only {ended} subscriptions are what they are at Stripe"
    );
    served.end().await?;
    table(&answered)
}

/// Subscriptions that change four times each; answers the events that tell of it.
fn lived(stripe: &FakeStripe, objects: usize) -> Vec<Value> {
    let customer = stripe.objects("customers")[0]["id"].clone();
    let before = stripe.events().len();
    for object in 0..objects {
        let id = format!("sub_{object:04}");
        stripe.put(
            "subscriptions",
            json!({"id": id, "object": "subscription", "customer": customer, "status": "incomplete"}),
        );
        for status in STATUSES {
            stripe.change("subscriptions", &id, "customer.subscription.updated", |one| {
                one["status"] = status.into();
            });
        }
    }
    stripe.events().split_off(before)
}

/// Each connection one after the other.
async fn deliver(stripe: &FakeStripe, client: &Client, events: &[Value]) -> Result<Samples> {
    let connection = |first: usize| async move {
        let mut took = Vec::new();
        for event in events.iter().skip(first).step_by(CONNECTIONS) {
            let (body, header) = stripe.signed(event, &[SECRET]);
            took.push(client.post_signed("/webhooks/stripe", body, &header).await?.took);
        }
        anyhow::Ok(took)
    };
    let mut all = Samples::new();
    for took in try_join_all((0..CONNECTIONS).map(connection)).await?.concat() {
        all.add_time(took);
    }
    Ok(all)
}

fn shuffled(mut events: Vec<Value>) -> Vec<Value> {
    let seams = Seams::real();
    for place in (1..events.len()).rev() {
        let chance = u64::from_be_bytes(seams.random());
        let other = usize::try_from(chance % (place as u64 + 1)).unwrap_or(place);
        events.swap(place, other);
    }
    events
}

fn table(answered: &Samples) -> Result<String> {
    let p99 = answered.percentile(99);
    let verdict = if p99 < TARGET { "met" } else { "missed" };
    let mut text = String::from("| measured | p50 | p99 | most | target | |\n|---|---|---|---|---|---|\n");
    writeln!(
        text,
        "| {} webhooks over {CONNECTIONS} connections, half of them known | {:.2} ms | **{p99:.2} ms** | {:.2} ms | p99 < 50 ms | **{verdict}** |",
        answered.all().len(),
        answered.median(),
        answered.most()
    )?;
    Ok(text)
}
