//! Cards, at a Stripe played in this process.

use testkit::{Behaviour, Mishap};

use super::*;
use crate::dunning::CaseStatus;
use crate::payments::attempts::{self, Attempt, AttemptStatus};
use crate::payments::methods;
use crate::payments::tests::stand::Stand;
use crate::providers::ProviderKind;
use SubscriptionStatus::{Active, PastDue, Unpaid};

/// A tenant that has this card, and a yearly subscription (Pro: suspended after the last try) since 1 June 2027.
async fn subscribed(token: &str) -> (Stand, String) {
    let stand = Stand::new().await;
    let card = stand.add_method(token).await;
    pass(&stand, "2027-06-01T00:00:00Z").await;
    subscribe(&stand).await;
    (stand, card)
}

async fn subscribe(stand: &Stand) {
    let mut tx = stand.tx().await;
    reachable(&mut tx, stand.tenant, "en").await;
    let by_stripe = UpdateAccount {
        provider: Some(ProviderKind::Stripe),
        ..UpdateAccount::default()
    };
    accounts::update(&mut tx, stand.tenant, None, by_stripe)
        .await
        .expect("it is changed");
    let new = NewSubscription {
        trial_days: Some(0),
        ..NewSubscription::to("pro".parse().expect("a plan"), BillingCycle::Yearly)
    };
    subscriptions::create(&mut tx, stand.payments.terms(), stand.tenant, new)
        .await
        .expect("it begins");
    tx.commit().await.expect("it is kept");
    assert_eq!(stand.work().await, 0);
}

/// Time passes, and whatever it brought about is worked off.
async fn pass(stand: &Stand, to: &str) {
    let passed = clock::advance(&stand.db.system(), stand.payments.terms(), at(to)).await;
    assert_eq!(passed.expect("time passes").1.failed, 0);
    assert_eq!(stand.work().await, 0);
}

async fn attempts(stand: &Stand) -> Vec<Attempt> {
    let mut tx = stand.tx().await;
    let invoice = invoices_of(&mut tx, stand.tenant).await.swap_remove(0);
    attempts::of_invoice(&mut tx, stand.tenant, invoice.id)
        .await
        .expect("they are read")
}

/// Where subscription and tenant stand, how often was charged, and how many mails were written.
async fn seen(stand: &Stand) -> (SubscriptionStatus, Status, usize, usize) {
    let tried = attempts(stand).await.len();
    let mut tx = stand.tx().await;
    let written = mails(&mut tx, stand.tenant).await.len();
    let tenant = record(&mut tx, stand.tenant).await.status;
    (
        subscription(&mut tx, stand.tenant).await.status,
        tenant,
        tried,
        written,
    )
}

async fn case(stand: &Stand) -> Case {
    let mut tx = stand.tx().await;
    let invoice = invoices_of(&mut tx, stand.tenant).await.swap_remove(0);
    let found = of_invoice(&mut tx, stand.tenant, invoice.id).await;
    found.expect("it is read").expect("there is one")
}

const REFUSES: &str = "pm_card_chargeCustomerFail";

#[tokio::test]
async fn a_card_that_declines_is_tried_by_the_schedule_and_then_the_tenant_is_suspended() {
    let (stand, card) = subscribed(REFUSES).await;
    assert_eq!(seen(&stand).await, (PastDue, Status::Active, 1, 1));
    for (to, tried) in [("06-05", 2), ("06-11", 3), ("06-19", 4)] {
        pass(&stand, &format!("2027-{to}T00:00:00Z")).await;
        assert_eq!(
            seen(&stand).await,
            (PastDue, Status::Active, tried, tried),
            "{to}"
        );
    }
    pass(&stand, "2027-06-27T00:00:00Z").await;
    assert_eq!(seen(&stand).await, (Unpaid, Status::Suspended, 5, 5));
    pass(&stand, "2027-12-01T00:00:00Z").await;
    assert_eq!(seen(&stand).await, (Unpaid, Status::Suspended, 5, 5));
    // Whoever adds another card is charged at once, and everything is open again.
    stand.stripe.behave(&card, Behaviour::Pays);
    let before = stand.stripe.taken();
    let paying = stand.add_method("pm_card_visa").await;
    choose(&stand, &paying).await;
    assert_eq!(stand.work().await, 0);
    let (status, tenant, tried, _) = seen(&stand).await;
    assert_eq!((status, tenant, tried), (Active, Status::Active, 6));
    assert_eq!(case(&stand).await.status, CaseStatus::Ended);
    assert!(stand.stripe.taken() > before);
}

async fn choose(stand: &Stand, reference: &str) {
    let mut tx = stand.tx().await;
    let all = methods::list(&mut tx, stand.tenant).await.expect("they are read");
    let wanted = all
        .iter()
        .find(|method| method.reference.as_deref() == Some(reference))
        .expect("it is there");
    methods::make_default(&mut tx, stand.tenant, wanted.id)
        .await
        .expect("it is chosen");
    tx.commit().await.expect("it is kept");
}

#[tokio::test]
async fn another_card_is_charged_at_once() {
    let (stand, _) = subscribed(REFUSES).await;
    pass(&stand, "2027-06-02T00:00:00Z").await;
    let paying = stand.add_method("pm_card_visa").await;
    assert_eq!(stand.work().await, 0);
    assert_eq!(
        seen(&stand).await,
        (PastDue, Status::Active, 1, 1),
        "it is not the default"
    );
    choose(&stand, &paying).await;
    assert_eq!(stand.work().await, 0);
    assert_eq!(seen(&stand).await, (Active, Status::Active, 2, 1));
    assert_eq!(stand.stripe.taken(), 99_000);
    choose(&stand, &paying).await;
    pass(&stand, "2027-07-30T00:00:00Z").await;
    assert_eq!(
        seen(&stand).await,
        (Active, Status::Active, 2, 1),
        "and never again"
    );
}

#[tokio::test]
async fn another_card_that_declines_too_leaves_the_schedule_as_it_was() {
    let (stand, _) = subscribed(REFUSES).await;
    let next = case(&stand).await.next_at;
    let another = stand.add_method(REFUSES).await;
    choose(&stand, &another).await;
    assert_eq!(stand.work().await, 0);
    assert_eq!(seen(&stand).await, (PastDue, Status::Active, 2, 2));
    let after = case(&stand).await;
    assert_eq!((after.tries, after.next_at), (1, next));
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_charged_again() {
    let (stand, card) = subscribed("pm_card_visa").await;
    assert_eq!(seen(&stand).await, (Active, Status::Active, 1, 0));
    stand
        .stripe
        .behave(&card, Behaviour::Declines("stolen_card".to_owned()));
    pass(&stand, "2028-06-01T00:00:01Z").await;
    // The usage of the last month comes late, so the renewal waits an hour.
    pass(&stand, "2028-06-01T02:00:00Z").await;
    let mut tx = stand.tx().await;
    let renewal = invoices_of(&mut tx, stand.tenant).await.pop().expect("a renewal");
    drop(tx);
    let charged = async || {
        let mut tx = stand.tx().await;
        let all = attempts::of_invoice(&mut tx, stand.tenant, renewal.id)
            .await
            .expect("they are read");
        (all.len(), mails(&mut tx, stand.tenant).await)
    };
    let (tried, written) = charged().await;
    assert_eq!((tried, written.len()), (1, 1));
    assert!(
        written[0].body.contains("refuses this method for good"),
        "{}",
        written[0].body
    );
    pass(&stand, "2028-06-10T00:00:00Z").await;
    let (tried, written) = charged().await;
    assert_eq!((tried, written.len()), (1, 3), "reminders, and no charge");
    let another = stand.add_method("pm_card_visa").await;
    choose(&stand, &another).await;
    assert_eq!(stand.work().await, 0);
    let (tried, _) = charged().await;
    assert_eq!(tried, 2);
    assert_eq!(seen(&stand).await.0, Active);
}

#[tokio::test]
async fn who_has_to_confirm_is_told_and_may_pay_by_another_card() {
    let (stand, _) = subscribed("pm_card_authenticationRequired").await;
    assert_eq!(seen(&stand).await, (PastDue, Status::Active, 1, 1));
    let mut tx = stand.tx().await;
    let written = mails(&mut tx, stand.tenant).await;
    assert!(
        written[0].subject.starts_with("Please confirm the payment"),
        "{}",
        written[0].subject
    );
    drop(tx);
    pass(&stand, "2027-06-05T00:00:00Z").await;
    assert_eq!(
        seen(&stand).await,
        (PastDue, Status::Active, 1, 2),
        "he is reminded, and nothing else is charged"
    );
    let another = stand.add_method("pm_card_visa").await;
    choose(&stand, &another).await;
    assert_eq!(stand.work().await, 0);
    assert_eq!(seen(&stand).await, (Active, Status::Active, 2, 2));
    let statuses: Vec<_> = attempts(&stand)
        .await
        .iter()
        .map(|attempt| attempt.status)
        .collect();
    assert_eq!(statuses, [AttemptStatus::Canceled, AttemptStatus::Succeeded]);
}

#[tokio::test]
async fn nothing_is_charged_while_the_end_of_an_attempt_is_not_known() {
    let (stand, card) = subscribed(REFUSES).await;
    stand.stripe.behave(&card, Behaviour::Pays);
    // The retry is sent, and nobody hears the answer.
    for _ in 0..3 {
        stand.stripe.plan("/v1/payment_intents", Mishap::LostAfter);
    }
    let mut tx = stand.tx().await;
    clock::move_to(&mut tx, day("06-05")).await.expect("it is moved");
    tx.commit().await.expect("it is kept");
    let run = async || {
        clock::run(&stand.db.system(), stand.payments.terms())
            .await
            .expect("it ran")
    };
    run().await;
    let waiting = attempts(&stand).await;
    assert_eq!((waiting.len(), waiting[1].status), (2, AttemptStatus::Created));
    for to in ["06-07", "06-12", "06-20"] {
        let mut tx = stand.tx().await;
        clock::move_to(&mut tx, day(to)).await.expect("it is moved");
        tx.commit().await.expect("it is kept");
        run().await;
        assert_eq!(attempts(&stand).await.len(), 2, "{to}");
    }
    assert_eq!(stand.work().await, 0);
    assert_eq!(stand.stripe.taken(), 99_000, "and it was charged once");
    assert_eq!(seen(&stand).await.0, Active);
}

#[tokio::test]
async fn who_pays_by_transfer_is_not_charged_too() {
    let (stand, _) = subscribed("pm_card_authenticationRequired").await;
    let mut tx = stand.tx().await;
    let invoice = invoices_of(&mut tx, stand.tenant).await.swap_remove(0);
    let new = NewPayment {
        id: stand.db.databases().seams().new_id(),
        invoice: invoice.id,
        amount: invoice.due,
        reference: Some("transfer".to_owned()),
        received_at: None,
    };
    invoices::record_payment(&mut tx, stand.payments.terms(), stand.tenant, new)
        .await
        .expect("it came");
    tx.commit().await.expect("it is kept");
    assert_eq!(stand.work().await, 0);
    assert_eq!(attempts(&stand).await[0].status, AttemptStatus::Canceled);
    assert_eq!(seen(&stand).await.0, Active);
    assert_eq!(stand.stripe.taken(), 0);
}

#[tokio::test]
async fn without_a_card_it_begins_with_the_due_date() {
    let stand = Stand::new().await;
    stand.customer().await;
    pass(&stand, "2027-06-01T00:00:00Z").await;
    subscribe(&stand).await;
    pass(&stand, "2027-06-14T00:00:00Z").await;
    assert_eq!(seen(&stand).await, (Active, Status::Active, 0, 0));
    pass(&stand, "2027-06-15T00:00:01Z").await;
    assert_eq!(seen(&stand).await, (PastDue, Status::Active, 0, 1));
    stand.add_method("pm_card_visa").await;
    assert_eq!(stand.work().await, 0);
    assert_eq!(
        seen(&stand).await,
        (Active, Status::Active, 1, 1),
        "the first card is the default, and charged"
    );
}
