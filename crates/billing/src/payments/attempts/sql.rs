//! The statements on `control.payment_attempts`.

use isolation::{ControlTx, Tx};
use kernel::{Id, TenantId, Timestamp};
use pricing::Money;

use super::model::{Attempt, AttemptId, AttemptStatus};
use crate::columns;
use crate::invoices::InvoiceId;
use crate::payments::methods::MethodId;
use crate::providers::ProviderKind;

/// An attempt with what a job needs to ask for it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) attempt: Attempt,
    pub(super) customer: Option<String>,
    pub(super) method: Option<String>,
    pub(super) description: String,
    pub(super) idempotency_key: String,
    pub(super) seen_at: Option<Timestamp>,
}

macro_rules! select {
    ($rest:literal $(, $argument:expr)*) => {
        sqlx::query!(
            r#"select id as "id: AttemptId", tenant_id as "tenant_id: TenantId", invoice_id as "invoice_id: InvoiceId", provider as "provider: ProviderKind",
                   method_id as "method_id: MethodId", customer, method, amount, currency, description, idempotency_key,
                   status as "status: AttemptStatus", reference, code, decline_code, message,
                   created_at as "created_at: Timestamp", seen_at as "seen_at: Timestamp",
                   settled_at as "settled_at: Timestamp"
            from control.payment_attempts "# + $rest $(, $argument)*
        )
        .try_map(|row| {
            Ok(Row {
                attempt: Attempt {
                    id: row.id,
                    tenant_id: row.tenant_id,
                    invoice_id: row.invoice_id,
                    provider: row.provider,
                    method_id: row.method_id,
                    amount: Money::new(row.amount, columns::currency(&row.currency)?),
                    status: row.status,
                    reference: row.reference,
                    code: row.code,
                    decline_code: row.decline_code,
                    message: row.message,
                    created_at: row.created_at,
                    settled_at: row.settled_at,
                },
                customer: row.customer,
                method: row.method,
                description: row.description,
                idempotency_key: row.idempotency_key,
                seen_at: row.seen_at,
            })
        })
    };
}

pub(super) async fn get(tx: &mut ControlTx, id: AttemptId) -> Result<Option<Row>, sqlx::Error> {
    select!("where id = $1", id as _).fetch_optional(tx.conn()).await
}

/// The row, for this transaction alone until it ends.
pub(super) async fn lock(tx: &mut ControlTx, id: AttemptId) -> Result<Option<Row>, sqlx::Error> {
    select!("where id = $1 for no key update", id as _)
        .fetch_optional(tx.conn())
        .await
}

pub(super) async fn of_invoice(
    tx: &mut ControlTx,
    tenant: TenantId,
    invoice: InvoiceId,
) -> Result<Vec<Row>, sqlx::Error> {
    select!(
        "where tenant_id = $1 and invoice_id = $2 order by id",
        tenant as _,
        invoice as _
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn find_by_reference(
    tx: &mut ControlTx,
    provider: ProviderKind,
    reference: &str,
) -> Result<Option<AttemptId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select id as "id: AttemptId" from control.payment_attempts where provider = $1 and reference = $2"#,
        provider as ProviderKind as _,
        reference
    )
    .fetch_optional(tx.conn())
    .await
}

pub(super) async fn insert(tx: &mut ControlTx, row: &Row) -> Result<(), sqlx::Error> {
    let attempt = &row.attempt;
    sqlx::query!(
        "insert into control.payment_attempts
             (id, tenant_id, invoice_id, provider, method_id, customer, method, amount, currency, description,
              idempotency_key, status, created_at, looked_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)",
        attempt.id as _,
        attempt.tenant_id as _,
        attempt.invoice_id as _,
        attempt.provider as ProviderKind as _,
        attempt.method_id as _,
        row.customer,
        row.method,
        attempt.amount.amount,
        attempt.amount.currency.code(),
        row.description,
        row.idempotency_key,
        attempt.status as AttemptStatus as _,
        attempt.created_at as _
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Says that the provider is being asked, unless it is over; answers when that was first said, and the time now.
pub(super) async fn mark_sent(
    tx: &mut ControlTx,
    id: AttemptId,
) -> Result<Option<(Timestamp, Timestamp)>, sqlx::Error> {
    let now = tx.now();
    let row = sqlx::query!(
        r#"update control.payment_attempts
         set status = case when status = 'unknown' then 'unknown' else 'sent' end,
             sent_at = coalesce(sent_at, $2), looked_at = $2
         where id = $1 and status in ('created', 'sent', 'unknown')
         returning sent_at as "sent_at!: Timestamp", clock_timestamp() as "asked!: Timestamp""#,
        id as _,
        now as _
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.sent_at, row.asked)))
}

/// Writes down that nobody knows.
pub(super) async fn mark_unknown(tx: &mut ControlTx, id: AttemptId, reason: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.payment_attempts set status = 'unknown', message = $2 where id = $1 and status in ('sent', 'unknown')",
        id as _,
        reason
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Writes down what the provider said.
pub(super) async fn update(
    tx: &mut ControlTx,
    attempt: &Attempt,
    request_id: Option<&str>,
    seen_at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.payment_attempts
         set status = $2, reference = $3, code = $4, decline_code = $5, message = $6, request_id = coalesce($7, request_id),
             settled_at = $8, seen_at = greatest(seen_at, $9)
         where id = $1",
        attempt.id as _,
        attempt.status as AttemptStatus as _,
        attempt.reference,
        attempt.code,
        attempt.decline_code,
        attempt.message,
        request_id,
        attempt.settled_at as _,
        seen_at as _
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Attempts that were not looked at since: whoever was at it gave up. They count as looked at now.
pub(super) async fn take_overdue(
    tx: &mut ControlTx,
    before: Timestamp,
) -> Result<Vec<(AttemptId, TenantId)>, sqlx::Error> {
    let now = tx.now();
    let rows = sqlx::query!(
        r#"update control.payment_attempts set looked_at = $2
         where id in (select id from control.payment_attempts
                      where looked_at < $1 and status in ('created', 'sent', 'unknown', 'processing')
                      order by looked_at limit 200 for update skip locked)
         returning id as "id: Id<super::model::AttemptEntity>", tenant_id as "tenant: TenantId""#,
        before as _,
        now as _
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.tenant)).collect())
}
