//! Every difference is planted, found and named, and where there is none, none is found.

use serde_json::{Value, json};

use super::model::{Difference, DifferenceKind, ObjectKind, Reconciliation, ReconciliationStatus};
use super::{latest, order};
use crate::fixture::usd;
use crate::payments::tests::Stand;

async fn reconciled(stand: &Stand) -> (Reconciliation, Vec<Difference>) {
    // Stripe counts in seconds; what was made in this one is compared in the next.
    stand.db.clock().advance_seconds(2);
    let mut tx = stand.tx().await;
    let id = order(&mut tx).await.expect("ordered");
    tx.commit().await.expect("committed");
    assert_eq!(stand.work().await, 0);
    let found = latest(&mut stand.tx().await)
        .await
        .expect("read")
        .expect("there is one");
    assert_eq!(found.0.id, id);
    assert_eq!(found.0.status, ReconciliationStatus::Completed, "{found:?}");
    assert_eq!(found.0.differences, i64::try_from(found.1.len()).expect("few"));
    found
}

#[tokio::test]
async fn equal_books_show_no_difference() {
    let stand = Stand::with_method("pm_card_visa").await;
    let paid = stand.attempt().await.id;
    stand.work().await;
    stand.refund(paid, usd(300)).await.expect("asked");
    stand.work().await;
    let (run, differences) = reconciled(&stand).await;
    assert_eq!(differences, []);
    // One payment, one refund, one charge, one customer.
    assert_eq!(run.compared, 4);
}

/// Four payments, by what Stripe calls them.
async fn four_paid(stand: &Stand) -> [String; 4] {
    let mut references = Vec::new();
    for _ in 0..4 {
        let attempt = stand.attempt().await.id;
        stand.work().await;
        references.push(stand.read(attempt).await.reference.expect("a reference"));
    }
    references.try_into().expect("four")
}

/// Falsifies Stripe's books without our hearing of it.
fn falsify(stand: &Stand, [amount, status, gone, refunded]: &[String; 4], customer: &str) {
    let silently = |kind: &str, id: &str, member: &str, value: Value| {
        stand
            .stripe
            .change(kind, id, "unheard", |object| object[member] = value);
    };
    silently("payment_intents", amount, "amount", json!(999));
    silently("payment_intents", status, "status", json!("processing"));
    stand.stripe.forget("payment_intents", gone);
    let paid = stand.stripe.object("payment_intents", refunded);
    let charge = paid["latest_charge"].as_str().expect("an id");
    silently("charges", charge, "amount_refunded", json!(1));
    let mut foreign = paid.clone();
    foreign["id"] = json!("pi_foreign");
    foreign["metadata"] = json!({});
    stand.stripe.put("payment_intents", foreign);
    stand.stripe.contest(refunded, "fraudulent");
    silently(
        "customers",
        customer,
        "metadata",
        json!({"tenantry_tenant": "tenant_other"}),
    );
}

#[tokio::test]
async fn every_difference_is_named_with_both_sides() {
    use DifferenceKind::{Amount, Customer, MissingHere, MissingThere, Refunded, Status};
    let stand = Stand::with_method("pm_card_visa").await;
    let references = four_paid(&stand).await;
    let customer = stand.customer().await;
    falsify(&stand, &references, &customer);
    let (_, differences) = reconciled(&stand).await;
    let shown = |one: &Difference| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        (
            one.object,
            one.kind,
            text(&one.reference),
            text(&one.ours),
            text(&one.theirs),
        )
    };
    let mut found: Vec<_> = differences.iter().map(shown).collect();
    let [amount, status, gone, refunded] = &references;
    let tenant = stand.tenant.to_string();
    let dispute = stand.stripe.objects("disputes")[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let payment = ObjectKind::Payment;
    let mut expected = [
        (payment, Amount, &**amount, "1099", "999"),
        (payment, Status, &**status, "succeeded", "processing"),
        (payment, MissingThere, &**gone, "10.99 USD", ""),
        (payment, MissingHere, "pi_foreign", "", "1099 USD"),
        (ObjectKind::Charge, Refunded, &**refunded, "0", "1"),
        (ObjectKind::Dispute, MissingHere, &*dispute, "", "needs_response"),
        (
            ObjectKind::Customer,
            Customer,
            &*customer,
            &*tenant,
            "tenant_other",
        ),
    ]
    .map(|(object, kind, reference, ours, theirs)| {
        (
            object,
            kind,
            reference.to_owned(),
            ours.to_owned(),
            theirs.to_owned(),
        )
    });
    found.sort_by_key(|one| format!("{one:?}"));
    expected.sort_by_key(|one| format!("{one:?}"));
    assert_eq!(found, expected);
}
