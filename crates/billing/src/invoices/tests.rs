//! Invoices on a real database.

mod numbers;

use audit::EventType;
use isolation::{ControlTx, Tx};
use pricing::Money;
use sqlx::Executor;

use super::*;
use crate::accounts::{self, UpdateAccount};
use crate::fixture::{Fixture, usd};
use crate::ledger::Account;
use crate::providers::{Provider, ProviderKind};

/// A final invoice over these amounts.
async fn invoiced(fixture: &Fixture, amounts: &[i64]) -> Invoice {
    let mut tx = fixture.begin().await;
    let invoice = invoice_in(&mut tx, fixture, amounts).await;
    tx.commit().await.expect("it is kept");
    invoice
}

async fn invoice_in(tx: &mut ControlTx, fixture: &Fixture, amounts: &[i64]) -> Invoice {
    let lines = amounts
        .iter()
        .map(|amount| NewLine::one_time("Work", usd(*amount)));
    let (draft, _) = create(tx, &fixture.terms, fixture.tenant, lines.collect())
        .await
        .expect("a draft is made");
    finalize(tx, &fixture.terms, fixture.tenant, draft.id, None)
        .await
        .expect("it becomes final")
}

fn payment(fixture: &Fixture, invoice: &Invoice, amount: i64) -> NewPayment {
    NewPayment {
        id: fixture.database.databases().seams().new_id(),
        invoice: invoice.id,
        amount: usd(amount),
        reference: None,
        received_at: None,
    }
}

async fn pay(fixture: &Fixture, new: NewPayment) -> (Invoice, Payment) {
    let mut tx = fixture.begin().await;
    let paid = record_payment(&mut tx, &fixture.terms, fixture.tenant, new)
        .await
        .expect("it is recorded");
    tx.commit().await.expect("it is kept");
    paid
}

fn repayment(fixture: &Fixture, payment: &Payment, amount: i64, from: RefundFrom) -> NewRepayment {
    NewRepayment {
        id: fixture.database.databases().seams().new_id(),
        payment: payment.id,
        amount: usd(amount),
        from,
        note: None,
    }
}

async fn refund(fixture: &Fixture, new: NewRepayment) -> Result<(Repayment, Invoice), InvoiceError> {
    let mut tx = fixture.begin().await;
    let answer = request_refund(&mut tx, &fixture.terms, fixture.tenant, new).await?;
    tx.commit().await?;
    Ok(answer)
}

async fn read(fixture: &Fixture, id: InvoiceId) -> Document {
    let mut tx = fixture.begin().await;
    get(&mut tx, fixture.tenant, id).await.expect("it is read")
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story from its beginning to its end")]
async fn a_draft_changes_until_it_is_final() {
    let fixture = Fixture::taxed().await;
    let mut tx = fixture.begin().await;
    let line = |amount| NewLine::one_time("Work", usd(amount));
    let (draft, lines) = create(&mut tx, &fixture.terms, fixture.tenant, vec![line(1000)])
        .await
        .expect("a draft is made");
    assert_eq!((draft.total, draft.status), (usd(1200), InvoiceStatus::Draft));
    assert_eq!(lines.len(), 2, "what is sold and its tax");
    let (draft, lines) = add_line(
        &mut tx,
        &fixture.terms,
        fixture.tenant,
        draft.id,
        Some(1),
        line(333),
    )
    .await
    .expect("a line is added");
    // 20 % of 10.00 and of 3.33, each rounded.
    assert_eq!((draft.tax, draft.total, draft.version), (usd(267), usd(1600), 2));
    let stale = add_line(
        &mut tx,
        &fixture.terms,
        fixture.tenant,
        draft.id,
        Some(1),
        line(1),
    )
    .await;
    assert!(
        matches!(stale, Err(InvoiceError::VersionMismatch { current: 2 })),
        "{stale:?}"
    );
    let (draft, _) = remove_line(
        &mut tx,
        &fixture.terms,
        fixture.tenant,
        draft.id,
        None,
        lines[0].id,
    )
    .await
    .expect("a line is removed");
    assert_eq!(draft.total, usd(400));
    let negative = add_line(&mut tx, &fixture.terms, fixture.tenant, draft.id, None, line(-1)).await;
    assert!(
        matches!(negative, Err(InvoiceError::NegativeLine)),
        "{negative:?}"
    );

    let invoice = finalize(&mut tx, &fixture.terms, fixture.tenant, draft.id, None)
        .await
        .expect("it becomes final");
    assert_eq!(invoice.number.as_deref(), Some("INV-000001"));
    assert_eq!((invoice.status, invoice.due), (InvoiceStatus::Open, usd(400)));
    let late = add_line(&mut tx, &fixture.terms, fixture.tenant, draft.id, None, line(1)).await;
    assert!(
        matches!(
            late,
            Err(InvoiceError::WrongStatus {
                status: InvoiceStatus::Open,
                ..
            })
        ),
        "{late:?}"
    );
    let again = finalize(&mut tx, &fixture.terms, fixture.tenant, draft.id, None).await;
    assert!(
        matches!(again, Err(InvoiceError::WrongStatus { .. })),
        "{again:?}"
    );
    let gone = delete(&mut tx, fixture.tenant, draft.id).await;
    assert!(matches!(gone, Err(InvoiceError::WrongStatus { .. })), "{gone:?}");
    tx.commit().await.expect("it is kept");
    assert_eq!(fixture.stands(Account::TaxPayable).await, -67);
    let events = fixture.database.audit(fixture.tenant).await;
    let finalized = events
        .iter()
        .filter(|event| event.event_type == EventType::InvoiceFinalized.name());
    assert_eq!(finalized.count(), 1);
    fixture.assert_sound().await;
}

#[tokio::test]
async fn nothing_of_a_final_invoice_can_be_changed_past_the_program() {
    let fixture = Fixture::new().await;
    let invoice = invoiced(&fixture, &[1000]).await;
    for statement in [
        "update control.invoices set total = total + 1",
        "update control.invoices set number = 'INV-7'",
        "update control.invoices set customer = '{}'",
        "update control.invoices set status = 'draft'",
        "update control.invoices set due_at = due_at + interval '1 day'",
        "delete from control.invoices",
        "update control.invoice_lines set amount = 1",
        "update control.invoice_lines set description = 'Play'",
        "delete from control.invoice_lines",
        "insert into control.invoice_lines (tenant_id, id, invoice_id, position, kind, description, amount, discount, net, tax)
         select tenant_id, gen_random_uuid(), id, 9, 'one_time', 'More', 1, 0, 1, 0 from control.invoices",
    ] {
        let mut tx = fixture.begin().await;
        let refused = tx.conn().execute(statement).await.expect_err(statement).to_string();
        assert!(refused.contains("final invoice"), "{statement}: {refused}");
    }
    assert_eq!(read(&fixture, invoice.id).await.invoice, invoice);
}

#[tokio::test]
async fn payments_count_once_and_none_is_dropped() {
    let fixture = Fixture::new().await;
    let invoice = invoiced(&fixture, &[1000]).await;
    let part = payment(&fixture, &invoice, 400);
    let (open, _) = pay(&fixture, part.clone()).await;
    assert_eq!(
        (open.status, open.due, open.paid),
        (InvoiceStatus::Open, usd(600), usd(400))
    );
    let (same, _) = pay(&fixture, part.clone()).await;
    assert_eq!(same, open, "told twice it counts once");
    let mut tx = fixture.begin().await;
    let other = NewPayment {
        amount: usd(401),
        ..part
    };
    let refused = record_payment(&mut tx, &fixture.terms, fixture.tenant, other).await;
    assert!(matches!(refused, Err(InvoiceError::OtherPayment)), "{refused:?}");
    drop(tx);

    let (paid, last) = pay(&fixture, payment(&fixture, &invoice, 700)).await;
    assert_eq!(
        (paid.status, paid.due, paid.surplus),
        (InvoiceStatus::Paid, usd(0), usd(100))
    );
    assert_eq!((last.applied, last.surplus), (usd(600), usd(100)));
    let (_, late) = pay(&fixture, payment(&fixture, &invoice, 50)).await;
    assert_eq!((late.applied, late.surplus), (usd(0), usd(50)));
    assert_eq!(fixture.stands(Account::Cash).await, 1150);
    assert_eq!(fixture.stands(Account::CustomerBalance).await, -150);

    let next = invoiced(&fixture, &[1000]).await;
    assert_eq!((next.balance_applied, next.due), (usd(150), usd(850)));
    let lines = read(&fixture, next.id).await.lines;
    assert_eq!((lines[1].kind, lines[1].amount), (LineKind::Credit, usd(-150)));
    assert_eq!(fixture.stands(Account::CustomerBalance).await, 0);
    fixture.assert_sound().await;
}

#[tokio::test]
async fn an_invoice_over_nothing_is_paid() {
    let fixture = Fixture::new().await;
    let invoice = invoiced(&fixture, &[0]).await;
    assert_eq!((invoice.status, invoice.total), (InvoiceStatus::Paid, usd(0)));
    fixture.assert_sound().await;
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story from its beginning to its end")]
async fn refunds_never_exceed_the_payment() {
    let fixture = Fixture::taxed().await;
    let invoice = invoiced(&fixture, &[1000, 333]).await;
    assert_eq!(invoice.total, usd(1600));
    let (_, paid) = pay(&fixture, payment(&fixture, &invoice, 1600)).await;
    let first = repayment(&fixture, &paid, 1000, RefundFrom::Invoice);
    let (asked, after) = refund(&fixture, first.clone()).await.expect("it is asked for");
    assert_eq!(
        (after.refunded, after.credited_paid, after.status),
        (usd(1000), usd(1000), InvoiceStatus::Paid)
    );
    let (again, _) = refund(&fixture, first).await.expect("it is known");
    assert_eq!(again, asked, "asked for twice it counts once");
    let more = refund(&fixture, repayment(&fixture, &paid, 601, RefundFrom::Invoice)).await;
    assert!(
        matches!(more, Err(InvoiceError::TooMuch(most)) if most == usd(600)),
        "{more:?}"
    );
    assert_eq!(fixture.stands(Account::Refunds).await, -1000);

    let mut tx = fixture.begin().await;
    for _ in 0..2 {
        let settled = refund_paid(&mut tx, fixture.tenant, asked.id)
            .await
            .expect("it is settled");
        assert_eq!(settled.status, RepaymentStatus::Paid);
    }
    tx.commit().await.expect("it is kept");
    assert_eq!(fixture.stands(Account::Refunds).await, 0);
    assert_eq!(fixture.stands(Account::Cash).await, 600);

    let (failing, _) = refund(&fixture, repayment(&fixture, &paid, 600, RefundFrom::Invoice))
        .await
        .expect("it is asked for");
    assert_eq!(
        fixture.stands(Account::Revenue).await,
        0,
        "all of it was taken back"
    );
    assert_eq!(fixture.stands(Account::TaxPayable).await, 0);
    let mut tx = fixture.begin().await;
    refund_failed(&mut tx, fixture.tenant, failing.id)
        .await
        .expect("it is settled");
    tx.commit().await.expect("it is kept");
    assert_eq!(fixture.stands(Account::CustomerBalance).await, -600);

    let nothing = refund(&fixture, repayment(&fixture, &paid, 1, RefundFrom::Invoice)).await;
    assert!(
        matches!(nothing, Err(InvoiceError::TooMuch(most)) if most == usd(0)),
        "{nothing:?}"
    );
    let too_much = refund(&fixture, repayment(&fixture, &paid, 601, RefundFrom::Balance)).await;
    assert!(
        matches!(too_much, Err(InvoiceError::TooMuch(most)) if most == usd(600)),
        "{too_much:?}"
    );
    let (last, _) = refund(&fixture, repayment(&fixture, &paid, 600, RefundFrom::Balance))
        .await
        .expect("it is asked for again, from the balance");
    let mut tx = fixture.begin().await;
    refund_paid(&mut tx, fixture.tenant, last.id)
        .await
        .expect("it is settled");
    // The bank sends it back later.
    refund_failed(&mut tx, fixture.tenant, last.id)
        .await
        .expect("it is settled");
    tx.commit().await.expect("it is kept");
    assert_eq!(fixture.stands(Account::CustomerBalance).await, -600);
    assert_eq!(fixture.stands(Account::Cash).await, 600);
    let document = read(&fixture, invoice.id).await;
    assert_eq!(document.credit_notes.len(), 2);
    assert_eq!(document.payments[0].refunded, usd(1000));
    fixture.assert_sound().await;
}

#[tokio::test]
async fn a_credit_takes_off_what_is_due_before_it_becomes_balance() {
    let fixture = Fixture::taxed().await;
    let invoice = invoiced(&fixture, &[1000]).await;
    pay(&fixture, payment(&fixture, &invoice, 700)).await;
    let mut tx = fixture.begin().await;
    let note = credit(
        &mut tx,
        &fixture.terms,
        fixture.tenant,
        invoice.id,
        usd(600),
        Some("late".to_owned()),
    )
    .await
    .expect("it is credited");
    assert_eq!((note.subtotal, note.tax), (usd(500), usd(100)));
    assert_eq!(
        (note.to_due, note.to_balance, note.to_refund),
        (usd(500), usd(100), usd(0))
    );
    assert_eq!(note.number, "CN-000001");
    let more = credit(
        &mut tx,
        &fixture.terms,
        fixture.tenant,
        invoice.id,
        usd(601),
        None,
    )
    .await;
    assert!(
        matches!(more, Err(InvoiceError::TooMuch(most)) if most == usd(600)),
        "{more:?}"
    );
    tx.commit().await.expect("it is kept");
    let document = read(&fixture, invoice.id).await;
    assert_eq!(document.invoice.status, InvoiceStatus::Paid);
    assert_eq!(document.credit_notes, [note]);
    assert_eq!(document.invoice.total, usd(1200), "the invoice says what it said");
    fixture.assert_sound().await;
}

#[tokio::test]
async fn who_gives_up_is_glad_of_a_payment_after_all() {
    let fixture = Fixture::new().await;
    let invoice = invoiced(&fixture, &[1000]).await;
    for round in 0..2 {
        let mut tx = fixture.begin().await;
        let given_up = mark_uncollectible(&mut tx, &fixture.terms, fixture.tenant, invoice.id, None)
            .await
            .expect("it is written off");
        assert_eq!(given_up.due, usd(0));
        tx.commit().await.expect("it is kept");
        assert_eq!(fixture.stands(Account::WriteOff).await, 1000 - 100 * round);
        let (after, _) = pay(&fixture, payment(&fixture, &invoice, 100)).await;
        assert_eq!(
            (after.status, after.due.amount),
            (InvoiceStatus::Open, 900 - 100 * round)
        );
        assert_eq!(fixture.stands(Account::WriteOff).await, 0);
        fixture.assert_sound().await;
    }
    let mut tx = fixture.begin().await;
    mark_uncollectible(&mut tx, &fixture.terms, fixture.tenant, invoice.id, None)
        .await
        .expect("it is written off");
    credit(
        &mut tx,
        &fixture.terms,
        fixture.tenant,
        invoice.id,
        usd(900),
        None,
    )
    .await
    .expect("it is credited");
    tx.commit().await.expect("it is kept");
    let after = read(&fixture, invoice.id).await.invoice;
    assert_eq!(
        (after.written_off, after.credited_due, after.credited_paid),
        (usd(0), usd(800), usd(100))
    );
    assert_eq!(fixture.stands(Account::WriteOff).await, 0);
    fixture.assert_sound().await;
}

#[tokio::test]
async fn what_is_voided_never_was() {
    let fixture = Fixture::taxed().await;
    let first = invoiced(&fixture, &[100]).await;
    pay(&fixture, payment(&fixture, &first, 620)).await;
    let invoice = invoiced(&fixture, &[1000]).await;
    assert_eq!((invoice.balance_applied, invoice.due), (usd(500), usd(700)));
    let mut tx = fixture.begin().await;
    let voided = void(
        &mut tx,
        &fixture.terms,
        fixture.tenant,
        invoice.id,
        Some(invoice.version),
    )
    .await
    .expect("it is voided");
    assert_eq!((voided.status, voided.due), (InvoiceStatus::Void, usd(0)));
    let again = void(&mut tx, &fixture.terms, fixture.tenant, invoice.id, None).await;
    assert!(
        matches!(again, Err(InvoiceError::WrongStatus { .. })),
        "{again:?}"
    );
    let paid = void(&mut tx, &fixture.terms, fixture.tenant, first.id, None).await;
    assert!(matches!(paid, Err(InvoiceError::WrongStatus { .. })), "{paid:?}");
    tx.commit().await.expect("it is kept");
    assert_eq!(fixture.stands(Account::CustomerBalance).await, -500);
    assert_eq!(fixture.stands(Account::Revenue).await, -100);
    let (_, late) = pay(&fixture, payment(&fixture, &invoice, 700)).await;
    assert_eq!(late.surplus, usd(700), "what comes for it is balance");
    fixture.assert_sound().await;
}
