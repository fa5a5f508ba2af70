//! Credit notes in the database.

use std::collections::HashMap;

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::{Currency, Money, Span};
use serde_json::{Value, json};

use super::credit_notes::{CreditLine, CreditNote, CreditNoteId, Reason};
use super::model::{InvoiceId, LineId};
use crate::columns::{document, instant, json as written, parsed};

pub(super) async fn insert(
    tx: &mut ControlTx,
    tenant: TenantId,
    note: &CreditNote,
    legal_entity: &str,
    sequence: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with note as (
             insert into control.credit_notes
                 (tenant_id, id, invoice_id, reason, note, legal_entity, sequence, number, currency, subtotal, tax, total,
                  to_due, to_balance, to_refund, seller, customer, issued_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18))
         insert into control.credit_note_lines
             (tenant_id, credit_note_id, position, invoice_line_id, description, period_starts_at, period_ends_at,
              proration_mode, amount, tax)
         select $1, $2, l.position, l.invoice_line_id, l.description, l.period_starts_at, l.period_ends_at,
                l.proration_mode, l.amount, l.tax
         from jsonb_to_recordset($19) as l
             (position integer, invoice_line_id uuid, description text, period_starts_at timestamptz,
              period_ends_at timestamptz, proration_mode text, amount bigint, tax bigint)",
        tenant as _,
        note.id as _,
        note.invoice_id as _,
        note.reason.name(),
        note.note,
        legal_entity,
        sequence,
        note.number,
        note.total.currency.code(),
        note.subtotal.amount,
        note.tax.amount,
        note.total.amount,
        note.to_due.amount,
        note.to_balance.amount,
        note.to_refund.amount,
        written(&note.seller)?,
        written(&note.customer)?,
        note.issued_at as _,
        lines_document(&note.lines)
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn lines_document(lines: &[CreditLine]) -> Value {
    let rows = lines.iter().zip(1..).map(|(line, position)| {
        json!({
            "position": position,
            "invoice_line_id": line.invoice_line_id.uuid(),
            "description": line.description,
            "period_starts_at": line.period.map(|period| instant(period.starts_at)),
            "period_ends_at": line.period.map(|period| instant(period.ends_at)),
            "proration_mode": line.proration_mode.map(pricing::ProrationMode::name),
            "amount": line.amount.amount,
            "tax": line.tax.amount,
        })
    });
    rows.collect()
}

/// What was taken back of a line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Credited {
    /// Without tax.
    pub(super) amount: i64,
    /// The tax.
    pub(super) tax: i64,
    /// From when on its time was taken back as not used.
    pub(super) unused_from: Option<Timestamp>,
}

/// What was taken back of each line of an invoice.
pub(super) async fn credited(
    tx: &mut ControlTx,
    tenant: TenantId,
    invoice: InvoiceId,
) -> Result<HashMap<LineId, Credited>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select l.invoice_line_id as "line: LineId", sum(l.amount)::bigint as "amount!", sum(l.tax)::bigint as "tax!",
                  min(l.period_starts_at) filter (where n.reason in ('change', 'cancellation'))
                      as "unused_from: Timestamp"
           from control.credit_notes n
           join control.credit_note_lines l on l.tenant_id = n.tenant_id and l.credit_note_id = n.id
           where n.tenant_id = $1 and n.invoice_id = $2 group by l.invoice_line_id"#,
        tenant as _,
        invoice as _
    )
    .fetch_all(tx.conn())
    .await?;
    let credited = rows.into_iter().map(|row| {
        let credited = Credited {
            amount: row.amount,
            tax: row.tax,
            unused_from: row.unused_from,
        };
        (row.line, credited)
    });
    Ok(credited.collect())
}

/// The credit notes of an invoice, oldest first.
pub(super) async fn of_invoice(
    tx: &mut ControlTx,
    tenant: TenantId,
    invoice: InvoiceId,
) -> Result<Vec<CreditNote>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select id as "id: CreditNoteId", number, reason as "reason: Reason", note, currency, subtotal, tax, total,
                  to_due, to_balance, to_refund, seller, customer, issued_at as "issued_at: Timestamp"
           from control.credit_notes where tenant_id = $1 and invoice_id = $2 order by id"#,
        tenant as _,
        invoice as _
    )
    .fetch_all(tx.conn())
    .await?;
    let mut notes = Vec::with_capacity(rows.len());
    for row in rows {
        let currency: Currency = parsed(&row.currency)?;
        let money = |amount| Money::new(amount, currency);
        notes.push(CreditNote {
            id: row.id,
            invoice_id: invoice,
            number: row.number,
            reason: row.reason,
            note: row.note,
            subtotal: money(row.subtotal),
            tax: money(row.tax),
            total: money(row.total),
            to_due: money(row.to_due),
            to_balance: money(row.to_balance),
            to_refund: money(row.to_refund),
            seller: document(row.seller)?,
            customer: document(row.customer)?,
            issued_at: row.issued_at,
            lines: lines(tx, tenant, row.id, currency).await?,
        });
    }
    Ok(notes)
}

async fn lines(
    tx: &mut ControlTx,
    tenant: TenantId,
    note: CreditNoteId,
    currency: Currency,
) -> Result<Vec<CreditLine>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select invoice_line_id as "line: LineId", description, period_starts_at as "starts_at: Timestamp",
                  period_ends_at as "ends_at: Timestamp", proration_mode, amount, tax
           from control.credit_note_lines where tenant_id = $1 and credit_note_id = $2 order by position"#,
        tenant as _,
        note as _
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let bounds = row.starts_at.zip(row.ends_at);
            Ok(CreditLine {
                invoice_line_id: row.line,
                description: row.description,
                period: bounds.map(|(starts_at, ends_at)| Span::new(starts_at, ends_at)),
                proration_mode: row.proration_mode.as_deref().map(parsed).transpose()?,
                amount: Money::new(row.amount, currency),
                tax: Money::new(row.tax, currency),
            })
        })
        .collect()
}
