//! What is carried over, and the numbers.

use super::*;

/// A client that is never called: only what it will not collect matters.
async fn collected_by_stripe(fixture: &Fixture) {
    let mut tx = fixture.begin().await;
    let update = UpdateAccount {
        provider: Some(ProviderKind::Stripe),
        ..UpdateAccount::default()
    };
    accounts::update(&mut tx, fixture.tenant, None, update)
        .await
        .expect("it is changed");
    tx.commit().await.expect("it is kept");
}

#[tokio::test]
async fn what_is_too_little_to_be_collected_is_carried_over() {
    let fixture = Fixture::new().await;
    assert!(matches!(fixture.terms.provider, Provider::Ledger));
    let small = invoiced(&fixture, &[49]).await;
    assert_eq!(small.status, InvoiceStatus::Open, "by hand anything can be paid");
    collected_by_stripe(&fixture).await;
    let small = invoiced(&fixture, &[49]).await;
    assert_eq!(
        (small.status, small.carried_over, small.due),
        (InvoiceStatus::Paid, usd(49), usd(0))
    );
    assert_eq!(fixture.stands(Account::CustomerBalance).await, 49);
    let next = invoiced(&fixture, &[1000]).await;
    assert_eq!(
        (next.total, next.balance_applied, next.due),
        (usd(1000), usd(-49), usd(1049))
    );
    let lines = read(&fixture, next.id).await.lines;
    assert_eq!((lines[1].kind, lines[1].amount), (LineKind::Credit, usd(49)));
    assert_eq!(fixture.stands(Account::CustomerBalance).await, 0);
    let mut tx = fixture.begin().await;
    let refused = void(&mut tx, &fixture.terms, fixture.tenant, next.id, None).await;
    assert!(matches!(refused, Err(InvoiceError::CarriesDebt)), "{refused:?}");
    fixture.assert_sound().await;
}

#[tokio::test]
async fn numbers_have_no_gaps_whatever_is_rolled_back() {
    let fixture = Fixture::new().await;
    for round in 0..6 {
        let mut tx = fixture.begin().await;
        invoice_in(&mut tx, &fixture, &[100]).await;
        if round % 2 == 0 {
            tx.commit().await.expect("it is kept");
        }
    }
    let last = invoiced(&fixture, &[100]).await;
    assert_eq!(last.number.as_deref(), Some("INV-000004"));
    fixture.assert_sound().await;
}

#[tokio::test]
async fn numbers_have_no_gaps_when_many_tenants_are_invoiced_at_once() {
    let fixture = Fixture::new().await;
    let mut tenants = vec![fixture.tenant];
    for _ in 0..3 {
        let other = fixture
            .database
            .tenant(isolation::IsolationStrategy::SharedDatabase)
            .await;
        let mut tx = fixture.begin().await;
        accounts::create(&mut tx, other.tenant_id(), crate::fixture::account("UTC"))
            .await
            .expect("an account is made");
        tx.commit().await.expect("it is kept");
        tenants.push(other.tenant_id());
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (number, tenant) in tenants.into_iter().enumerate() {
        let (system, terms) = (fixture.database.system(), fixture.terms.clone());
        tasks.spawn(async move {
            for round in 0..10 {
                let mut tx = system.control().await.expect("the control plane answers");
                let line = NewLine::one_time("Work", Money::new(100, pricing::Currency::USD));
                let (draft, _) = create(&mut tx, &terms, tenant, vec![line])
                    .await
                    .expect("a draft");
                finalize(&mut tx, &terms, tenant, draft.id, None)
                    .await
                    .expect("it becomes final");
                if (round + number) % 3 != 0 {
                    tx.commit().await.expect("it is kept");
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("it ran to its end");
    }
    fixture.assert_sound().await;
}
