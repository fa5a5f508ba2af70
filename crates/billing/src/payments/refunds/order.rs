//! An operator gives money back: what the customer is told and what the provider is asked for, in one transaction.

use isolation::{ControlTx, Tx};
use kernel::TenantId;
use pricing::Money;

use super::model::RefundId;
use super::ops::{self, NewRefund, RefundError};
use crate::Terms;
use crate::invoices::{
    self, Document, Invoice, InvoiceError, InvoiceId, NewRepayment, Payment, PaymentId, RefundFrom,
    Repayment, RepaymentId,
};
use crate::payments::attempts::{self, AttemptId};

/// Money that is to go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOrder {
    /// Of which invoice.
    pub invoice: InvoiceId,
    /// Of which payment; where nothing is said, of the only one of which something is left.
    pub payment: Option<PaymentId>,
    /// How much, in minor units; all that is left where nothing is said.
    pub amount: Option<i64>,
    /// Where it is taken from.
    pub from: RefundFrom,
    /// Why, in somebody's words.
    pub reason: Option<String>,
}

/// Nothing can go back so.
#[derive(Debug, thiserror::Error)]
pub enum RefundOrderError {
    /// Several payments could be meant.
    #[error("more than one payment can be refunded")]
    WhichPayment,
    /// What the invoice says is against it.
    #[error(transparent)]
    Invoice(#[from] InvoiceError),
    /// What the provider has is against it.
    #[error(transparent)]
    Refund(#[from] RefundError),
}

impl From<sqlx::Error> for RefundOrderError {
    fn from(error: sqlx::Error) -> Self {
        Self::Invoice(error.into())
    }
}

/// Has money go back by the way it came. What a provider collected it is asked to send; of what came by hand somebody says by
/// this that it was sent by hand.
pub async fn order(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    expected: Option<i64>,
    order: RefundOrder,
) -> Result<(Repayment, Invoice), RefundOrderError> {
    invoices::of_version(tx, tenant, order.invoice, expected).await?;
    let document = invoices::get(tx, tenant, order.invoice).await?;
    let payment = meant(&document, order.payment)?;
    let amount = match order.amount {
        Some(amount) => Money::new(amount, document.invoice.currency),
        None => invoices::most_refundable(tx, &document.invoice, payment, order.from).await?,
    };
    let id: RepaymentId = tx.new_id();
    let new = NewRepayment {
        id,
        payment: payment.id,
        amount,
        from: order.from,
        note: order.reason.clone(),
    };
    let (repayment, invoice) = Box::pin(invoices::request_refund(tx, terms, tenant, new)).await?;
    let attempt = AttemptId::from_uuid(payment.id.uuid());
    if attempts::get(tx, attempt).await?.is_none() {
        let repayment = invoices::refund_paid(tx, tenant, id).await?;
        return Ok((repayment, invoice));
    }
    let asked = NewRefund {
        payment: attempt,
        amount,
        reason: order.reason,
    };
    ops::ask(tx, RefundId::from_uuid(id.uuid()), asked).await?;
    Ok((repayment, invoice))
}

fn meant(document: &Document, named: Option<PaymentId>) -> Result<&Payment, RefundOrderError> {
    if let Some(id) = named {
        let payment = document.payments.iter().find(|payment| payment.id == id);
        return Ok(payment.ok_or(InvoiceError::PaymentNotFound)?);
    }
    let mut left = document
        .payments
        .iter()
        .filter(|payment| payment.refundable().is_positive());
    match (left.next(), left.next()) {
        (Some(_), Some(_)) => Err(RefundOrderError::WhichPayment),
        (Some(payment), None) => Ok(payment),
        (None, _) => Err(InvoiceError::TooMuch(Money::zero(document.invoice.currency)).into()),
    }
}
