//! Whatever pays ends it, and gives back what it took.

use super::*;
use crate::dunning::CaseStatus;
use SubscriptionStatus::{Active, Canceled, PastDue, Unpaid};

#[tokio::test]
async fn a_payment_on_the_way_ends_it_at_once() {
    for how in ["paid", "void", "credited", "given up"] {
        let fixture = subscribed("suspend").await;
        pass_to(&fixture, "2027-06-20T00:00:00Z").await;
        assert_eq!(
            standing(&fixture).await,
            stands(PastDue, Status::Active, "starter", 2),
            "{how}"
        );
        let (invoice, _) = first(&fixture).await;
        let mut tx = fixture.begin().await;
        let (terms, tenant) = (&fixture.terms, fixture.tenant);
        let done = match how {
            "paid" => invoices::record_payment(&mut tx, terms, tenant, all_of(&invoice, &fixture))
                .await
                .map(drop),
            "void" => invoices::void(&mut tx, terms, tenant, invoice.id, None)
                .await
                .map(drop),
            "credited" => invoices::credit(&mut tx, terms, tenant, invoice.id, invoice.due, None)
                .await
                .map(drop),
            _ => invoices::mark_uncollectible(&mut tx, terms, tenant, invoice.id, None)
                .await
                .map(drop),
        };
        done.expect("it is done");
        assert_eq!(
            subscription(&mut tx, tenant).await.status,
            Active,
            "{how}: in the same transaction"
        );
        tx.commit().await.expect("it is kept");
        pass_to(&fixture, "2027-09-01T00:00:00Z").await;
        assert_eq!(
            standing(&fixture).await,
            stands(Active, Status::Active, "starter", 2),
            "{how}"
        );
        let (_, case) = first(&fixture).await;
        assert_eq!(case.map(|case| case.status), Some(CaseStatus::Ended), "{how}");
        fixture.assert_sound().await;
    }
}

#[tokio::test]
async fn a_part_is_not_the_whole() {
    let fixture = subscribed("suspend").await;
    pass_to(&fixture, "2027-06-20T00:00:00Z").await;
    let (invoice, _) = first(&fixture).await;
    let part = NewPayment {
        amount: crate::fixture::usd(200),
        ..all_of(&invoice, &fixture)
    };
    let mut tx = fixture.begin().await;
    invoices::record_payment(&mut tx, &fixture.terms, fixture.tenant, part)
        .await
        .expect("it came");
    tx.commit().await.expect("it is kept");
    pass_to(&fixture, "2027-06-24T00:00:00Z").await;
    assert_eq!(standing(&fixture).await.subscription, PastDue);
    let mut tx = fixture.begin().await;
    let written = mails(&mut tx, fixture.tenant).await;
    assert!(
        written[2].body.contains("$3.00"),
        "the rest is asked for: {}",
        written[2].body
    );
}

#[tokio::test]
async fn who_pays_after_the_end_gets_back_what_was_taken() {
    for (action, wanted) in [
        ("suspend", (Active, Status::Active, "starter")),
        ("mark_unpaid", (Active, Status::Active, "starter")),
        // What is over, or was exchanged, stays so.
        ("cancel", (Canceled, Status::Canceled, "starter")),
        ("downgrade_to_free", (Active, Status::Active, "free")),
    ] {
        let fixture = subscribed(action).await;
        pass_to(&fixture, "2027-07-10T00:00:00Z").await;
        let (invoice, _) = first(&fixture).await;
        pay(&fixture, &invoice).await;
        let after = standing(&fixture).await;
        assert_eq!(
            (after.subscription, after.tenant, &*after.plan),
            wanted,
            "{action}"
        );
        assert_eq!(access(&fixture).await, "full", "{action}");
        let (_, case) = first(&fixture).await;
        assert_eq!(case.map(|case| case.status), Some(CaseStatus::Ended), "{action}");
        fixture.assert_sound().await;
    }
}

#[tokio::test]
async fn nothing_is_given_back_while_something_else_is_owed() {
    let fixture = Fixture::on(prices("suspend")).await;
    pass_to(&fixture, "2027-06-01T00:00:00Z").await;
    let mut tx = fixture.begin().await;
    let monthly = NewSubscription {
        cycle: BillingCycle::Monthly,
        ..yearly()
    };
    subscriptions::create(&mut tx, &fixture.terms, fixture.tenant, monthly)
        .await
        .expect("it begins");
    tx.commit().await.expect("it is kept");
    // The second month is invoiced while the first is being collected, and is overdue when that has been tried.
    pass_to(&fixture, "2027-07-20T00:00:00Z").await;
    let after = standing(&fixture).await;
    assert_eq!((after.subscription, after.tenant), (Unpaid, Status::Suspended));
    let mut tx = fixture.begin().await;
    let all = invoices_of(&mut tx, fixture.tenant).await;
    drop(tx);
    assert_eq!(all.len(), 2, "who is unpaid is invoiced nothing more");
    pay(&fixture, &all[0]).await;
    let after = standing(&fixture).await;
    assert_eq!((after.subscription, after.tenant), (Unpaid, Status::Suspended));
    pay(&fixture, &all[1]).await;
    let after = standing(&fixture).await;
    assert_eq!((after.subscription, after.tenant), (Active, Status::Active));
    fixture.assert_sound().await;
}

#[tokio::test]
async fn who_was_suspended_by_an_operator_stays_so() {
    let fixture = subscribed("suspend").await;
    pass_to(&fixture, "2027-06-20T00:00:00Z").await;
    let mut tx = fixture.begin().await;
    let reason = "abuse".parse().expect("a reason");
    tenants::suspend(&mut tx, fixture.tenant, None, reason)
        .await
        .expect("it is suspended");
    tx.commit().await.expect("it is kept");
    pass_to(&fixture, "2027-07-10T00:00:00Z").await;
    let (invoice, _) = first(&fixture).await;
    pay(&fixture, &invoice).await;
    let after = standing(&fixture).await;
    assert_eq!((after.subscription, after.tenant), (Active, Status::Suspended));
}

#[tokio::test]
async fn a_change_that_credits_all_that_is_owed_ends_it_too() {
    let fixture = subscribed("suspend").await;
    pass_to(&fixture, "2027-06-15T00:00:01Z").await;
    // Everything of the year but two weeks is taken back; the rest is paid.
    let mut tx = fixture.begin().await;
    let order = subscriptions::ChangeOrder {
        plan: Some("free".parse().expect("a plan")),
        ..subscriptions::ChangeOrder::default()
    };
    subscriptions::change(
        &mut tx,
        &fixture.terms,
        fixture.tenant,
        None,
        order,
        subscriptions::When::Now,
    )
    .await
    .expect("it is changed");
    tx.commit().await.expect("it is kept");
    let (invoice, _) = first(&fixture).await;
    assert!(invoice.due.amount < 500, "{}", invoice.due.amount);
    pay(&fixture, &invoice).await;
    pass_to(&fixture, "2027-07-30T00:00:00Z").await;
    assert_eq!(
        standing(&fixture).await,
        stands(Active, Status::Active, "free", 1)
    );
    fixture.assert_sound().await;
}

#[tokio::test]
async fn who_is_given_up_after_the_end_gets_nothing_back() {
    let fixture = subscribed("suspend").await;
    pass_to(&fixture, "2027-07-10T00:00:00Z").await;
    let (invoice, _) = first(&fixture).await;
    let mut tx = fixture.begin().await;
    invoices::mark_uncollectible(&mut tx, &fixture.terms, fixture.tenant, invoice.id, None)
        .await
        .expect("it is given up");
    tx.commit().await.expect("it is kept");
    let after = standing(&fixture).await;
    assert_eq!((after.subscription, after.tenant), (Unpaid, Status::Suspended));
    let (_, case) = first(&fixture).await;
    assert_eq!(case.map(|case| case.status), Some(CaseStatus::Ended));
}
