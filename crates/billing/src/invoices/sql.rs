//! Invoices and lines in the database.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::Currency;
use uuid::Uuid;

use super::model::{Invoice, InvoiceId, InvoiceKind, InvoiceStatus, Line, LineId, LineKind, TaxTreatment};
use super::row::{InvoiceRow, LineRow, lines_document};
use crate::columns::json;
use crate::subscriptions::SubscriptionId;

/// One literal for all: what follows the table's name is the caller's.
macro_rules! select_invoices {
    ($rest:literal $(, $parameter:expr)*) => {
        sqlx::query_as!(
            InvoiceRow,
            r#"select id as "id: InvoiceId", tenant_id as "tenant_id: TenantId",
                      subscription_id as "subscription_id: SubscriptionId", kind as "kind: InvoiceKind",
                      status as "status: InvoiceStatus", currency,
                      period_starts_at as "period_starts_at: Timestamp", period_ends_at as "period_ends_at: Timestamp",
                      finalize_at as "finalize_at: Timestamp", usage, coupons, number, subtotal, discount, tax, total,
                      prices_include_tax, tax_treatment as "tax_treatment: TaxTreatment", balance_applied, carried_over,
                      finalized_at as "finalized_at: Timestamp", due_at as "due_at: Timestamp", seller, customer, paid,
                      surplus, credited_due, credited_paid, refunded, written_off, due,
                      paid_at as "paid_at: Timestamp", voided_at as "voided_at: Timestamp",
                      uncollectible_at as "uncollectible_at: Timestamp", version,
                      created_at as "created_at: Timestamp", updated_at as "updated_at: Timestamp"
               from control.invoices "# + $rest
            $(, $parameter)*
        )
    };
}

pub(super) async fn get(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: InvoiceId,
) -> Result<Option<Invoice>, sqlx::Error> {
    let row = select_invoices!("where tenant_id = $1 and id = $2", tenant as _, id as _)
        .fetch_optional(tx.conn())
        .await?;
    row.map(InvoiceRow::invoice).transpose()
}

pub(super) async fn page(
    tx: &mut ControlTx,
    tenant: TenantId,
    status: Option<InvoiceStatus>,
    after: Option<InvoiceId>,
    limit: i64,
) -> Result<Vec<Invoice>, sqlx::Error> {
    let before = after.map_or(Uuid::max(), kernel::Id::uuid);
    let rows = match status {
        None => {
            select_invoices!(
                "where tenant_id = $1 and id < $2 order by id desc limit $3",
                tenant as _,
                before,
                limit
            )
            .fetch_all(tx.conn())
            .await?
        }
        Some(status) => {
            select_invoices!(
                "where tenant_id = $1 and status = $4 and id < $2 order by id desc limit $3",
                tenant as _,
                before,
                limit,
                status.name()
            )
            .fetch_all(tx.conn())
            .await?
        }
    };
    rows.into_iter().map(InvoiceRow::invoice).collect()
}

/// The subscription's invoices that charged for time which is not over at that instant.
pub(super) async fn charging_after(
    tx: &mut ControlTx,
    tenant: TenantId,
    subscription: SubscriptionId,
    at: Timestamp,
) -> Result<Vec<Invoice>, sqlx::Error> {
    let rows = select_invoices!(
        "where tenant_id = $1 and subscription_id = $2 and period_ends_at > $3 and status not in ('draft', 'void')
         order by id",
        tenant as _,
        subscription as _,
        at as _
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(InvoiceRow::invoice).collect()
}

/// The subscription's drafts.
pub(super) async fn drafts(
    tx: &mut ControlTx,
    tenant: TenantId,
    subscription: SubscriptionId,
) -> Result<Vec<Invoice>, sqlx::Error> {
    let rows = select_invoices!(
        "where tenant_id = $1 and subscription_id = $2 and status = 'draft' order by id",
        tenant as _,
        subscription as _
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(InvoiceRow::invoice).collect()
}

pub(super) async fn lines(
    tx: &mut ControlTx,
    tenant: TenantId,
    invoice: InvoiceId,
    currency: Currency,
) -> Result<Vec<Line>, sqlx::Error> {
    let rows = sqlx::query_as!(
        LineRow,
        r#"select id as "id: LineId", kind as "kind: LineKind", description, item,
                  period_starts_at as "period_starts_at: Timestamp", period_ends_at as "period_ends_at: Timestamp",
                  quantity::text as quantity, unit_price, amount, proration_mode,
                  whole_starts_at as "whole_starts_at: Timestamp", whole_ends_at as "whole_ends_at: Timestamp",
                  whole_amount, discount, net, tax, tax_rate::text as tax_rate, price
           from control.invoice_lines where tenant_id = $1 and invoice_id = $2 order by position"#,
        tenant as _,
        invoice as _
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(|row| row.line(currency)).collect()
}

/// The draft with its lines.
pub(super) async fn insert(tx: &mut ControlTx, invoice: &Invoice, lines: &[Line]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into control.invoices
             (tenant_id, id, subscription_id, kind, status, currency, period_starts_at, period_ends_at, finalize_at, coupons,
              subtotal, discount, tax, total, prices_include_tax, tax_treatment, balance_applied, carried_over, paid, surplus,
              credited_due, credited_paid, refunded, written_off, due, version, created_at, updated_at, usage)
         values ($1, $2, $3, $4, 'draft', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0, 0, 0, 0, 0, 0, 0, 0, 0, $16,
                 $17, $17, $18)",
        invoice.tenant_id as _,
        invoice.id as _,
        invoice.subscription_id as _,
        invoice.kind.name(),
        invoice.currency.code(),
        invoice.period.map(|period| period.starts_at) as _,
        invoice.period.map(|period| period.ends_at) as _,
        invoice.finalize_at as _,
        json(&invoice.coupons)?,
        invoice.subtotal.amount,
        invoice.discount.amount,
        invoice.tax.amount,
        invoice.total.amount,
        invoice.prices_include_tax,
        invoice.tax_treatment.name(),
        invoice.version,
        invoice.created_at as _,
        invoice.usage.as_ref().map(json).transpose()?
    )
    .execute(tx.conn())
    .await?;
    insert_lines(tx, invoice, lines).await
}

/// Puts these lines in place of those that the draft has.
pub(super) async fn replace_lines(
    tx: &mut ControlTx,
    invoice: &Invoice,
    lines: &[Line],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from control.invoice_lines where tenant_id = $1 and invoice_id = $2",
        invoice.tenant_id as _,
        invoice.id as _
    )
    .execute(tx.conn())
    .await?;
    insert_lines(tx, invoice, lines).await
}

async fn insert_lines(tx: &mut ControlTx, invoice: &Invoice, lines: &[Line]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into control.invoice_lines
             (tenant_id, id, invoice_id, position, kind, description, item, period_starts_at, period_ends_at, quantity,
              unit_price, amount, proration_mode, whole_starts_at, whole_ends_at, whole_amount, discount, net, tax, tax_rate,
              price)
         select $1, l.id, $2, l.position, l.kind, l.description, l.item, l.period_starts_at, l.period_ends_at, l.quantity,
                l.unit_price, l.amount, l.proration_mode, l.whole_starts_at, l.whole_ends_at, l.whole_amount, l.discount,
                l.net, l.tax, l.tax_rate, l.price
         from jsonb_to_recordset($3) as l
             (id uuid, position integer, kind text, description text, item text, period_starts_at timestamptz,
              period_ends_at timestamptz, quantity numeric, unit_price bigint, amount bigint, proration_mode text,
              whole_starts_at timestamptz, whole_ends_at timestamptz, whole_amount bigint, discount bigint, net bigint,
              tax bigint, tax_rate numeric, price jsonb)",
        invoice.tenant_id as _,
        invoice.id as _,
        lines_document(lines)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Adds one line to those that the draft has, at the end.
pub(super) async fn append_line(
    tx: &mut ControlTx,
    invoice: &Invoice,
    position: i32,
    line: &Line,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into control.invoice_lines
             (tenant_id, id, invoice_id, position, kind, description, amount, discount, net, tax)
         values ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0)",
        invoice.tenant_id as _,
        line.id as _,
        invoice.id as _,
        position,
        line.kind.name(),
        line.description,
        line.amount.amount
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Stores the draft's totals.
pub(super) async fn save_draft(tx: &mut ControlTx, invoice: &Invoice) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.invoices
         set finalize_at = $3, subtotal = $4, discount = $5, tax = $6, total = $7, tax_treatment = $8, version = $9,
             updated_at = $10, coupons = $11
         where tenant_id = $1 and id = $2",
        invoice.tenant_id as _,
        invoice.id as _,
        invoice.finalize_at as _,
        invoice.subtotal.amount,
        invoice.discount.amount,
        invoice.tax.amount,
        invoice.total.amount,
        invoice.tax_treatment.name(),
        invoice.version,
        invoice.updated_at as _,
        json(&invoice.coupons)?
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Stores what finalisation gives.
pub(super) async fn save_final(
    tx: &mut ControlTx,
    invoice: &Invoice,
    legal_entity: &str,
    sequence: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.invoices
         set status = $3, legal_entity = $4, sequence = $5, number = $6, subtotal = $7, discount = $8, tax = $9, total = $10,
             tax_treatment = $11, balance_applied = $12, carried_over = $13, finalized_at = $14, due_at = $15, seller = $16,
             customer = $17, due = $18, paid_at = $19, version = $20, updated_at = $21, finalize_at = null
         where tenant_id = $1 and id = $2",
        invoice.tenant_id as _,
        invoice.id as _,
        invoice.status.name(),
        legal_entity,
        sequence,
        invoice.number,
        invoice.subtotal.amount,
        invoice.discount.amount,
        invoice.tax.amount,
        invoice.total.amount,
        invoice.tax_treatment.name(),
        invoice.balance_applied.amount,
        invoice.carried_over.amount,
        invoice.finalized_at as _,
        invoice.due_at as _,
        invoice.seller.as_ref().map(json).transpose()?,
        invoice.customer.as_ref().map(json).transpose()?,
        invoice.due.amount,
        invoice.paid_at as _,
        invoice.version,
        invoice.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Stores what became of a final invoice.
pub(super) async fn save_outcome(tx: &mut ControlTx, invoice: &Invoice) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.invoices
         set status = $3, paid = $4, surplus = $5, credited_due = $6, credited_paid = $7, refunded = $8, written_off = $9,
             due = $10, paid_at = $11, voided_at = $12, uncollectible_at = $13, version = $14, updated_at = $15
         where tenant_id = $1 and id = $2",
        invoice.tenant_id as _,
        invoice.id as _,
        invoice.status.name(),
        invoice.paid.amount,
        invoice.surplus.amount,
        invoice.credited_due.amount,
        invoice.credited_paid.amount,
        invoice.refunded.amount,
        invoice.written_off.amount,
        invoice.due.amount,
        invoice.paid_at as _,
        invoice.voided_at as _,
        invoice.uncollectible_at as _,
        invoice.version,
        invoice.updated_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn delete(tx: &mut ControlTx, tenant: TenantId, id: InvoiceId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from control.invoices where tenant_id = $1 and id = $2",
        tenant as _,
        id as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
