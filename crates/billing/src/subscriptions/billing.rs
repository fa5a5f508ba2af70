//! Making a subscription's invoices, and what an operation answers.

use isolation::ControlTx;
use kernel::Timestamp;
use pricing::{Money, MoneyError, Span};
use serde::Serialize;

use super::charges::{coupons, plan};
use super::error::SubscriptionError;
use super::model::{Subscription, hour_of};
use crate::accounts::BillingAccount;
use crate::invoices::{self, CreditNote, Invoice, InvoiceKind, Line, NewInvoice, NewLine, UsageWindow};
use crate::terms::Terms;

/// An invoice with its lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Billed {
    /// The invoice.
    pub invoice: Invoice,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// What an operation did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The subscription afterwards.
    pub subscription: Subscription,
    /// When what was ordered takes effect.
    pub takes_effect_at: Timestamp,
    /// What is charged.
    pub invoices: Vec<Billed>,
    /// What is taken back of what was charged before.
    pub credit_notes: Vec<CreditNote>,
}

impl Outcome {
    pub(super) const fn of(subscription: Subscription, takes_effect_at: Timestamp) -> Self {
        Self {
            subscription,
            takes_effect_at,
            invoices: Vec::new(),
            credit_notes: Vec::new(),
        }
    }

    /// What is charged less what is taken back, with tax.
    pub fn net(&self) -> Result<Money, MoneyError> {
        let currency = self.subscription.currency;
        let charged = self.invoices.iter().map(|billed| billed.invoice.total);
        let credited = self.credit_notes.iter().map(|note| note.total);
        Money::sum(currency, charged)?.checked_sub(Money::sum(currency, credited)?)
    }
}

/// What an invoice of a subscription is about.
pub(super) struct Bill {
    pub(super) kind: InvoiceKind,
    pub(super) period: Span,
    pub(super) lines: Vec<NewLine>,
    pub(super) usage: Option<UsageWindow>,
    /// Whether it charges for a new period: a coupon counts such invoices.
    pub(super) begins_period: bool,
    /// Whether it waits for usage that comes late.
    pub(super) waits: bool,
}

/// Makes the invoice; none where there is nothing to charge.
pub(super) async fn bill(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    subscription: &mut Subscription,
    bill: Bill,
    at: Timestamp,
) -> Result<Option<Billed>, SubscriptionError> {
    if bill.lines.is_empty() && bill.usage.is_none() {
        return Ok(None);
    }
    let coupons = coupons(terms, subscription, bill.begins_period)?;
    if bill.begins_period {
        match &mut subscription.coupon {
            // It is over. A change within this period must not find it.
            Some(_) if coupons.is_empty() => subscription.coupon = None,
            Some(used) if !bill.lines.is_empty() => used.invoices += 1,
            _ => {}
        }
    }
    let waits = bill.waits && bill.usage.is_some() && !terms.grace.is_zero();
    let measures = bill.usage.is_some();
    let new = NewInvoice {
        subscription: Some(subscription.id),
        kind: bill.kind,
        period: Some(bill.period),
        finalize_at: waits.then(|| at.plus(terms.grace)),
        usage: bill.usage,
        coupons,
        lines: bill.lines,
    };
    let (invoice, lines) = invoices::draft(tx, terms, account, new, at).await?;
    if waits {
        return Ok(Some(Billed { invoice, lines }));
    }
    let invoice = if measures {
        let sold = lines.into_iter().filter(|line| line.kind.is_sold()).collect();
        invoices::finalize_draft(tx, terms, account, invoice, sold, at).await?
    } else {
        Some(invoices::finish(tx, terms, account, invoice, lines.len(), at).await?)
    };
    let Some(invoice) = invoice else { return Ok(None) };
    let document = invoices::get(tx, account.tenant_id, invoice.id).await?;
    Ok(Some(Billed {
        invoice: document.invoice,
        lines: document.lines,
    }))
}

/// Makes final what still waits, because something is about to change that it charged for.
pub(super) async fn finalize_drafts(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    subscription: &Subscription,
    at: Timestamp,
) -> Result<(), SubscriptionError> {
    for (draft, sold) in invoices::open_drafts(tx, subscription).await? {
        invoices::finalize_draft(tx, terms, account, draft, sold, at).await?;
    }
    Ok(())
}

/// The usage that is not invoiced yet, up to the hour of that instant; none where the plan charges for none.
pub(super) fn open_usage(
    terms: &Terms,
    subscription: &Subscription,
    until: Timestamp,
) -> Result<Option<UsageWindow>, SubscriptionError> {
    let span = Span::new(subscription.usage_from, hour_of(until));
    let charges = !plan(terms, subscription)?.usage.is_empty();
    Ok((charges && !span.is_empty()).then(|| UsageWindow {
        span,
        plan: subscription.plan.name().to_owned(),
        edition: subscription.edition,
    }))
}
