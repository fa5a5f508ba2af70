//! Calls that change something at the provider and are no charge or refund: each is written down before it is made.
//!
//! ```text
//! created → sent → succeeded
//!              └─→ failed     nothing happened; another call about the same may be made
//! ```
//! A call of which nobody knows what became of it stays `sent`, and is repeated under the same key.

use isolation::Tx;
use kernel::{Entity, Id, TenantId, Timestamp};

use super::Payments;
use crate::providers::{Failure, ProviderKind};

/// Marker of calls.
#[derive(Debug)]
pub(super) enum CallEntity {}
impl Entity for CallEntity {
    const PREFIX: &'static str = "call";
}

/// For so long Stripe remembers a key: 24 hours, less what clocks may be apart.
pub(super) const KEY_HOURS: i64 = 23;

/// A call that was written down.
#[derive(Debug)]
pub(super) struct Call {
    id: Id<CallEntity>,
    /// What makes asking twice the same as asking once.
    pub(super) key: String,
    /// What the provider calls what it made, where it is done already.
    pub(super) reference: Option<String>,
    /// When it was first asked for, if that was so long ago that the provider may have forgotten the key.
    pub(super) forgotten_since: Option<Timestamp>,
}

/// What makes asking twice for this the same as asking once.
pub(super) fn key<T: Entity>(id: Id<T>) -> String {
    format!("tenantry-{id}")
}

/// Writes the call down, or finds the one about the same `subject` that is under way or done.
pub(super) async fn begin(
    payments: &Payments,
    tenant: TenantId,
    operation: &str,
    subject: &str,
) -> Result<Call, sqlx::Error> {
    let mut tx = payments.system().control().await?;
    let (id, now): (Id<CallEntity>, _) = (tx.new_id(), tx.now());
    sqlx::query!(
        "insert into control.provider_calls
             (id, tenant_id, provider, operation, subject, idempotency_key, status, created_at)
         values ($1, $2, $3, $4, $5, $6, 'created', $7)
         on conflict (tenant_id, provider, operation, subject) where status <> 'failed' do nothing",
        id as _,
        tenant as _,
        payments.provider().kind() as ProviderKind as _,
        operation,
        subject,
        key(id),
        now as _
    )
    .execute(tx.conn())
    .await?;
    let row = sqlx::query!(
        r#"update control.provider_calls
         set status = case when status = 'created' then 'sent' else status end, sent_at = coalesce(sent_at, $5)
         where tenant_id = $1 and provider = $2 and operation = $3 and subject = $4 and status <> 'failed'
         returning id as "id: Id<CallEntity>", idempotency_key, reference, sent_at as "sent_at!: Timestamp""#,
        tenant as _,
        payments.provider().kind() as ProviderKind as _,
        operation,
        subject,
        now as _
    )
    .fetch_one(tx.conn())
    .await?;
    tx.commit().await?;
    let forgotten = row.sent_at < hours_before(now, KEY_HOURS);
    Ok(Call {
        id: row.id,
        key: row.idempotency_key,
        reference: row.reference,
        forgotten_since: forgotten.then_some(row.sent_at),
    })
}

/// So many hours before this.
pub(super) fn hours_before(now: Timestamp, hours: i64) -> Timestamp {
    Timestamp::from_micros(now.as_micros() - hours * 3_600_000_000)
}

/// Writes down what became of the call. One of which that is not known stays as it is.
pub(super) async fn settle(
    payments: &Payments,
    call: &Call,
    outcome: Result<&str, &Failure>,
) -> Result<(), sqlx::Error> {
    let (status, reference, error) = match outcome {
        Ok(reference) => ("succeeded", Some(reference), None),
        Err(failure) if failure.may_pass() => ("sent", None, Some(failure.to_string())),
        Err(failure) => ("failed", None, Some(failure.to_string())),
    };
    let mut tx = payments.system().control().await?;
    let now = tx.now();
    sqlx::query!(
        "update control.provider_calls
         set status = $2, reference = $3, error = $4, settled_at = case when $2 <> 'sent' then $5::timestamptz end
         where id = $1 and status = 'sent'",
        call.id as _,
        status,
        reference,
        error,
        now as _
    )
    .execute(tx.conn())
    .await?;
    tx.commit().await
}
