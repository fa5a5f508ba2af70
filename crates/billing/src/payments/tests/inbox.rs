//! Webhooks: believed, stored once, and applied to the same end in any order and any number.

use isolation::Tx;
use kernel::Rng as _;
use kernel::seams::SystemRng;
use serde_json::{Value, json};
use testkit::{Behaviour, signature};

use super::stand::{SECRET, Stand};
use crate::fixture::{assert_sound, usd};
use crate::payments::inbox::{ReceiveError, Received, receive};
use crate::payments::refunds;
use crate::stripe::BadSignature;

async fn deliver(stand: &Stand, event: &Value) -> Result<Received, ReceiveError> {
    let (body, header) = stand.stripe.signed(event, &["whsec_other", SECRET]);
    receive(&stand.payments, Some(&header), body.as_bytes()).await
}

/// What is written down, without what differs from run to run.
async fn written(stand: &Stand) -> Value {
    let mut tx = stand.tx().await;
    let text: Vec<String> = sqlx::query_scalar(
        "select concat_ws(' ', 'payment', reference, status, amount, code, decline_code) from control.payment_attempts
         union all select concat_ws(' ', 'refund', reference, status, amount) from control.refunds
         union all select concat_ws(' ', 'dispute', reference, status, amount) from control.disputes
         union all select concat_ws(' ', 'method', reference, label, removed_at is null) from control.payment_methods
         union all select concat_ws(' ', kind, reference, status) from control.provider_objects
         union all select concat_ws(' ', account, amount) from control.ledger_balances
         order by 1",
    )
    .fetch_all(tx.conn())
    .await
    .expect("read");
    assert_sound(&mut tx).await;
    json!(text)
}

/// One of so many, by chance.
fn chance(of: usize) -> usize {
    let mut bytes = [0_u8; 8];
    SystemRng.fill(&mut bytes);
    usize::try_from(u64::from_be_bytes(bytes) % of as u64).expect("small")
}

/// In any order, and each one to three times.
fn as_they_may_come(events: &[Value]) -> Vec<Value> {
    let repeated = events
        .iter()
        .flat_map(|event| std::iter::repeat_n(event, 1 + chance(3)));
    let mut events: Vec<Value> = repeated.cloned().collect();
    for place in (1..events.len()).rev() {
        events.swap(place, chance(place + 1));
    }
    events
}

/// A life at Stripe that our jobs saw the beginning of only: payers who confirm, banks that bounce, refunds and disputes
/// that were made there, methods that come and go, a subscription that nobody here made.
async fn lived() -> Stand {
    let stand = Stand::new().await;
    let method = stand.add_method("pm_card_visa").await;
    let mut payments = Vec::new();
    for behaviour in [
        Behaviour::Pays,
        Behaviour::TakesTime,
        Behaviour::TakesTime,
        Behaviour::NeedsAction,
        Behaviour::Declines("insufficient_funds".to_owned()),
    ] {
        stand.stripe.behave(&method, behaviour);
        let attempt = stand.attempt().await.id;
        stand.work().await;
        payments.push(stand.read(attempt).await.reference.expect("a reference"));
    }
    let [paid, debit, bounced, confirmed, _] = &*payments else {
        unreachable!("five")
    };
    stand.stripe.confirm(debit);
    stand.stripe.bounce(bounced);
    stand.stripe.confirm(confirmed);
    let dispute = stand.stripe.contest(debit, "fraudulent");
    stand.stripe.decide(&dispute, "lost");
    stand.stripe.contest(confirmed, "product_not_received");
    let customer = stand.customer().await;
    stand.stripe.put(
        "subscriptions",
        json!({"id": "sub_1", "object": "subscription", "customer": customer, "status": "active"}),
    );
    stand.stripe.change(
        "subscriptions",
        "sub_1",
        "customer.subscription.updated",
        |subscription| {
            subscription["status"] = "canceled".into();
        },
    );
    refunded_there(&stand, paid).await;
    stand.stripe.change(
        "payment_methods",
        &method,
        "payment_method.automatically_updated",
        |method| {
            method["card"]["last4"] = "1881".into();
        },
    );
    stand
}

/// Somebody refunds in Stripe's dashboard, and the bank sends it back later.
async fn refunded_there(stand: &Stand, payment: &str) {
    let body = format!("payment_intent={payment}&amount=300");
    #[expect(
        clippy::disallowed_methods,
        reason = "somebody else calls the Stripe that this test has started"
    )]
    let dashboard = reqwest::Client::new();
    let refund: Value = serde_json::from_slice(
        &dashboard
            .post(format!("{}/v1/refunds", stand.stripe.base()))
            .header("authorization", "Bearer sk_test_dashboard")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .expect("sent")
            .bytes()
            .await
            .expect("read"),
    )
    .expect("a refund");
    let id = refund["id"].as_str().expect("an id").to_owned();
    stand.stripe.change("refunds", &id, "refund.updated", |refund| {
        refund["status"] = "failed".into();
    });
}

#[tokio::test]
async fn any_order_and_any_number_end_in_the_same_state() {
    let stand = lived().await;
    for event in stand.stripe.events() {
        assert_eq!(deliver(&stand, &event).await.expect("taken"), Received::New);
    }
    assert_eq!(stand.work().await, 0);
    let in_order = written(&stand).await;
    let text = in_order.to_string();
    for part in [
        "lost",
        "needs_response",
        "refund re_",
        "failed 300",
        "sub_1 canceled",
        "visa •••• 1881",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for round in 0..crate::histories::histories() / 20 {
        let stand = lived().await;
        let events = stand.stripe.events();
        let come = as_they_may_come(&events);
        // One after the other, and all at once.
        let delivered = if round % 2 == 0 {
            let mut delivered = Vec::new();
            for event in &come {
                delivered.push(deliver(&stand, event).await);
            }
            delivered
        } else {
            futures_util::future::join_all(come.iter().map(|event| deliver(&stand, event))).await
        };
        let new = delivered
            .iter()
            .filter(|received| matches!(received, Ok(Received::New)))
            .count();
        assert_eq!(new, events.len());
        assert_eq!(stand.work().await, 0);
        assert_eq!(written(&stand).await, in_order);
    }
}

#[tokio::test]
async fn what_nothing_here_knows_is_kept_and_not_failed() {
    let stand = Stand::new().await;
    let event = |kind: &str, livemode: bool, id: &str| {
        json!({
            "id": format!("evt_{id}"), "object": "event", "type": kind, "created": 1_767_225_600, "livemode": livemode,
            "api_version": "2026-08-26.dahlia", "data": {"object": {"id": id, "object": "x"}},
        })
    };
    for (kind, livemode, id) in [
        ("treasury.something.new", false, "x_1"),
        ("payment_intent.succeeded", true, "pi_1"),
        ("payment_intent.succeeded", false, "pi_gone"),
        ("charge.succeeded", false, "ch_1"),
    ] {
        deliver(&stand, &event(kind, livemode, id)).await.expect("taken");
    }
    assert_eq!(stand.work().await, 0);
    let mut tx = stand.tx().await;
    let notes: Vec<(String, String)> =
        sqlx::query_as("select status, note from control.provider_events order by reference")
            .fetch_all(tx.conn())
            .await
            .expect("read");
    let expected = [
        "the payment's own events tell it",
        "it is of the other mode: test or live",
        "the provider does not have it any more",
        "nothing here knows this type",
    ];
    assert_eq!(notes.len(), 4);
    for ((status, note), expected) in notes.iter().zip(expected) {
        assert_eq!((&**status, &**note), ("ignored", expected));
    }
}

#[tokio::test]
async fn what_is_not_signed_is_not_stored() {
    let stand = Stand::new().await;
    let event = json!({"id": "evt_1", "type": "x", "created": 1, "livemode": false, "data": {"object": {}}})
        .to_string();
    let ctx = stand.db.system();
    let now = ctx.seams().now().as_micros() / 1_000_000;
    let wrong = signature(&event, &["whsec_wrong"], now);
    let old = signature(&event, &[SECRET], now - 400);
    let good = signature("[]", &[SECRET], now);
    for (header, body) in [
        (Some(&wrong), &*event),
        (Some(&old), &event),
        (None, &event),
        (Some(&good), "[]"),
    ] {
        let refused = receive(&stand.payments, header.map(|header| &**header), body.as_bytes()).await;
        assert!(
            matches!(refused, Err(ReceiveError::Signature(_) | ReceiveError::NoEvent)),
            "{header:?}: {refused:?}"
        );
    }
    let wrong = receive(&stand.payments, Some(&wrong), event.as_bytes()).await;
    assert!(matches!(wrong, Err(ReceiveError::Signature(BadSignature::Wrong))));
    let stored: i64 = sqlx::query_scalar("select count(*) from control.provider_events")
        .fetch_one(stand.tx().await.conn())
        .await
        .expect("read");
    assert_eq!(stored, 0);
}

/// A payment whose metadata somebody copied, and one over another amount, are not ours.
#[tokio::test]
async fn a_payment_that_was_not_ordered_pays_nothing() {
    let stand = Stand::with_method("pm_card_authenticationRequired").await;
    let attempt = stand.attempt().await;
    stand.work().await;
    let reference = stand.read(attempt.id).await.reference.expect("a reference");
    let mut copied = stand.stripe.object("payment_intents", &reference);
    copied["id"] = "pi_copied".into();
    copied["status"] = "succeeded".into();
    stand.stripe.put("payment_intents", copied);
    stand
        .stripe
        .change("payment_intents", "pi_copied", "payment_intent.succeeded", |_| {});
    stand.stripe.change(
        "payment_intents",
        &reference,
        "payment_intent.succeeded",
        |intent| {
            intent["status"] = "succeeded".into();
            intent["amount"] = 1.into();
        },
    );
    for event in stand.stripe.events() {
        deliver(&stand, &event).await.expect("taken");
    }
    assert_eq!(stand.work().await, 0);
    assert!(stand.read(attempt.id).await.status.is_open());
}

/// Our own refund, told by a webhook before its own job has heard of it.
#[tokio::test]
async fn a_refund_is_known_by_the_name_that_we_gave_it() {
    let stand = Stand::with_method("pm_card_visa").await;
    let payment = stand.attempt().await.id;
    stand.work().await;
    let id = stand.refund(payment, usd(500)).await.expect("asked");
    stand.work().await;
    for event in stand.stripe.events() {
        deliver(&stand, &event).await.expect("taken");
    }
    assert_eq!(stand.work().await, 0);
    let known = refunds::of_payment(&mut stand.tx().await, payment)
        .await
        .expect("read");
    assert_eq!(known.iter().map(|refund| refund.id).collect::<Vec<_>>(), [id]);
}
