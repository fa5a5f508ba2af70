//! The statements on `control.refunds`.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::Money;

use super::model::{Refund, RefundId};
use crate::columns;
use crate::payments::attempts::AttemptId;
use crate::providers::{ProviderKind, RefundStatus};

/// A refund with what a job needs to ask for it.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) refund: Refund,
    pub(super) idempotency_key: String,
    pub(super) seen_at: Option<Timestamp>,
}

macro_rules! select {
    ($rest:literal $(, $argument:expr)*) => {
        sqlx::query!(
            r#"select id as "id: RefundId", tenant_id as "tenant_id: TenantId", attempt_id as "payment_id: AttemptId",
                   provider as "provider: ProviderKind", amount, currency, reason, idempotency_key,
                   status as "status: RefundStatus", reference, code, message, created_at as "created_at: Timestamp",
                   seen_at as "seen_at: Timestamp", settled_at as "settled_at: Timestamp"
            from control.refunds "# + $rest $(, $argument)*
        )
        .try_map(|row| {
            Ok(Row {
                refund: Refund {
                    id: row.id,
                    tenant_id: row.tenant_id,
                    payment_id: row.payment_id,
                    provider: row.provider,
                    amount: Money::new(row.amount, columns::currency(&row.currency)?),
                    reason: row.reason,
                    status: row.status,
                    reference: row.reference,
                    code: row.code,
                    message: row.message,
                    created_at: row.created_at,
                    settled_at: row.settled_at,
                },
                idempotency_key: row.idempotency_key,
                seen_at: row.seen_at,
            })
        })
    };
}

pub(super) async fn get(tx: &mut ControlTx, id: RefundId) -> Result<Option<Row>, sqlx::Error> {
    select!("where id = $1", id as _).fetch_optional(tx.conn()).await
}

/// The row, for this transaction alone until it ends.
pub(super) async fn lock(tx: &mut ControlTx, id: RefundId) -> Result<Option<Row>, sqlx::Error> {
    select!("where id = $1 for no key update", id as _)
        .fetch_optional(tx.conn())
        .await
}

pub(super) async fn of_payment(tx: &mut ControlTx, payment: AttemptId) -> Result<Vec<Row>, sqlx::Error> {
    select!("where attempt_id = $1 order by id", payment as _)
        .fetch_all(tx.conn())
        .await
}

pub(super) async fn find(tx: &mut ControlTx, reference: &str) -> Result<Option<RefundId>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select id as "id: RefundId" from control.refunds where provider = 'stripe' and reference = $1"#,
        reference
    )
    .fetch_optional(tx.conn())
    .await
}

/// What goes or went back of the payment.
pub(super) async fn refunded(tx: &mut ControlTx, payment: AttemptId) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(amount), 0)::bigint as "sum!" from control.refunds
         where attempt_id = $1 and status not in ('failed', 'canceled')"#,
        payment as _
    )
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn insert(tx: &mut ControlTx, row: &Row) -> Result<(), sqlx::Error> {
    let refund = &row.refund;
    sqlx::query!(
        "insert into control.refunds
             (id, tenant_id, attempt_id, provider, amount, currency, reason, idempotency_key, status, reference, created_at,
              looked_at, seen_at, settled_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13)",
        refund.id as _,
        refund.tenant_id as _,
        refund.payment_id as _,
        refund.provider as ProviderKind as _,
        refund.amount.amount,
        refund.amount.currency.code(),
        refund.reason,
        row.idempotency_key,
        refund.status as RefundStatus as _,
        refund.reference,
        refund.created_at as _,
        row.seen_at as _,
        refund.settled_at as _
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Says that the provider is being asked, unless it is over; answers when that was first said, and the time now.
pub(super) async fn mark_sent(
    tx: &mut ControlTx,
    id: RefundId,
) -> Result<Option<(Timestamp, Timestamp)>, sqlx::Error> {
    let now = tx.now();
    let row = sqlx::query!(
        r#"update control.refunds
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
pub(super) async fn mark_unknown(tx: &mut ControlTx, id: RefundId, reason: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.refunds set status = 'unknown', message = $2 where id = $1 and status in ('sent', 'unknown')",
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
    refund: &Refund,
    request_id: Option<&str>,
    seen_at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.refunds
         set status = $2, reference = $3, code = $4, message = $5, request_id = coalesce($6, request_id),
             settled_at = $7, seen_at = greatest(seen_at, $8)
         where id = $1",
        refund.id as _,
        refund.status as RefundStatus as _,
        refund.reference,
        refund.code,
        refund.message,
        request_id,
        refund.settled_at as _,
        seen_at as _
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Refunds that were not looked at since: whoever was at it gave up. They count as looked at now.
pub(super) async fn take_overdue(
    tx: &mut ControlTx,
    before: Timestamp,
) -> Result<Vec<(RefundId, TenantId)>, sqlx::Error> {
    let now = tx.now();
    let rows = sqlx::query!(
        r#"update control.refunds set looked_at = $2
         where id in (select id from control.refunds
                      where looked_at < $1 and status in ('created', 'sent', 'unknown', 'pending')
                      order by looked_at limit 200 for update skip locked)
         returning id as "id: RefundId", tenant_id as "tenant: TenantId""#,
        before as _,
        now as _
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.tenant)).collect())
}
