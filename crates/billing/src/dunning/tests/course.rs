//! The schedule, from the due date to its end.

use std::time::Duration;

use tenants::Access;

use super::*;
use crate::dunning::CaseStatus;
use crate::dunning::driver;
use crate::dunning::sql::Due;
use SubscriptionStatus::{Active, Canceled, PastDue, Unpaid};

#[tokio::test]
async fn the_schedule_is_gone_through_to_each_end() {
    for (action, wanted, open) in [
        (
            "suspend",
            stands(Unpaid, Status::Suspended, "starter", 5),
            Access::ReadOnly,
        ),
        (
            "cancel",
            stands(Canceled, Status::Canceled, "starter", 5),
            Access::Full,
        ),
        (
            "downgrade_to_free",
            stands(Active, Status::Active, "free", 5),
            Access::Full,
        ),
        (
            "mark_unpaid",
            stands(Unpaid, Status::Active, "starter", 5),
            Access::ReadOnly,
        ),
    ] {
        let fixture = subscribed(action).await;
        // Due on 15 June, then after 3, 5, 7 and 7 days.
        for (to, status, letters) in [
            ("2027-06-14T23:59:59Z", Active, 0),
            ("2027-06-15T00:00:01Z", PastDue, 1),
            ("2027-06-17T23:59:59Z", PastDue, 1),
            ("2027-06-18T00:00:01Z", PastDue, 2),
            ("2027-06-23T00:00:01Z", PastDue, 3),
            ("2027-06-30T00:00:01Z", PastDue, 4),
            ("2027-07-06T23:59:59Z", PastDue, 4),
        ] {
            pass_to(&fixture, to).await;
            let wanted = stands(status, Status::Active, "starter", letters);
            assert_eq!(standing(&fixture).await, wanted, "{action}, {to}");
            assert_eq!(
                access(&fixture).await,
                "full",
                "{action}, {to}: full access while it is collected"
            );
        }
        pass_to(&fixture, "2027-07-07T00:00:01Z").await;
        assert_eq!(standing(&fixture).await, wanted, "{action}");
        assert_eq!(access(&fixture).await, open.name(), "{action}");
        let (_, case) = first(&fixture).await;
        let case = case.expect("a case");
        assert_eq!(
            (case.status, case.tries, case.next_at),
            (CaseStatus::Exhausted, 5, None)
        );
        pass_to(&fixture, "2028-05-31T00:00:00Z").await;
        assert_eq!(
            standing(&fixture).await,
            wanted,
            "{action}: nothing follows the end"
        );
        fixture.assert_sound().await;
    }
}

#[tokio::test]
async fn what_is_told_is_in_the_accounts_language_and_says_what_follows() {
    let fixture = subscribed("suspend").await;
    let mut tx = fixture.begin().await;
    reachable(&mut tx, fixture.tenant, "de-AT").await;
    tx.commit().await.expect("it is kept");
    pass_to(&fixture, "2027-07-08T00:00:00Z").await;
    let mut tx = fixture.begin().await;
    let written = mails(&mut tx, fixture.tenant).await;
    let number = invoices_of(&mut tx, fixture.tenant).await[0]
        .number
        .clone()
        .expect("a number");
    assert!(written.iter().all(|mail| mail.to == "billing@acme.example"));
    assert_eq!(written[0].subject, format!("Rechnung {number} ist nicht bezahlt"));
    assert!(written[0].body.contains("18. Juni 2027"), "{}", written[0].body);
    assert!(written[0].body.contains("5,00"), "{}", written[0].body);
    assert_eq!(
        written[4].subject,
        format!("Ihr Konto ist gesperrt: Rechnung {number}")
    );
    assert!(
        written[0].body.contains("Tenantry"),
        "it is in the seller's name: {}",
        written[0].body
    );
}

#[tokio::test]
async fn a_step_that_is_rolled_back_leaves_nothing() {
    let fixture = subscribed("suspend").await;
    let (invoice, _) = first(&fixture).await;
    let due = Due {
        tenant: fixture.tenant,
        invoice: invoice.id,
    };
    pass_to(&fixture, "2027-06-16T00:00:00Z").await;
    let before = (standing(&fixture).await, first(&fixture).await);
    let mut tx = fixture.begin().await;
    Box::pin(driver::step(
        &mut tx,
        &fixture.terms,
        due,
        at("2027-06-18T12:00:00Z"),
    ))
    .await
    .expect("it is taken");
    assert_eq!(mails(&mut tx, fixture.tenant).await.len(), 2);
    drop(tx);
    assert_eq!((standing(&fixture).await, first(&fixture).await), before);
    pass_to(&fixture, "2027-06-18T00:00:01Z").await;
    assert_eq!(
        standing(&fixture).await.mails,
        2,
        "and then it is taken after all"
    );
}

#[tokio::test]
async fn two_nodes_and_who_dies_tell_each_step_once() {
    let fixture = subscribed("mark_unpaid").await;
    let mut tenants = vec![fixture.tenant];
    for _ in 1..12 {
        let tenant = fixture
            .database
            .tenant(isolation::IsolationStrategy::SharedDatabase)
            .await
            .tenant_id();
        let mut tx = fixture.begin().await;
        accounts::create(&mut tx, tenant, crate::fixture::account("UTC"))
            .await
            .expect("an account");
        reachable(&mut tx, tenant, "en").await;
        subscriptions::create(&mut tx, &fixture.terms, tenant, yearly())
            .await
            .expect("it begins");
        tx.commit().await.expect("it is kept");
        tenants.push(tenant);
    }
    let other = fixture.database.another_node().await;
    let (one, two) = (fixture.database.system(), other.system());
    for (to, letters) in [
        ("2027-06-16", 1),
        ("2027-06-20", 2),
        ("2027-06-26", 3),
        ("2027-07-04", 4),
        ("2027-07-12", 5),
    ] {
        let mut tx = fixture.begin().await;
        clock::move_to(&mut tx, at(&format!("{to}T12:00:00Z")))
            .await
            .expect("it is moved");
        tx.commit().await.expect("it is kept");
        for millis in [3, 7, 12] {
            let (system, terms) = (fixture.database.system(), fixture.terms.clone());
            let running = tokio::spawn(async move { clock::run(&system, &terms).await.map(drop) });
            tokio::time::sleep(Duration::from_millis(millis)).await;
            running.abort();
            let _ = running.await;
        }
        let (a, b) = tokio::join!(clock::run(&one, &fixture.terms), clock::run(&two, &fixture.terms));
        assert_eq!((a.expect("it ran").failed, b.expect("it ran").failed), (0, 0));
        // What the other node had when this one came by is done by the next run.
        clock::run(&one, &fixture.terms).await.expect("it ran");
        let mut tx = fixture.begin().await;
        for tenant in &tenants {
            assert_eq!(mails(&mut tx, *tenant).await.len(), letters, "{to}");
        }
    }
    fixture.assert_sound().await;
}

#[tokio::test]
async fn an_invoice_that_is_for_no_subscription_is_asked_for_without_consequences() {
    let fixture = subscribed("cancel").await;
    let (cycle, _) = first(&fixture).await;
    pay(&fixture, &cycle).await;
    let mut tx = fixture.begin().await;
    let lines = vec![invoices::NewLine::one_time("Work", crate::fixture::usd(700))];
    let (draft, _) = invoices::create(&mut tx, &fixture.terms, fixture.tenant, lines)
        .await
        .expect("a draft");
    invoices::finalize(&mut tx, &fixture.terms, fixture.tenant, draft.id, None)
        .await
        .expect("final");
    tx.commit().await.expect("it is kept");
    pass_to(&fixture, "2027-07-20T00:00:00Z").await;
    assert_eq!(
        standing(&fixture).await,
        stands(Active, Status::Active, "starter", 5)
    );
}
