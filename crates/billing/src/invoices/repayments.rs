//! Money that goes back. Asking for it books the customer's claim, with a credit note where it takes back what an invoice says;
//! the provider's answer books that the money left, or makes balance of a claim that could not be paid out.
//!
//! Invariant: of a payment never more goes back than came, all refunds together.

use audit::EventType;
use isolation::ControlTx;
use kernel::{Entity, Id, TenantId};
use pricing::{Money, MoneyError};
use serde::Serialize;

use super::credit_notes::{self, CreditNote, CreditNoteId, Destination, Reason};
use super::error::InvoiceError;
use super::model::{Invoice, InvoiceId, words};
use super::settlement::{Payment, PaymentId, final_invoice, save};
use super::{payment_rows as rows, recorded};
use crate::accounts;
use crate::clock;
use crate::ledger::{self, Account, Cause, Entry};
use crate::terms::Terms;

/// Marker of repayments.
#[derive(Debug)]
pub enum RepaymentEntity {}
impl Entity for RepaymentEntity {
    const PREFIX: &'static str = "refund";
}
/// A repayment's identifier: that of the refund which the provider is asked for.
pub type RepaymentId = Id<RepaymentEntity>;

words! {
    /// Where a repayment stands.
    RepaymentStatus {
        /// The customer waits for it.
        Pending = "pending",
        /// It left.
        Paid = "paid",
        /// It could not be paid out; the balance has it.
        Failed = "failed",
    }
}

words! {
    /// Where what is paid back is taken from.
    RefundFrom {
        /// From what an invoice sold: a credit note takes that back.
        Invoice = "invoice",
        /// From the customer's balance.
        Balance = "balance",
        /// From the invoice as far as something is left of it, and from the balance beyond: money that a provider sent back
        /// without being asked.
        Either = "either",
    }
}

/// Money that is to go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRepayment {
    /// Which one: asked for twice it counts once.
    pub id: RepaymentId,
    /// Of which payment.
    pub payment: PaymentId,
    /// How much.
    pub amount: Money,
    /// Where it is taken from.
    pub from: RefundFrom,
    /// Why, in somebody's words.
    pub note: Option<String>,
}

/// Money that goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Repayment {
    /// Which one.
    pub id: RepaymentId,
    /// Of which payment.
    pub payment_id: PaymentId,
    /// Of which invoice.
    pub invoice_id: InvoiceId,
    /// What takes it back from the invoice.
    pub credit_note_id: Option<CreditNoteId>,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub status: RepaymentStatus,
}

/// Asks for money to go back. The provider is told by whoever calls this, after the commit.
pub async fn request_refund(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    new: NewRepayment,
) -> Result<(Repayment, Invoice), InvoiceError> {
    let account = accounts::lock(tx, tenant).await?;
    let payment = rows::get(tx, tenant, new.payment).await?;
    let payment = payment.ok_or(InvoiceError::PaymentNotFound)?;
    let mut invoice = final_invoice(tx, tenant, payment.invoice_id, "refunded").await?;
    if let Some(known) = rows::repayment(tx, tenant, new.id).await? {
        let same = known.amount == new.amount && known.payment_id == new.payment;
        return if same {
            Ok((known, invoice))
        } else {
            Err(InvoiceError::OtherRefund)
        };
    }
    let from_invoice = taken_from_invoice(tx, &new, &payment, &invoice).await?;
    let at = clock::now(tx).await?;
    let mut credit_note: Option<CreditNote> = None;
    if from_invoice.is_positive() {
        let lines = credit_notes::spread(tx, &invoice, from_invoice).await?;
        let why = (Reason::Refund, new.note.clone());
        let to = Destination::Refund;
        credit_note = credit_notes::issue(tx, terms, &account, &mut invoice, why, lines, to, at).await?;
    }
    let repayment = Repayment {
        id: new.id,
        payment_id: payment.id,
        invoice_id: invoice.id,
        credit_note_id: credit_note.map(|note| note.id),
        amount: new.amount,
        status: RepaymentStatus::Pending,
    };
    invoice.refunded = invoice.refunded.checked_add(new.amount)?;
    let invoice = save(tx, invoice, at).await?;
    rows::insert_repayment(tx, tenant, &repayment, at).await?;
    let from_balance = new.amount.checked_sub(from_invoice)?;
    let entry = Entry::of(Cause::RefundRequested, new.id, new.amount.currency);
    let entry = entry.transfer(from_balance, Account::CustomerBalance, Account::Refunds)?;
    ledger::record(tx, tenant, &entry, at).await?;
    tell(tx, EventType::RefundRequested, &invoice, &repayment).await?;
    Ok((repayment, invoice))
}

/// How much of it a credit note takes back; the rest is balance. Refuses more than there is.
async fn taken_from_invoice(
    tx: &mut ControlTx,
    new: &NewRepayment,
    payment: &Payment,
    invoice: &Invoice,
) -> Result<Money, InvoiceError> {
    new.amount.same_currency(invoice.total)?;
    if !new.amount.is_positive() {
        return Err(InvoiceError::NotPositive);
    }
    let most = most_refundable(tx, invoice, payment, new.from).await?;
    if new.amount.amount > most.amount {
        return Err(InvoiceError::TooMuch(most));
    }
    match new.from {
        RefundFrom::Invoice => Ok(new.amount),
        RefundFrom::Balance => Ok(Money::zero(invoice.currency)),
        RefundFrom::Either => Ok(new.amount.min(refundable_credit(invoice)?)?),
    }
}

/// The most that can go back of a payment, taken from there.
pub async fn most_refundable(
    tx: &mut ControlTx,
    invoice: &Invoice,
    payment: &Payment,
    from: RefundFrom,
) -> Result<Money, InvoiceError> {
    let most = payment.refundable();
    Ok(match from {
        RefundFrom::Invoice => most.min(refundable_credit(invoice)?)?,
        RefundFrom::Balance => {
            let balance = ledger::customer_balance(tx, invoice.tenant_id, invoice.currency).await?;
            most.min(balance.max(Money::zero(invoice.currency))?)?
        }
        RefundFrom::Either => most,
    })
}

/// What is credited and paid back must have been paid, and not have been credited as balance before.
fn refundable_credit(invoice: &Invoice) -> Result<Money, MoneyError> {
    let paid = invoice
        .paid
        .checked_add(invoice.balance_applied)?
        .checked_add(invoice.carried_over)?;
    let creditable = invoice
        .creditable()
        .min(paid.checked_sub(invoice.credited_paid)?)?;
    creditable.max(Money::zero(invoice.currency))
}

/// What goes back of an invoice, oldest first.
pub async fn repayments(
    tx: &mut ControlTx,
    tenant: TenantId,
    invoice: InvoiceId,
) -> Result<Vec<Repayment>, sqlx::Error> {
    rows::repayments_of(tx, tenant, invoice).await
}

/// The money left.
pub async fn refund_paid(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: RepaymentId,
) -> Result<Repayment, InvoiceError> {
    settle(tx, tenant, id, RepaymentStatus::Paid).await
}

/// The money could not be sent, or came back: the balance has it.
pub async fn refund_failed(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: RepaymentId,
) -> Result<Repayment, InvoiceError> {
    settle(tx, tenant, id, RepaymentStatus::Failed).await
}

/// Pending becomes paid or failed; paid can still become failed, when a bank sends it back. Told again, nothing changes.
async fn settle(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: RepaymentId,
    to: RepaymentStatus,
) -> Result<Repayment, InvoiceError> {
    accounts::lock(tx, tenant).await?;
    let mut repayment = rows::repayment(tx, tenant, id)
        .await?
        .ok_or(InvoiceError::RefundNotFound)?;
    let from = repayment.status;
    if from == to || from == RepaymentStatus::Failed {
        return Ok(repayment);
    }
    let at = clock::now(tx).await?;
    repayment.status = to;
    rows::settle_repayment(tx, tenant, &repayment, at).await?;
    ledger::record(tx, tenant, &settled(&repayment, from)?, at).await?;
    let mut invoice = final_invoice(tx, tenant, repayment.invoice_id, "refunded").await?;
    if to == RepaymentStatus::Failed {
        invoice.refunded = invoice.refunded.checked_sub(repayment.amount)?;
        invoice = save(tx, invoice, at).await?;
    }
    tell(tx, EventType::RefundSettled, &invoice, &repayment).await?;
    Ok(repayment)
}

fn settled(repayment: &Repayment, from: RepaymentStatus) -> Result<Entry, MoneyError> {
    let amount = repayment.amount;
    let entry = |cause| Entry::of(cause, repayment.id, amount.currency);
    match (from, repayment.status) {
        (_, RepaymentStatus::Paid) => {
            entry(Cause::RefundPaid).transfer(amount, Account::Refunds, Account::Cash)
        }
        (RepaymentStatus::Paid, _) => {
            entry(Cause::RefundFailed).transfer(amount, Account::Cash, Account::CustomerBalance)
        }
        _ => entry(Cause::RefundFailed).transfer(amount, Account::Refunds, Account::CustomerBalance),
    }
}

async fn tell(
    tx: &mut ControlTx,
    kind: EventType,
    invoice: &Invoice,
    repayment: &Repayment,
) -> Result<(), sqlx::Error> {
    recorded(tx, kind, invoice, |event| {
        event
            .meta("refund", repayment.id.to_string())
            .meta("status", repayment.status.name())
            .meta("amount", repayment.amount.amount)
            .meta("currency", repayment.amount.currency.code())
    })
    .await
}
