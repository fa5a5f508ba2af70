//! Invoices and lines as they are stored.

use kernel::{TenantId, Timestamp};
use pricing::{Currency, Money, Span};
use serde_json::{Value, json};

use super::model::{
    Invoice, InvoiceId, InvoiceKind, InvoiceStatus, Line, LineId, LineKind, TaxTreatment, Timed,
};
use crate::columns::{document, instant, parsed};
use crate::subscriptions::SubscriptionId;

/// One row of `control.invoices`.
pub(super) struct InvoiceRow {
    pub(super) id: InvoiceId,
    pub(super) tenant_id: TenantId,
    pub(super) subscription_id: Option<SubscriptionId>,
    pub(super) kind: InvoiceKind,
    pub(super) status: InvoiceStatus,
    pub(super) currency: String,
    pub(super) period_starts_at: Option<Timestamp>,
    pub(super) period_ends_at: Option<Timestamp>,
    pub(super) finalize_at: Option<Timestamp>,
    pub(super) usage: Option<Value>,
    pub(super) coupons: Value,
    pub(super) number: Option<String>,
    pub(super) subtotal: i64,
    pub(super) discount: i64,
    pub(super) tax: i64,
    pub(super) total: i64,
    pub(super) prices_include_tax: bool,
    pub(super) tax_treatment: TaxTreatment,
    pub(super) balance_applied: i64,
    pub(super) carried_over: i64,
    pub(super) finalized_at: Option<Timestamp>,
    pub(super) due_at: Option<Timestamp>,
    pub(super) seller: Option<Value>,
    pub(super) customer: Option<Value>,
    pub(super) paid: i64,
    pub(super) surplus: i64,
    pub(super) credited_due: i64,
    pub(super) credited_paid: i64,
    pub(super) refunded: i64,
    pub(super) written_off: i64,
    pub(super) due: i64,
    pub(super) paid_at: Option<Timestamp>,
    pub(super) voided_at: Option<Timestamp>,
    pub(super) uncollectible_at: Option<Timestamp>,
    pub(super) version: i64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

fn span(starts_at: Option<Timestamp>, ends_at: Option<Timestamp>) -> Option<Span> {
    Some(Span::new(starts_at?, ends_at?))
}

impl InvoiceRow {
    pub(super) fn invoice(self) -> Result<Invoice, sqlx::Error> {
        let currency: Currency = parsed(&self.currency)?;
        let money = |amount| Money::new(amount, currency);
        Ok(Invoice {
            id: self.id,
            tenant_id: self.tenant_id,
            subscription_id: self.subscription_id,
            kind: self.kind,
            status: self.status,
            currency,
            period: span(self.period_starts_at, self.period_ends_at),
            finalize_at: self.finalize_at,
            usage: self.usage.map(document).transpose()?,
            coupons: document(self.coupons)?,
            number: self.number,
            subtotal: money(self.subtotal),
            discount: money(self.discount),
            tax: money(self.tax),
            total: money(self.total),
            prices_include_tax: self.prices_include_tax,
            tax_treatment: self.tax_treatment,
            balance_applied: money(self.balance_applied),
            carried_over: money(self.carried_over),
            finalized_at: self.finalized_at,
            due_at: self.due_at,
            seller: self.seller.map(document).transpose()?,
            customer: self.customer.map(document).transpose()?,
            paid: money(self.paid),
            surplus: money(self.surplus),
            credited_due: money(self.credited_due),
            credited_paid: money(self.credited_paid),
            refunded: money(self.refunded),
            written_off: money(self.written_off),
            due: money(self.due),
            paid_at: self.paid_at,
            voided_at: self.voided_at,
            uncollectible_at: self.uncollectible_at,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// One row of `control.invoice_lines`.
pub(super) struct LineRow {
    pub(super) id: LineId,
    pub(super) kind: LineKind,
    pub(super) description: String,
    pub(super) item: Option<String>,
    pub(super) period_starts_at: Option<Timestamp>,
    pub(super) period_ends_at: Option<Timestamp>,
    pub(super) quantity: Option<String>,
    pub(super) unit_price: Option<i64>,
    pub(super) amount: i64,
    pub(super) proration_mode: Option<String>,
    pub(super) whole_starts_at: Option<Timestamp>,
    pub(super) whole_ends_at: Option<Timestamp>,
    pub(super) whole_amount: Option<i64>,
    pub(super) discount: i64,
    pub(super) net: i64,
    pub(super) tax: i64,
    pub(super) tax_rate: Option<String>,
    pub(super) price: Option<Value>,
}

impl LineRow {
    pub(super) fn line(self, currency: Currency) -> Result<Line, sqlx::Error> {
        let money = |amount| Money::new(amount, currency);
        let whole = span(self.whole_starts_at, self.whole_ends_at);
        let mode = self.proration_mode.as_deref().map(parsed).transpose()?;
        let timed = (mode, whole, self.whole_amount);
        Ok(Line {
            id: self.id,
            kind: self.kind,
            description: self.description,
            item: self.item,
            period: span(self.period_starts_at, self.period_ends_at),
            quantity: self.quantity.as_deref().map(parsed).transpose()?,
            unit_price: self.unit_price.map(money),
            amount: money(self.amount),
            proration: match timed {
                (Some(mode), Some(whole), Some(amount)) => Some(Timed {
                    mode,
                    whole,
                    whole_amount: money(amount),
                }),
                _ => None,
            },
            discount: money(self.discount),
            net: money(self.net),
            tax: money(self.tax),
            tax_rate: self.tax_rate.as_deref().map(parsed).transpose()?,
            price: self.price.map(document).transpose()?,
        })
    }
}

/// The lines as one document, as `jsonb_to_recordset` takes them.
pub(super) fn lines_document(lines: &[Line]) -> Value {
    let rows = lines.iter().zip(1..).map(|(line, position)| {
        let (period, timed) = (line.period, line.proration);
        json!({
            "id": line.id.uuid(),
            "position": position,
            "kind": line.kind.name(),
            "description": line.description,
            "item": line.item,
            "period_starts_at": period.map(|period| instant(period.starts_at)),
            "period_ends_at": period.map(|period| instant(period.ends_at)),
            "quantity": line.quantity.map(|quantity| quantity.to_string()),
            "unit_price": line.unit_price.map(|price| price.amount),
            "amount": line.amount.amount,
            "proration_mode": timed.map(|timed| timed.mode.name()),
            "whole_starts_at": timed.map(|timed| instant(timed.whole.starts_at)),
            "whole_ends_at": timed.map(|timed| instant(timed.whole.ends_at)),
            "whole_amount": timed.map(|timed| timed.whole_amount.amount),
            "discount": line.discount.amount,
            "net": line.net.amount,
            "tax": line.tax.amount,
            "tax_rate": line.tax_rate.map(|rate| rate.to_string()),
            "price": line.price,
        })
    });
    rows.collect()
}
