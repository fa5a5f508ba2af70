//! What a tenant can pay with.

use super::stand::{Stand, fresh};
use crate::payments::methods::{self, MethodError, NewMethod};
use crate::providers::ledger::ByHand;
use crate::providers::{Failure, ProviderKind};

#[tokio::test]
async fn the_first_is_the_default_and_there_is_always_one() {
    let stand = Stand::new().await;
    stand.add_method("pm_card_visa").await;
    stand.add_method("pm_card_mastercard").await;
    let mut tx = stand.tx().await;
    let listed = methods::list(&mut tx, stand.tenant).await.expect("listed");
    let shown: Vec<_> = listed
        .iter()
        .map(|method| (&*method.label, method.is_default))
        .collect();
    assert_eq!(shown, [("visa •••• 4242", true), ("mastercard •••• 4242", false)]);
    let (first, second) = (listed[0].id, listed[1].id);
    assert!(
        methods::make_default(&mut tx, stand.tenant, second)
            .await
            .expect("chosen")
            .is_default
    );
    methods::remove(&mut tx, stand.tenant, second)
        .await
        .expect("removed");
    let left = methods::list(&mut tx, stand.tenant).await.expect("listed");
    assert!(
        left.len() == 1 && left[0].id == first && left[0].is_default,
        "{left:?}"
    );
    assert!(matches!(
        methods::remove(&mut tx, stand.tenant, second).await,
        Err(MethodError::NotFound)
    ));
}

#[tokio::test]
async fn what_stripe_does_not_know_cannot_be_added() {
    let stand = Stand::new().await;
    let customer = stand.customer().await;
    for unknown in ["pm_nobody", "pm_x/../customers", "pm_x?a=b"] {
        let subject = fresh().to_string();
        let refused = methods::attach(&stand.payments, stand.tenant, &customer, unknown, &subject).await;
        let error = refused.expect_err("refused");
        assert!(
            matches!(error, crate::payments::PaymentsError::Provider(Failure::NotFound)),
            "{unknown}: {error:?}"
        );
    }
}

#[tokio::test]
async fn another_tenants_method_stays_his() {
    let stand = Stand::with_method("pm_card_visa").await;
    let reference = stand.stripe.objects("payment_methods")[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let stranger = stand
        .db
        .tenant(isolation::IsolationStrategy::SharedDatabase)
        .await
        .tenant_id();
    let customer = stand.customer().await;
    let attached = methods::attach(&stand.payments, stranger, &customer, &reference, "x")
        .await
        .expect("Stripe does it");
    let mut tx = stand.tx().await;
    let refused = methods::keep(&mut tx, stranger, attached, true).await;
    assert!(
        matches!(refused, Err(MethodError::ForSomebodyElse)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_method_that_is_gone_at_stripe_can_be_removed_here() {
    let stand = Stand::with_method("pm_card_visa").await;
    let method = methods::list(&mut stand.tx().await, stand.tenant)
        .await
        .expect("listed")
        .remove(0);
    let reference = method.reference.clone().expect("a reference");
    stand.stripe.change(
        "payment_methods",
        &reference,
        "payment_method.detached",
        |method| {
            method["customer"] = serde_json::Value::Null;
        },
    );
    methods::detach(&stand.payments, stand.tenant, &method)
        .await
        .expect("it is gone already");
}

#[tokio::test]
async fn without_a_provider_a_method_is_a_note() {
    let stand = Stand::new().await;
    let mut tx = stand.tx().await;
    let new = NewMethod {
        reference: None,
        kind: Some(ByHand::BankTransfer),
        label: None,
        default: false,
    };
    let noted = methods::add_by_hand(&mut tx, ProviderKind::Ledger, stand.tenant, new)
        .await
        .expect("noted");
    assert!(
        noted.is_default && noted.kind == "bank_transfer" && noted.label == "bank transfer",
        "{noted:?}"
    );
    let events = {
        tx.commit().await.expect("committed");
        stand.db.audit(stand.tenant).await
    };
    assert_eq!(
        events.last().expect("an event").event_type,
        "billing.payment_method_added"
    );
}
