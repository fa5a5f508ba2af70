//! Credit notes: documents that take back what a final invoice says, in whole or in part, with numbers of their own.
//!
//! Invariants: of a line never more is taken back than it was sold for, its tax goes back in proportion and to the minor unit;
//! a credit note first takes off what is due, and only what was paid becomes balance or goes back as money. So no customer
//! is credited more than he paid.

use audit::EventType;
use isolation::{ControlTx, Tx};
use kernel::{Entity, Id, TenantId, Timestamp};
use pricing::money::apportion;
use pricing::proration::tax_of_credit;
use pricing::{Exact, Money, MoneyError, ProrationMode, Span};
use serde::Serialize;

use super::credit_note_rows as rows;
use super::error::InvoiceError;
use super::model::{Invoice, InvoiceId, InvoiceStatus, Line, LineId, Party, words};
use super::numbers::{self, Series};
use super::settlement::{final_invoice, save};
use super::{recorded, sql};
use crate::accounts::{self, BillingAccount};
use crate::clock;
use crate::dunning;
use crate::ledger::{self, Account, Cause, Entry};
use crate::terms::Terms;

/// Marker of credit notes.
#[derive(Debug)]
pub enum CreditNoteEntity {}
impl Entity for CreditNoteEntity {
    const PREFIX: &'static str = "credit_note";
}
/// A credit note's identifier.
pub type CreditNoteId = Id<CreditNoteEntity>;

words! {
    /// Why something is taken back.
    #[schema(as = CreditNoteReason)]
    Reason {
        /// The subscription was changed within a period that was charged.
        Change = "change",
        /// It ended within one.
        Cancellation = "cancellation",
        /// Money goes back.
        Refund = "refund",
        /// The whole invoice is taken back.
        Void = "void",
        /// Something on it was wrong.
        Correction = "correction",
    }
}

/// A credit note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditNote {
    /// Which one.
    pub id: CreditNoteId,
    /// The invoice that it takes from.
    pub invoice_id: InvoiceId,
    /// Its number in the books of the legal entity.
    pub number: String,
    /// Why.
    pub reason: Reason,
    /// In somebody's words.
    pub note: Option<String>,
    /// Without tax.
    pub subtotal: Money,
    /// The tax.
    pub tax: Money,
    /// With tax.
    pub total: Money,
    /// Taken off what was due.
    pub to_due: Money,
    /// To the customer's balance.
    pub to_balance: Money,
    /// Back as money.
    pub to_refund: Money,
    /// Who sells.
    pub seller: Party,
    /// Who bought.
    pub customer: Party,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// What it takes back.
    pub lines: Vec<CreditLine>,
}

/// What is taken back of one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditLine {
    /// Of which.
    pub invoice_line_id: LineId,
    /// What the credit note says.
    pub description: String,
    /// For what time.
    pub period: Option<Span>,
    /// How that is reckoned.
    pub proration_mode: Option<ProrationMode>,
    /// Without tax.
    pub amount: Money,
    /// The tax on it.
    pub tax: Money,
}

impl CreditLine {
    /// So much of what is left of a line, without tax.
    pub(crate) fn of(sold: &Sold, amount: Money) -> Result<Self, MoneyError> {
        let line = &sold.line;
        let before = (sold.credited, sold.credited_tax);
        Ok(Self {
            invoice_line_id: line.id,
            description: line.description.clone(),
            period: line.period,
            proration_mode: line.proration.map(|timed| timed.mode),
            amount,
            tax: tax_of_credit((line.net, line.tax), before, amount)?,
        })
    }
}

/// Where a credit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Off what is due, and what was paid to the balance.
    Customer,
    /// Back as money.
    Refund,
}

/// A line of a final invoice, and what was taken back of it, without tax.
#[derive(Debug, Clone)]
pub(crate) struct Sold {
    /// The line.
    pub(crate) line: Line,
    /// Taken back so far, without tax.
    pub(crate) credited: Money,
    /// And its tax.
    pub(crate) credited_tax: Money,
    /// The time that it still charges for: what was taken back as not used is not charged for any more.
    pub(crate) charges_for: Option<Span>,
}

/// What an invoice sold.
pub(crate) async fn sold(tx: &mut ControlTx, invoice: &Invoice) -> Result<Vec<Sold>, InvoiceError> {
    let lines = sql::lines(tx, invoice.tenant_id, invoice.id, invoice.currency).await?;
    let credited = rows::credited(tx, invoice.tenant_id, invoice.id).await?;
    let of = |line: &Line| credited.get(&line.id).copied().unwrap_or_default();
    let sold = lines.into_iter().filter(|line| line.kind.is_sold());
    Ok(sold
        .map(|line| {
            let credited = of(&line);
            let until = |period: Span| credited.unused_from.unwrap_or(period.ends_at);
            Sold {
                credited: Money::new(credited.amount, invoice.currency),
                credited_tax: Money::new(credited.tax, invoice.currency),
                charges_for: line
                    .period
                    .map(|period| Span::new(period.starts_at, until(period))),
                line,
            }
        })
        .collect())
}

/// All that is left of an invoice.
pub(super) async fn rest(tx: &mut ControlTx, invoice: &Invoice) -> Result<Vec<CreditLine>, InvoiceError> {
    let sold = sold(tx, invoice).await?;
    let lines = sold
        .iter()
        .map(|sold| CreditLine::of(sold, sold.line.net.checked_sub(sold.credited)?));
    Ok(lines.collect::<Result<Vec<_>, MoneyError>>()?)
}

/// An amount with its tax, spread over what is left of the lines.
pub(super) async fn spread(
    tx: &mut ControlTx,
    invoice: &Invoice,
    gross: Money,
) -> Result<Vec<CreditLine>, InvoiceError> {
    let sold = sold(tx, invoice).await?;
    let left = |sold: &Sold| sold.line.net.amount - sold.credited.amount + left_tax(sold);
    let weights: Vec<Exact> = sold.iter().map(|sold| Exact::from(left(sold))).collect();
    let parts = apportion(gross.amount, &weights).ok_or(InvoiceError::TooMuch(invoice.creditable()))?;
    let lines = sold.iter().zip(parts).map(|(sold, part)| {
        let whole = Exact::from(left(sold));
        let share = Exact::from(part).divided_by(&whole).unwrap_or_default();
        let tax = Money::new(left_tax(sold), invoice.currency).times(&share)?;
        Ok(CreditLine {
            tax,
            amount: Money::new(part, invoice.currency).checked_sub(tax)?,
            ..CreditLine::of(sold, Money::zero(invoice.currency))?
        })
    });
    Ok(lines.collect::<Result<Vec<_>, MoneyError>>()?)
}

const fn left_tax(sold: &Sold) -> i64 {
    sold.line.tax.amount - sold.credited_tax.amount
}

/// Takes back a part of a final invoice, tax included: off what is due, and what was paid to the balance.
pub async fn credit(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    id: InvoiceId,
    gross: Money,
    note: Option<String>,
) -> Result<CreditNote, InvoiceError> {
    let account = accounts::lock(tx, tenant).await?;
    let mut invoice = final_invoice(tx, tenant, id, "credited").await?;
    check(&invoice, gross)?;
    let lines = spread(tx, &invoice, gross).await?;
    let at = clock::now(tx).await?;
    let why = (Reason::Correction, note);
    let issued = issue(
        tx,
        terms,
        &account,
        &mut invoice,
        why,
        lines,
        Destination::Customer,
        at,
    )
    .await?;
    let issued = issued.ok_or(InvoiceError::NotPositive)?;
    dunning::settled(tx, terms, &invoice, at).await?;
    Ok(issued)
}

/// Refuses an amount that is nothing, or more than is left.
pub(super) fn check(invoice: &Invoice, gross: Money) -> Result<(), InvoiceError> {
    gross.same_currency(invoice.total)?;
    if !gross.is_positive() {
        return Err(InvoiceError::NotPositive);
    }
    let most = match invoice.status {
        InvoiceStatus::Void => Money::zero(invoice.currency),
        _ => invoice.creditable(),
    };
    if gross.amount > most.amount {
        return Err(InvoiceError::TooMuch(most));
    }
    Ok(())
}

/// Issues a credit note over these lines and books it; none where they come to nothing.
#[expect(clippy::too_many_arguments, reason = "a document has that many sides")]
pub(crate) async fn issue(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    invoice: &mut Invoice,
    (reason, note): (Reason, Option<String>),
    lines: Vec<CreditLine>,
    destination: Destination,
    at: Timestamp,
) -> Result<Option<CreditNote>, InvoiceError> {
    let lines: Vec<_> = lines
        .into_iter()
        .filter(|line| line.amount.is_positive() || line.tax.is_positive())
        .collect();
    let subtotal = Money::sum(invoice.currency, lines.iter().map(|line| line.amount))?;
    let tax = Money::sum(invoice.currency, lines.iter().map(|line| line.tax))?;
    let total = subtotal.checked_add(tax)?;
    if total.is_zero() {
        return Ok(None);
    }
    check(invoice, total)?;
    let nothing = Money::zero(invoice.currency);
    let to_due = match destination {
        Destination::Refund => nothing,
        Destination::Customer => total.min(invoice.due.checked_add(invoice.written_off)?)?,
    };
    let paid_back = total.checked_sub(to_due)?;
    let (to_balance, to_refund) = match destination {
        Destination::Customer => (paid_back, nothing),
        Destination::Refund => (nothing, paid_back),
    };
    let (sequence, number) = numbers::next(tx, &terms.seller, Series::CreditNote).await?;
    let note = CreditNote {
        id: tx.new_id(),
        invoice_id: invoice.id,
        number,
        reason,
        note,
        subtotal,
        tax,
        total,
        to_due,
        to_balance,
        to_refund,
        seller: terms.seller.party.clone(),
        customer: Party::customer(account),
        issued_at: at,
        lines,
    };
    rows::insert(tx, account.tenant_id, &note, &terms.seller.legal_entity, sequence).await?;
    let off_written_off = take_off(invoice, &note)?;
    *invoice = save(tx, invoice.clone(), at).await?;
    ledger::record(tx, account.tenant_id, &booked(&note, off_written_off)?, at).await?;
    tell(tx, invoice, &note).await?;
    dunning::invoice_changed(tx, invoice, at).await?;
    Ok(Some(note))
}

/// What the credit note does to the invoice; answers what it takes off what was written off already.
fn take_off(invoice: &mut Invoice, note: &CreditNote) -> Result<Money, MoneyError> {
    let off_written_off = note.to_due.min(invoice.written_off)?;
    invoice.written_off = invoice.written_off.checked_sub(off_written_off)?;
    invoice.credited_due = invoice.credited_due.checked_add(note.to_due)?;
    let paid_back = note.to_balance.checked_add(note.to_refund)?;
    invoice.credited_paid = invoice.credited_paid.checked_add(paid_back)?;
    Ok(off_written_off)
}

fn booked(note: &CreditNote, off_written_off: Money) -> Result<Entry, MoneyError> {
    let off_due = note.to_due.checked_sub(off_written_off)?;
    // Everything leaves by the receivable, from which each part goes where it belongs.
    Entry::of(Cause::CreditNote, note.id, note.total.currency)
        .transfer(note.subtotal, Account::Revenue, Account::Receivable)?
        .transfer(note.tax, Account::TaxPayable, Account::Receivable)?
        .transfer(off_written_off, Account::Receivable, Account::WriteOff)?
        .transfer(note.to_balance, Account::Receivable, Account::CustomerBalance)?
        .transfer(note.to_refund, Account::Receivable, Account::Refunds)
        .inspect(|_| debug_assert!(!off_due.is_negative(), "more is taken off than was due"))
}

async fn tell(tx: &mut ControlTx, invoice: &Invoice, note: &CreditNote) -> Result<(), sqlx::Error> {
    recorded(tx, EventType::CreditNoteIssued, invoice, |event| {
        event
            .meta("creditNote", note.number.as_str())
            .meta("reason", note.reason.name())
            .meta("total", note.total.amount)
            .meta("currency", note.total.currency.code())
    })
    .await
}
