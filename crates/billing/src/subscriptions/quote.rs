//! What a change would do, as it is shown before it is ordered: without the identifiers and numbers that nothing has yet.

use kernel::Timestamp;
use pricing::{Currency, Decimal, Money, MoneyError, Price, Quantity, Span};
use serde::Serialize;

use super::billing::{Billed, Outcome};
use super::model::Subscription;
use crate::invoices::{CreditLine, CreditNote, InvoiceKind, Line, LineKind, Reason, TaxTreatment, Timed};

/// What an order would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    /// The subscription afterwards.
    pub subscription: Subscription,
    /// When what is ordered takes effect.
    pub takes_effect_at: Timestamp,
    /// What would be charged.
    pub invoices: Vec<QuotedInvoice>,
    /// What would be taken back of what was charged before.
    pub credit_notes: Vec<QuotedCreditNote>,
    /// What is charged less what is taken back, with tax.
    pub net: Money,
}

/// A subscription that was changed, with what that charged and took back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChangedSubscription)]
pub struct Changed {
    /// The subscription afterwards.
    #[serde(flatten)]
    pub subscription: Subscription,
    /// When what was ordered takes effect.
    pub takes_effect_at: Timestamp,
    /// What is charged now.
    pub invoices: Vec<Billed>,
    /// What is taken back now of what was charged before.
    pub credit_notes: Vec<CreditNote>,
}

impl From<Outcome> for Changed {
    fn from(outcome: Outcome) -> Self {
        Self {
            subscription: outcome.subscription,
            takes_effect_at: outcome.takes_effect_at,
            invoices: outcome.invoices,
            credit_notes: outcome.credit_notes,
        }
    }
}

/// An invoice that would be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotedInvoice {
    /// What it is for.
    pub kind: InvoiceKind,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// The period it is for.
    pub period: Option<Span>,
    /// Its lines.
    pub lines: Vec<QuotedLine>,
    /// All that is sold, before discounts.
    pub subtotal: Money,
    /// What coupons take off.
    pub discount: Money,
    /// All taxes.
    pub tax: Money,
    /// What it comes to.
    pub total: Money,
    /// Whether the amounts of the lines have the tax in them.
    pub prices_include_tax: bool,
    /// Why tax is charged, or is not.
    pub tax_treatment: TaxTreatment,
    /// What the customer's balance pays, with what the credit notes add to it; negative: what it adds.
    pub balance_applied: Money,
    /// What is too little to be collected and goes to the next invoice.
    pub carried_over: Money,
    /// What is left to be paid.
    pub due: Money,
}

/// A line that would be on it: as [`Line`], without an identifier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotedLine {
    /// What it is.
    pub kind: LineKind,
    /// What the invoice says.
    pub description: String,
    /// What is sold: `plan:pro`, `add_on:extra_users`, `usage:api_calls`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Span>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
    /// What each costs, where that is a whole number of minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Money>,
    /// What it comes to.
    pub amount: Money,
    /// How it is reckoned, where time is charged for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proration: Option<Timed>,
    /// What coupons take off it.
    pub discount: Money,
    /// What is left, without tax.
    pub net: Money,
    /// The tax on that.
    pub tax: Money,
    /// Of a tax: of a hundred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_rate: Option<Decimal>,
    /// The price that usage was rated by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// A credit note that would be issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuotedCreditNote {
    /// The invoice that it takes from.
    pub invoice_id: crate::invoices::InvoiceId,
    /// Why.
    pub reason: Reason,
    /// Without tax.
    pub subtotal: Money,
    /// The tax.
    pub tax: Money,
    /// With tax.
    pub total: Money,
    /// Taken off what is due.
    pub to_due: Money,
    /// To the customer's balance.
    pub to_balance: Money,
    /// What it takes back.
    pub lines: Vec<CreditLine>,
}

impl TryFrom<Outcome> for Quote {
    type Error = MoneyError;
    fn try_from(outcome: Outcome) -> Result<Self, MoneyError> {
        let net = outcome.net()?;
        Ok(Self {
            subscription: outcome.subscription,
            takes_effect_at: outcome.takes_effect_at,
            invoices: outcome.invoices.into_iter().map(QuotedInvoice::from).collect(),
            credit_notes: outcome
                .credit_notes
                .into_iter()
                .map(QuotedCreditNote::from)
                .collect(),
            net,
        })
    }
}

impl From<Billed> for QuotedInvoice {
    fn from(Billed { invoice, lines }: Billed) -> Self {
        Self {
            kind: invoice.kind,
            currency: invoice.currency,
            period: invoice.period,
            lines: lines.into_iter().map(QuotedLine::from).collect(),
            subtotal: invoice.subtotal,
            discount: invoice.discount,
            tax: invoice.tax,
            total: invoice.total,
            prices_include_tax: invoice.prices_include_tax,
            tax_treatment: invoice.tax_treatment,
            balance_applied: invoice.balance_applied,
            carried_over: invoice.carried_over,
            due: invoice.due,
        }
    }
}

impl From<Line> for QuotedLine {
    fn from(line: Line) -> Self {
        Self {
            kind: line.kind,
            description: line.description,
            item: line.item,
            period: line.period,
            quantity: line.quantity,
            unit_price: line.unit_price,
            amount: line.amount,
            proration: line.proration,
            discount: line.discount,
            net: line.net,
            tax: line.tax,
            tax_rate: line.tax_rate,
            price: line.price,
        }
    }
}

impl From<CreditNote> for QuotedCreditNote {
    fn from(note: CreditNote) -> Self {
        Self {
            invoice_id: note.invoice_id,
            reason: note.reason,
            subtotal: note.subtotal,
            tax: note.tax,
            total: note.total,
            to_due: note.to_due,
            to_balance: note.to_balance,
            lines: note.lines,
        }
    }
}
