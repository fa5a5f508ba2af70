//! What Stripe tells us: believed by its signature, answered at once, applied once.

use std::time::{Duration, Instant};

use kernel::Seams;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{FakeStripe, signature};

use crate::payment_methods::collecting;
use crate::support::{App, Client, Reply};

/// At one time, as Stripe does it about.
const AT_ONCE: usize = 8;
/// Objects, and how often each changes.
const OBJECTS: usize = 250;
const CHANGES: usize = 4;

async fn deliver(nobody: &Client, body: &str, header: &str) -> Reply {
    let nobody = nobody.with("stripe-signature", header);
    nobody
        .send_bytes(
            Method::POST,
            "/webhooks/stripe",
            "application/json",
            body.to_owned(),
        )
        .await
}

fn now() -> i64 {
    Seams::real().now().as_micros() / 1_000_000
}

#[tokio::test]
async fn only_stripe_is_heard() {
    let stripe = FakeStripe::start().await;
    let app = collecting(&stripe).await;
    let nobody = app.nobody();
    let event = json!({
        "id": "evt_1", "object": "event", "type": "nobody.knows", "created": now(), "livemode": false, "data": {"object": {}},
    })
    .to_string();
    for secret in ["whsec_old", "whsec_new"] {
        let header = signature(&event, &["whsec_gone", secret], now());
        deliver(&nobody, &event, &header).await.expect(200);
    }
    let changed = event.replace("evt_1", "evt_2");
    for (body, header) in [
        (&event, signature(&event, &["whsec_other"], now())),
        (&event, signature(&event, &["whsec_new"], now() - 301)),
        (&event, signature(&event, &["whsec_new"], now() + 302)),
        (&changed, signature(&event, &["whsec_new"], now())),
        (&event, "t=1".to_owned()),
    ] {
        deliver(&nobody, body, &header)
            .await
            .refused(400, "invalid_signature");
    }
    nobody
        .post("/webhooks/stripe", &json!({}))
        .await
        .refused(400, "invalid_signature");
    let large = "x".repeat((1 << 20) + 1);
    let header = signature(&large, &["whsec_new"], now());
    deliver(&nobody, &large, &header)
        .await
        .refused(413, "payload_too_large");
    let header = signature("nothing", &["whsec_new"], now());
    deliver(&nobody, "nothing", &header)
        .await
        .refused(400, "malformed_request");
    app.finish().await;
}

#[tokio::test]
async fn without_a_secret_nothing_is_heard() {
    let app = App::start().await;
    let header = signature("{}", &["whsec_new"], now());
    deliver(&app.nobody(), "{}", &header)
        .await
        .refused(404, "not_found");
    app.finish().await;
}

/// What the tenant's subscriptions at Stripe are, as far as was heard.
async fn heard(app: &App) -> Vec<String> {
    sqlx::query_scalar(
        "select concat_ws(' ', reference, status) from control.provider_objects order by reference",
    )
    .fetch_all(&mut app.superuser().await)
    .await
    .expect("read")
}

/// A thousand events, shuffled and doubled: every one is answered at once and stored once, and the end is that of the last
/// of them. How fast they were answered is printed.
#[tokio::test]
async fn a_burst_is_answered_at_once_and_settles_to_what_is() {
    let stripe = FakeStripe::start().await;
    let app = collecting(&stripe).await;
    let tenant = app.tenant("acme", "shared_database").await;
    let setup = tenant
        .client
        .post("/api/payment-methods/setup", &json!({}))
        .await
        .expect(200);
    assert!(!setup.text("/reference").is_empty());
    let customer = stripe.objects("customers")[0]["id"].clone();
    let before = stripe.events().len();
    for object in 0..OBJECTS {
        let id = format!("sub_{object:04}");
        stripe.put(
            "subscriptions",
            json!({"id": id, "object": "subscription", "customer": customer, "status": "incomplete"}),
        );
        for status in ["active", "past_due", "active", "canceled"] {
            stripe.change("subscriptions", &id, "customer.subscription.updated", |one| {
                one["status"] = status.into();
            });
        }
    }
    let events = stripe.events().split_off(before);
    assert_eq!(events.len(), OBJECTS * CHANGES);
    let twice = shuffled([events.clone(), events].concat());
    let nobody = app.nobody();
    let mut times = Vec::new();
    for share in twice.chunks(AT_ONCE) {
        let answered = share.iter().map(async |event| {
            let (body, header) = stripe.signed(event, &["whsec_new"]);
            let began = Instant::now();
            deliver(&nobody, &body, &header).await.expect(200);
            began.elapsed()
        });
        times.extend(futures_util::future::join_all(answered).await);
    }
    app.settle().await;
    times.sort_unstable();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!(
        "{} webhooks: half within {p50:?}, 99 of 100 within {p99:?}",
        times.len()
    );
    assert!(
        p99 < Duration::from_secs(5),
        "an answer waits for what it has not to wait for: {p99:?}"
    );
    let expected: Vec<String> = (0..OBJECTS)
        .map(|object| format!("sub_{object:04} canceled"))
        .collect();
    assert_eq!(heard(&app).await, expected);
    let stored: i64 =
        sqlx::query_scalar("select count(*) from control.provider_events where status = 'applied'")
            .fetch_one(&mut app.superuser().await)
            .await
            .expect("read");
    assert_eq!(usize::try_from(stored), Ok(OBJECTS * CHANGES));
    app.finish().await;
}

fn shuffled(mut events: Vec<Value>) -> Vec<Value> {
    let seams = Seams::real();
    for place in (1..events.len()).rev() {
        let chance = u64::from_be_bytes(seams.random());
        events.swap(
            place,
            usize::try_from(chance % (place as u64 + 1)).expect("small"),
        );
    }
    events
}
