//! Reading invoices.

use isolation::ControlTx;
use kernel::TenantId;
use serde::Serialize;

use super::credit_notes::CreditNote;
use super::error::InvoiceError;
use super::model::{Invoice, InvoiceId, InvoiceStatus, Line};
use super::settlement::Payment;
use super::{credit_note_rows, payment_rows, sql};
use crate::accounts;

/// An invoice with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = InvoiceDetails)]
pub struct Document {
    /// The invoice itself.
    #[serde(flatten)]
    pub invoice: Invoice,
    /// Its lines.
    pub lines: Vec<Line>,
    /// What took something of it back.
    pub credit_notes: Vec<CreditNote>,
    /// What came for it.
    pub payments: Vec<Payment>,
}

/// One invoice.
pub async fn get(tx: &mut ControlTx, tenant: TenantId, id: InvoiceId) -> Result<Document, InvoiceError> {
    let invoice = sql::get(tx, tenant, id).await?.ok_or(InvoiceError::NotFound)?;
    Ok(Document {
        lines: sql::lines(tx, tenant, id, invoice.currency).await?,
        credit_notes: credit_note_rows::of_invoice(tx, tenant, id).await?,
        payments: payment_rows::of_invoice(tx, tenant, id).await?,
        invoice,
    })
}

/// One invoice, if it is still of the version that the caller expects, for this transaction alone until it ends.
pub async fn of_version(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: InvoiceId,
    expected: Option<i64>,
) -> Result<Invoice, InvoiceError> {
    accounts::lock(tx, tenant).await?;
    let invoice = sql::get(tx, tenant, id).await?.ok_or(InvoiceError::NotFound)?;
    match expected {
        Some(version) if version != invoice.version => Err(InvoiceError::VersionMismatch {
            current: invoice.version,
        }),
        _ => Ok(invoice),
    }
}

/// A tenant's invoices, newest first, at most `limit` of them after the named one.
pub async fn list(
    tx: &mut ControlTx,
    tenant: TenantId,
    status: Option<InvoiceStatus>,
    after: Option<InvoiceId>,
    limit: i64,
) -> Result<Vec<Invoice>, sqlx::Error> {
    sql::page(tx, tenant, status, after, limit).await
}
