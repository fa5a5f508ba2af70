//! Payments and repayments in the database.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::Money;

use super::credit_notes::CreditNoteId;
use super::model::InvoiceId;
use super::repayments::{Repayment, RepaymentId, RepaymentStatus};
use super::settlement::{Payment, PaymentId};
use crate::columns::currency;

pub(super) async fn insert(
    tx: &mut ControlTx,
    tenant: TenantId,
    payment: &Payment,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "insert into control.payments
             (tenant_id, id, invoice_id, applied, surplus, refunded, currency, reference, received_at, recorded_at)
         values ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9)",
        tenant as _,
        payment.id as _,
        payment.invoice_id as _,
        payment.applied.amount,
        payment.surplus.amount,
        payment.applied.currency.code(),
        payment.reference,
        payment.received_at as _,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn get(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: PaymentId,
) -> Result<Option<Payment>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select invoice_id as "invoice_id: InvoiceId", applied, surplus, refunded, currency, reference,
                  received_at as "received_at: Timestamp"
           from control.payments where tenant_id = $1 and id = $2"#,
        tenant as _,
        id as _
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        let currency = currency(&row.currency)?;
        Ok(Payment {
            id,
            invoice_id: row.invoice_id,
            applied: Money::new(row.applied, currency),
            surplus: Money::new(row.surplus, currency),
            refunded: Money::new(row.refunded, currency),
            reference: row.reference,
            received_at: row.received_at,
        })
    })
    .transpose()
}

/// The payments for an invoice, oldest first.
pub(super) async fn of_invoice(
    tx: &mut ControlTx,
    tenant: TenantId,
    invoice: InvoiceId,
) -> Result<Vec<Payment>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select id as "id: PaymentId", applied, surplus, refunded, currency, reference,
                  received_at as "received_at: Timestamp"
           from control.payments where tenant_id = $1 and invoice_id = $2 order by received_at, id"#,
        tenant as _,
        invoice as _
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let currency = currency(&row.currency)?;
            Ok(Payment {
                id: row.id,
                invoice_id: invoice,
                applied: Money::new(row.applied, currency),
                surplus: Money::new(row.surplus, currency),
                refunded: Money::new(row.refunded, currency),
                reference: row.reference,
                received_at: row.received_at,
            })
        })
        .collect()
}

/// Writes the repayment, and counts it to its payment.
pub(super) async fn insert_repayment(
    tx: &mut ControlTx,
    tenant: TenantId,
    repayment: &Repayment,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with counted as (
             update control.payments set refunded = refunded + $6 where tenant_id = $1 and id = $3)
         insert into control.repayments
             (tenant_id, id, payment_id, invoice_id, credit_note_id, amount, currency, status, asked_at)
         values ($1, $2, $3, $4, $5, $6, $7, 'pending', $8)",
        tenant as _,
        repayment.id as _,
        repayment.payment_id as _,
        repayment.invoice_id as _,
        repayment.credit_note_id as _,
        repayment.amount.amount,
        repayment.amount.currency.code(),
        at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes how it ended. What failed can be asked for again.
pub(super) async fn settle_repayment(
    tx: &mut ControlTx,
    tenant: TenantId,
    repayment: &Repayment,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let back = match repayment.status {
        RepaymentStatus::Failed => repayment.amount.amount,
        _ => 0,
    };
    sqlx::query!(
        "with counted as (
             update control.payments set refunded = refunded - $5::bigint where tenant_id = $1 and id = $6 and $5::bigint <> 0)
         update control.repayments set status = $3, settled_at = $4 where tenant_id = $1 and id = $2",
        tenant as _,
        repayment.id as _,
        repayment.status.name(),
        at as _,
        back,
        repayment.payment_id as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn repayment(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: RepaymentId,
) -> Result<Option<Repayment>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select payment_id as "payment_id: PaymentId", invoice_id as "invoice_id: InvoiceId",
                  credit_note_id as "credit_note_id: CreditNoteId", amount, currency, status as "status: RepaymentStatus"
           from control.repayments where tenant_id = $1 and id = $2"#,
        tenant as _,
        id as _
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(Repayment {
            id,
            payment_id: row.payment_id,
            invoice_id: row.invoice_id,
            credit_note_id: row.credit_note_id,
            amount: Money::new(row.amount, currency(&row.currency)?),
            status: row.status,
        })
    })
    .transpose()
}

/// What goes back of an invoice, oldest first.
pub(super) async fn repayments_of(
    tx: &mut ControlTx,
    tenant: TenantId,
    invoice: InvoiceId,
) -> Result<Vec<Repayment>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select id as "id: RepaymentId", payment_id as "payment_id: PaymentId",
                  credit_note_id as "credit_note_id: CreditNoteId", amount, currency, status as "status: RepaymentStatus"
           from control.repayments where tenant_id = $1 and invoice_id = $2 order by id"#,
        tenant as _,
        invoice as _
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Repayment {
                id: row.id,
                payment_id: row.payment_id,
                invoice_id: invoice,
                credit_note_id: row.credit_note_id,
                amount: Money::new(row.amount, currency(&row.currency)?),
                status: row.status,
            })
        })
        .collect()
}
