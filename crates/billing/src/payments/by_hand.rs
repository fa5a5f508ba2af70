//! What operators do to final invoices by hand, with what that means to a charge that is under way.
//!
//! A charge that has reached the bank may still succeed. Its money is then the customer's balance, and nothing is lost.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::Money;

use super::attempts;
use crate::Terms;
use crate::invoices::{self, CreditNote, Invoice, InvoiceError, InvoiceId, NewPayment, Payment};

/// Money that somebody saw come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenPayment {
    /// For which invoice.
    pub invoice: InvoiceId,
    /// How much, in minor units of the invoice's currency; what is due where nothing is said.
    pub amount: Option<i64>,
    /// What it is called at the bank.
    pub reference: Option<String>,
    /// When it came; now where nothing is said.
    pub received_at: Option<Timestamp>,
}

/// Records a payment that came past the provider.
pub async fn record(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    expected: Option<i64>,
    seen: SeenPayment,
) -> Result<(Invoice, Payment), InvoiceError> {
    let invoice = invoices::of_version(tx, tenant, seen.invoice, expected).await?;
    let amount = seen
        .amount
        .map_or(invoice.due, |amount| Money::new(amount, invoice.currency));
    let new = NewPayment {
        id: tx.new_id(),
        invoice: invoice.id,
        amount,
        reference: seen.reference,
        received_at: seen.received_at,
    };
    let (invoice, payment) = invoices::record_payment(tx, terms, tenant, new).await?;
    call_off(tx, &invoice).await?;
    Ok((invoice, payment))
}

/// Takes an invoice back of which nothing was paid.
pub async fn void(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    id: InvoiceId,
    expected: Option<i64>,
) -> Result<Invoice, InvoiceError> {
    let invoice = invoices::void(tx, terms, tenant, id, expected).await?;
    call_off(tx, &invoice).await?;
    Ok(invoice)
}

/// Takes a part of an invoice back, tax included: off what is due, and what was paid to the balance.
pub async fn credit(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    (id, expected): (InvoiceId, Option<i64>),
    amount: Option<i64>,
    note: Option<String>,
) -> Result<CreditNote, InvoiceError> {
    let invoice = invoices::of_version(tx, tenant, id, expected).await?;
    let gross = amount.map_or(invoice.creditable(), |amount| {
        Money::new(amount, invoice.currency)
    });
    let issued = invoices::credit(tx, terms, tenant, id, gross, note).await?;
    let invoice = invoices::get(tx, tenant, id).await?.invoice;
    call_off(tx, &invoice).await?;
    Ok(issued)
}

/// Nobody is charged for what is not due any more.
async fn call_off(tx: &mut ControlTx, invoice: &Invoice) -> Result<(), InvoiceError> {
    if invoice.due.is_positive() {
        return Ok(());
    }
    Ok(attempts::call_off(tx, invoice.tenant_id, invoice.id).await?)
}
