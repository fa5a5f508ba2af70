//! What becomes of a final invoice: it is paid, written off, or voided.

use audit::EventType;
use isolation::ControlTx;
use kernel::{Entity, Id, TenantId, Timestamp};
use pricing::{Money, MoneyError};
use serde::Serialize;

use super::credit_notes::{self, Destination, Reason};
use super::error::InvoiceError;
use super::model::{Invoice, InvoiceId, InvoiceStatus};
use super::{payment_rows, recorded, sql};
use crate::accounts;
use crate::clock;
use crate::dunning;
use crate::ledger::{self, Account, Cause, Entry};
use crate::terms::Terms;

/// Marker of payments.
#[derive(Debug)]
pub enum PaymentEntity {}
impl Entity for PaymentEntity {
    const PREFIX: &'static str = "payment";
}
/// A payment's identifier. One that was collected has that of the attempt: `PaymentId::from_uuid(attempt.uuid())`.
pub type PaymentId = Id<PaymentEntity>;

/// Money that came for an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPayment {
    /// Which payment: one that is told twice counts once.
    pub id: PaymentId,
    /// For which invoice.
    pub invoice: InvoiceId,
    /// How much.
    pub amount: Money,
    /// What it is called where it came from.
    pub reference: Option<String>,
    /// When it came; now where nothing is said.
    pub received_at: Option<Timestamp>,
}

/// Money that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// Which one.
    pub id: PaymentId,
    /// For which invoice.
    pub invoice_id: InvoiceId,
    /// What it paid of the invoice.
    pub applied: Money,
    /// What it was more than that, which the balance has.
    pub surplus: Money,
    /// What went back of it, or is on its way.
    pub refunded: Money,
    /// What it is called where it came from.
    pub reference: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
}

impl Payment {
    /// All of it.
    pub fn amount(&self) -> Money {
        Money::new(self.applied.amount + self.surplus.amount, self.applied.currency)
    }

    /// What can still go back of it.
    pub fn refundable(&self) -> Money {
        Money::new(self.amount().amount - self.refunded.amount, self.applied.currency)
    }
}

/// Records that money came for a final invoice. What is more than its due, or comes when nothing is due any more, becomes the
/// customer's balance: money that came is never dropped.
pub async fn record_payment(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    new: NewPayment,
) -> Result<(Invoice, Payment), InvoiceError> {
    accounts::lock(tx, tenant).await?;
    let mut invoice = final_invoice(tx, tenant, new.invoice, "paid").await?;
    new.amount.same_currency(invoice.total)?;
    if let Some(known) = payment_rows::get(tx, tenant, new.id).await? {
        let same = known.amount() == new.amount && known.invoice_id == new.invoice;
        return if same {
            Ok((invoice, known))
        } else {
            Err(InvoiceError::OtherPayment)
        };
    }
    if !new.amount.is_positive() {
        return Err(InvoiceError::NotPositive);
    }
    let now = clock::now(tx).await?;
    let at = new.received_at.unwrap_or(now);
    let expected_again = undo_write_off(&mut invoice);
    let applied = invoice.due.min(new.amount)?;
    let payment = Payment {
        id: new.id,
        invoice_id: invoice.id,
        applied,
        surplus: new.amount.checked_sub(applied)?,
        refunded: Money::zero(invoice.currency),
        reference: new.reference,
        received_at: at,
    };
    payment_rows::insert(tx, tenant, &payment).await?;
    invoice.paid = invoice.paid.checked_add(applied)?;
    invoice.surplus = invoice.surplus.checked_add(payment.surplus)?;
    let invoice = save(tx, invoice, now).await?;
    ledger::record(tx, tenant, &reopened(&payment, expected_again)?, now).await?;
    ledger::record(tx, tenant, &received(&payment)?, now).await?;
    tell_payment(tx, &invoice, &payment).await?;
    dunning::settled(tx, terms, &invoice, now).await?;
    Ok((invoice, payment))
}

fn undo_write_off(invoice: &mut Invoice) -> Money {
    let again = invoice.written_off;
    if invoice.status == InvoiceStatus::Uncollectible {
        invoice.status = InvoiceStatus::Open;
        invoice.uncollectible_at = None;
        invoice.written_off = Money::zero(invoice.currency);
        invoice.due = again;
    }
    again
}

fn reopened(payment: &Payment, again: Money) -> Result<Entry, MoneyError> {
    Entry::of(Cause::WriteOffUndone, payment.id, again.currency).transfer(
        again,
        Account::Receivable,
        Account::WriteOff,
    )
}

fn received(payment: &Payment) -> Result<Entry, MoneyError> {
    Entry::of(Cause::Payment, payment.id, payment.applied.currency)
        .transfer(payment.applied, Account::Cash, Account::Receivable)?
        .transfer(payment.surplus, Account::Cash, Account::CustomerBalance)
}

async fn tell_payment(tx: &mut ControlTx, invoice: &Invoice, payment: &Payment) -> Result<(), InvoiceError> {
    recorded(tx, EventType::PaymentRecorded, invoice, |event| {
        event
            .meta("payment", payment.id.to_string())
            .meta("amount", payment.amount().amount)
            .meta("currency", invoice.currency.code())
    })
    .await?;
    if invoice.status == InvoiceStatus::Paid && payment.applied.is_positive() {
        let paid = |event: audit::Event| event.change("status", "open", "paid");
        recorded(tx, EventType::InvoicePaid, invoice, paid).await?;
    }
    Ok(())
}

/// Gives up on an open invoice. A payment that comes after all opens it again.
pub async fn mark_uncollectible(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    id: InvoiceId,
    expected: Option<i64>,
) -> Result<Invoice, InvoiceError> {
    accounts::lock(tx, tenant).await?;
    let mut invoice = final_invoice(tx, tenant, id, "written off").await?;
    check_version(&invoice, expected)?;
    if invoice.status == InvoiceStatus::Uncollectible {
        return Ok(invoice);
    }
    if invoice.status != InvoiceStatus::Open {
        return Err(wrong(&invoice, "written off"));
    }
    let at = clock::now(tx).await?;
    let lost = invoice.due;
    invoice.status = InvoiceStatus::Uncollectible;
    invoice.uncollectible_at = Some(at);
    invoice.written_off = lost;
    let invoice = save(tx, invoice, at).await?;
    // An invoice can be given up more than once, with a payment between.
    let entry = Entry::of(Cause::WriteOff, invoice.id, invoice.currency).occurrence(invoice.version);
    let entry = entry.transfer(lost, Account::WriteOff, Account::Receivable)?;
    ledger::record(tx, tenant, &entry, at).await?;
    let change = |event: audit::Event| event.change("status", "open", "uncollectible");
    recorded(tx, EventType::InvoiceUncollectible, &invoice, change).await?;
    dunning::settled(tx, terms, &invoice, at).await?;
    Ok(invoice)
}

/// Takes an invoice back of which nothing was paid, by a credit note over all of it. What the balance paid is balance again.
pub async fn void(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    id: InvoiceId,
    expected: Option<i64>,
) -> Result<Invoice, InvoiceError> {
    let account = accounts::lock(tx, tenant).await?;
    let mut invoice = final_invoice(tx, tenant, id, "voided").await?;
    check_version(&invoice, expected)?;
    if !matches!(invoice.status, InvoiceStatus::Open | InvoiceStatus::Uncollectible) {
        return Err(wrong(&invoice, "voided"));
    }
    if !invoice.paid.is_zero() {
        return Err(InvoiceError::PartlyPaid);
    }
    if invoice.balance_applied.is_negative() {
        return Err(InvoiceError::CarriesDebt);
    }
    let at = clock::now(tx).await?;
    let rest = credit_notes::rest(tx, &invoice).await?;
    let from = invoice.status.name();
    credit_notes::issue(
        tx,
        terms,
        &account,
        &mut invoice,
        (Reason::Void, None),
        rest,
        Destination::Customer,
        at,
    )
    .await?;
    invoice.status = InvoiceStatus::Void;
    invoice.voided_at = Some(at);
    invoice.paid_at = None;
    invoice.version += 1;
    sql::save_outcome(tx, &invoice).await?;
    let change = |event: audit::Event| event.change("status", from, "void");
    recorded(tx, EventType::InvoiceVoided, &invoice, change).await?;
    dunning::settled(tx, terms, &invoice, at).await?;
    Ok(invoice)
}

/// The invoice, if it is final. Its account is locked, so nobody else changes it.
pub(super) async fn final_invoice(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: InvoiceId,
    action: &'static str,
) -> Result<Invoice, InvoiceError> {
    let invoice = sql::get(tx, tenant, id).await?.ok_or(InvoiceError::NotFound)?;
    if invoice.status == InvoiceStatus::Draft {
        return Err(wrong(&invoice, action));
    }
    Ok(invoice)
}

pub(super) fn wrong(invoice: &Invoice, action: &'static str) -> InvoiceError {
    InvoiceError::WrongStatus {
        status: invoice.status,
        action,
    }
}

fn check_version(invoice: &Invoice, expected: Option<i64>) -> Result<(), InvoiceError> {
    match expected {
        Some(version) if version != invoice.version => Err(InvoiceError::VersionMismatch {
            current: invoice.version,
        }),
        _ => Ok(()),
    }
}

/// Stores what became of the invoice.
pub(super) async fn save(
    tx: &mut ControlTx,
    mut invoice: Invoice,
    at: Timestamp,
) -> Result<Invoice, InvoiceError> {
    invoice.reckon_due(at);
    invoice.version += 1;
    invoice.updated_at = at;
    sql::save_outcome(tx, &invoice).await?;
    Ok(invoice)
}
