//! One charge, whatever happens on the way.

use std::time::Duration;

use testkit::{Behaviour, Mishap};

use super::stand::Stand;
use crate::payments::attempts::{self, AttemptStatus, CollectError};

#[tokio::test]
async fn a_card_that_pays_is_charged_once() {
    let stand = Stand::with_method("pm_card_visa").await;
    let attempt = stand.attempt().await;
    assert_eq!(attempt.status, AttemptStatus::Created);
    assert_eq!(stand.work().await, 0);
    let attempt = stand.read(attempt.id).await;
    assert_eq!(attempt.status, AttemptStatus::Succeeded);
    assert_eq!(stand.charged(), (1, 1099));
    assert_eq!(stand.due(attempt.invoice_id).await, 0);
    let intent = &stand.stripe.objects("payment_intents")[0];
    assert_eq!(intent["id"], *attempt.reference.expect("a reference"));
    assert_eq!(intent["currency"], "usd");
    assert_eq!(intent["metadata"]["tenantry_attempt"], attempt.id.to_string());
    for request in stand.stripe.requests() {
        assert_eq!(
            request.version.as_deref(),
            Some("2026-08-26.dahlia"),
            "{request:?}"
        );
        assert!(
            request.method == "GET" || request.idempotency_key.is_some(),
            "{request:?}"
        );
    }
}

/// Every way in which an exchange can go wrong ends in one charge.
#[tokio::test]
async fn an_exchange_that_goes_wrong_is_never_charged_twice_and_never_lost() {
    use Mishap::{BrokenAfter, Busy, LostAfter, LostBefore, Slow};
    let slow = Slow(Duration::from_millis(900));
    let cases: [&[Mishap]; 9] = [
        &[LostAfter],
        &[LostBefore],
        &[slow],
        &[Busy(429), Busy(409)],
        &[Busy(503)],
        // Patience ends, so nobody knows; the job looks it up.
        &[LostAfter, LostAfter, LostAfter],
        &[LostBefore, LostBefore, LostBefore],
        &[LostAfter, Busy(429), Busy(429), LostAfter, LostAfter, LostAfter],
        // Under the same key Stripe answers the same failure again; its list knows better.
        &[BrokenAfter],
    ];
    for mishaps in cases {
        let stand = Stand::with_method("pm_card_visa").await;
        let attempt = stand.attempt().await;
        for mishap in mishaps {
            stand.stripe.plan("/v1/payment_intents", mishap.clone());
        }
        assert_eq!(stand.work().await, 0, "{mishaps:?}");
        assert_eq!(
            stand.read(attempt.id).await.status,
            AttemptStatus::Succeeded,
            "{mishaps:?}"
        );
        assert_eq!(stand.charged(), (1, 1099), "{mishaps:?}");
        assert_eq!(stand.due(attempt.invoice_id).await, 0, "{mishaps:?}");
        let keys: Vec<_> = stand
            .stripe
            .requests()
            .into_iter()
            .filter(|request| request.method == "POST" && request.path == "/v1/payment_intents")
            .map(|request| request.idempotency_key)
            .collect();
        assert!(keys.iter().all(|key| *key == keys[0]), "{mishaps:?}: {keys:?}");
    }
}

#[tokio::test]
async fn what_stripe_did_before_it_forgot_the_key_is_found_in_its_list() {
    let stand = Stand::with_method("pm_card_visa").await;
    let attempt = stand.attempt().await;
    for _ in 0..3 {
        stand.stripe.plan("/v1/payment_intents", Mishap::LostAfter);
    }
    // Once, so that it is unknown; then a day passes before anybody looks.
    let first = tokio::time::timeout(Duration::from_secs(20), async {
        let worker = stand.work();
        tokio::pin!(worker);
        loop {
            tokio::select! {
                _ = &mut worker => break,
                () = tokio::time::sleep(Duration::from_millis(5)) => {
                    if stand.read(attempt.id).await.status == AttemptStatus::Unknown { break; }
                }
            }
        }
    });
    first.await.expect("the first try ends");
    stand.stripe.forget_keys();
    stand.db.clock().advance_seconds(25 * 3600);
    assert_eq!(stand.work().await, 0);
    assert_eq!(stand.read(attempt.id).await.status, AttemptStatus::Succeeded);
    assert_eq!(stand.charged(), (1, 1099));
}

#[tokio::test]
async fn what_stripe_never_got_fails_when_its_day_is_over() {
    let stand = Stand::with_method("pm_card_visa").await;
    let attempt = stand.attempt().await;
    stand.stripe.plan("/v1/payment_intents", Mishap::BrokenBefore);
    assert_eq!(stand.work().await, 0);
    let attempt = stand.read(attempt.id).await;
    assert_eq!(attempt.status, AttemptStatus::Failed, "{attempt:?}");
    assert_eq!(stand.charged(), (0, 0));
}

#[tokio::test]
async fn a_refusal_is_written_down_for_people() {
    let stand = Stand::new().await;
    let method = stand.add_method("pm_card_visa").await;
    for (reason, told) in [
        (
            "insufficient_funds",
            "Your card was declined (insufficient_funds).",
        ),
        // Nobody is told that his card was reported stolen.
        ("stolen_card", "The payment was declined."),
    ] {
        stand
            .stripe
            .behave(&method, Behaviour::Declines(reason.to_owned()));
        let attempt = stand.attempt().await;
        assert_eq!(stand.work().await, 0);
        let attempt = stand.read(attempt.id).await;
        assert_eq!(attempt.status, AttemptStatus::Declined);
        assert_eq!(attempt.code.as_deref(), Some("card_declined"));
        assert_eq!(attempt.decline_code.as_deref(), Some(reason));
        assert_eq!(attempt.message.as_deref(), Some(told));
        assert!(attempt.reference.is_some() && attempt.settled_at.is_some());
    }
    assert_eq!(stand.stripe.taken(), 0);
}

#[tokio::test]
async fn an_invoice_has_one_open_attempt() {
    let stand = Stand::with_method("pm_card_authenticationRequired").await;
    let invoice = stand.invoice().await.id;
    let waiting = stand.attempt_for(invoice).await.expect("the first");
    assert!(matches!(
        stand.attempt_for(invoice).await,
        Err(CollectError::AlreadyOpen)
    ));
    assert_eq!(stand.work().await, 0);
    assert_eq!(stand.read(waiting.id).await.status, AttemptStatus::RequiresAction);
    assert!(matches!(
        stand.attempt_for(invoice).await,
        Err(CollectError::AlreadyOpen)
    ));
    let mut tx = stand.tx().await;
    attempts::call_off(&mut tx, stand.tenant, invoice)
        .await
        .expect("called off");
    tx.commit().await.expect("committed");
    assert_eq!(stand.work().await, 0);
    assert_eq!(stand.read(waiting.id).await.status, AttemptStatus::Canceled);
    assert_eq!(stand.stripe.objects("payment_intents")[0]["status"], "canceled");
    stand.attempt_for(invoice).await.expect("the next");
}

#[tokio::test]
async fn what_is_called_off_before_it_was_asked_for_is_never_asked_for() {
    let stand = Stand::with_method("pm_card_visa").await;
    let attempt = stand.attempt().await;
    let mut tx = stand.tx().await;
    attempts::call_off(&mut tx, stand.tenant, attempt.invoice_id)
        .await
        .expect("called off");
    tx.commit().await.expect("committed");
    assert_eq!(stand.work().await, 0);
    assert_eq!(stand.read(attempt.id).await.status, AttemptStatus::Canceled);
    assert_eq!(stand.charged(), (0, 0));
}

#[tokio::test]
async fn nobody_is_charged_without_a_customer_or_a_method() {
    let stand = Stand::new().await;
    assert!(matches!(
        stand.attempt_for(stand.invoice().await.id).await,
        Err(CollectError::Uncollectible)
    ));
    stand.customer().await;
    assert!(matches!(
        stand.attempt_for(stand.invoice().await.id).await,
        Err(CollectError::NoMethod)
    ));
    assert_eq!(stand.stripe.objects("customers").len(), 1);
}

#[tokio::test]
async fn a_customer_is_made_once_whoever_asks_and_whatever_gets_lost() {
    let stand = Stand::new().await;
    stand.stripe.plan("/v1/customers", Mishap::LostAfter);
    let made = futures_util::future::join_all((0..8).map(|_| stand.customer())).await;
    assert!(made.iter().all(|customer| *customer == made[0]), "{made:?}");
    assert_eq!(stand.stripe.objects("customers").len(), 1);
}

#[tokio::test]
async fn a_key_that_is_refused_charges_nobody_and_loses_nothing() {
    let stand = Stand::with_method("pm_card_visa").await;
    let attempt = stand.attempt().await;
    stand.stripe.plan("/v1/payment_intents", Mishap::Busy(401));
    assert_eq!(stand.work().await, 0);
    assert_eq!(stand.read(attempt.id).await.status, AttemptStatus::Succeeded);
    assert_eq!(stand.charged(), (1, 1099));
}
