//! Storing what came.

use isolation::{ControlTx, Tx};
use jobs::Queue;
use kernel::{Entity, Id, Timestamp};
use serde_json::Value;

use super::jobs::ApplyEvent;
use crate::payments::Payments;
use crate::stripe::BadSignature;
use crate::stripe::objects::Event;

/// Marker of stored events.
#[derive(Debug)]
pub(super) enum EventEntity {}
impl Entity for EventEntity {
    const PREFIX: &'static str = "provider_event";
}
/// A stored event's identifier.
pub(super) type StoredId = Id<EventEntity>;

/// A webhook was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// It is not believed.
    #[error(transparent)]
    Signature(#[from] BadSignature),
    /// It is signed, and no event.
    #[error("the body is no event")]
    NoEvent,
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// What became of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is stored, and will be applied.
    New,
    /// It was stored before.
    Known,
}

/// Verifies a webhook by its signature header, and stores it with the job that applies it.
pub async fn receive(
    payments: &Payments,
    signature: Option<&str>,
    body: &[u8],
) -> Result<Received, ReceiveError> {
    let ctx = payments.system();
    payments.secrets().verify(signature, body, ctx.seams().now())?;
    let payload: Value = serde_json::from_slice(body).map_err(|_| ReceiveError::NoEvent)?;
    let event: Event = serde_json::from_value(payload.clone()).map_err(|_| ReceiveError::NoEvent)?;
    let mut tx = ctx.control().await?;
    let stored = insert(&mut tx, &event, &payload).await?;
    let Some(id) = stored else {
        return Ok(Received::Known);
    };
    tx.enqueue(&ApplyEvent { event: id }).await?;
    tx.commit().await?;
    Ok(Received::New)
}

async fn insert(tx: &mut ControlTx, event: &Event, payload: &Value) -> Result<Option<StoredId>, sqlx::Error> {
    let (id, now): (StoredId, _) = (tx.new_id(), tx.now());
    let created = Timestamp::from_micros(event.created.saturating_mul(1_000_000));
    let row = sqlx::query_scalar!(
        r#"insert into control.provider_events
             (id, provider, reference, type, livemode, api_version, object, payload, status, created_at, received_at,
              looked_at)
         values ($1, 'stripe', $2, $3, $4, $5, $6, $7, 'received', $8, $9, $9)
         on conflict (provider, reference) do nothing returning id as "id: StoredId""#,
        id as _,
        event.id,
        event.kind,
        event.livemode,
        event.api_version,
        event.data.object.id,
        payload,
        created as _,
        now as _
    );
    row.fetch_optional(tx.conn()).await
}

/// What a job needs to know of a stored event.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) kind: String,
    pub(super) livemode: bool,
    pub(super) object: Option<String>,
    /// The time now, before anybody is asked.
    pub(super) asked: Timestamp,
}

/// The event, unless it is applied or ignored already.
pub(super) async fn load(tx: &mut ControlTx, id: StoredId) -> Result<Option<Stored>, sqlx::Error> {
    sqlx::query_as!(
        Stored,
        r#"select type as kind, livemode, object, clock_timestamp() as "asked!: Timestamp"
         from control.provider_events where id = $1 and status = 'received'"#,
        id as _
    )
    .fetch_optional(tx.conn())
    .await
}

/// Takes the event for this transaction alone; false where it is applied already. Two events about one object wait for
/// each other.
pub(super) async fn take(tx: &mut ControlTx, id: StoredId, object: &str) -> Result<bool, sqlx::Error> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('provider object ' || $1::text, 0))",
        object
    )
    .execute(tx.conn())
    .await?;
    let taken = sqlx::query_scalar!(
        "select 1 from control.provider_events where id = $1 and status = 'received' for update",
        id as _
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(taken.is_some())
}

/// Writes down what became of the event; `note` says why nothing did.
pub(super) async fn finish(tx: &mut ControlTx, id: StoredId, note: Option<&str>) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "update control.provider_events
         set status = case when $2::text is null then 'applied' else 'ignored' end, note = $2, applied_at = $3
         where id = $1 and status = 'received'",
        id as _,
        note,
        now as _
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Leaves a job for each event that nobody has looked at since.
pub async fn overdue(tx: &mut ControlTx, before: Timestamp) -> Result<usize, sqlx::Error> {
    let now = tx.now();
    let events = sqlx::query_scalar!(
        r#"update control.provider_events set looked_at = $2
         where id in (select id from control.provider_events where looked_at < $1 and status = 'received'
                      order by looked_at limit 200 for update skip locked)
         returning id as "id: StoredId""#,
        before as _,
        now as _
    )
    .fetch_all(tx.conn())
    .await?;
    for event in &events {
        tx.enqueue(&ApplyEvent { event: *event }).await?;
    }
    Ok(events.len())
}
