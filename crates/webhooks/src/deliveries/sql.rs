//! Statements on `control.webhook_deliveries`, all of an endpoint that the caller is known to own.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use sqlx::types::Json;
use uuid::Uuid;

use super::model::{Attempt, Delivery, DeliveryFilter, DeliveryId, DeliveryStatus};
use crate::endpoints::EndpointId;
use crate::event::EventId;

struct Row {
    id: DeliveryId,
    endpoint_id: EndpointId,
    event_id: EventId,
    event_type: String,
    status: DeliveryStatus,
    attempts: i32,
    next_attempt_at: Option<Timestamp>,
    history: Json<Vec<Attempt>>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<Row> for Delivery {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            webhook_id: row.endpoint_id,
            event_id: row.event_id,
            event_type: row.event_type,
            status: row.status,
            attempts: row.attempts,
            next_attempt_at: row.next_attempt_at,
            history: row.history.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

pub(super) async fn page(
    tx: &mut ControlTx,
    endpoint: EndpointId,
    filter: DeliveryFilter,
    after: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Delivery>, sqlx::Error> {
    let before = after.map_or(Uuid::max(), kernel::Id::uuid);
    let rows = sqlx::query_as!(
        Row,
        r#"select d.id as "id: _", d.endpoint_id as "endpoint_id: _", d.event_id as "event_id: _", v.type as event_type,
                  d.status as "status: _", d.attempts, d.next_attempt_at as "next_attempt_at: _",
                  d.history as "history: _", d.created_at as "created_at: _", d.updated_at as "updated_at: _"
           from control.webhook_deliveries d join control.webhook_events v on v.id = d.event_id
           where d.endpoint_id = $1 and d.id < $2 and ($3::text is null or d.status = $3)
           order by d.id desc limit $4"#,
        endpoint as _,
        before,
        filter.status as _,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(Delivery::from).collect())
}

pub(super) async fn get(
    tx: &mut ControlTx,
    endpoint: EndpointId,
    id: DeliveryId,
) -> Result<Option<Delivery>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select d.id as "id: _", d.endpoint_id as "endpoint_id: _", d.event_id as "event_id: _", v.type as event_type,
                  d.status as "status: _", d.attempts, d.next_attempt_at as "next_attempt_at: _",
                  d.history as "history: _", d.created_at as "created_at: _", d.updated_at as "updated_at: _"
           from control.webhook_deliveries d join control.webhook_events v on v.id = d.event_id
           where d.endpoint_id = $1 and d.id = $2"#,
        endpoint as _,
        id as _
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Delivery::from))
}

pub(super) async fn insert(
    tx: &mut ControlTx,
    id: DeliveryId,
    owner: Option<TenantId>,
    endpoint: EndpointId,
    event: EventId,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "insert into control.webhook_deliveries
             (id, tenant_id, endpoint_id, event_id, status, next_attempt_at, created_at, updated_at)
         values ($1, $2, $3, $4, 'pending', $5, $5, $5)",
        id as _,
        owner as _,
        endpoint as _,
        event as _,
        now as _
    )
    .execute(tx.conn())
    .await?;
    wake(tx, endpoint).await
}

/// Makes all of these due now, with all their attempts before them.
pub(super) async fn replay(
    tx: &mut ControlTx,
    endpoint: EndpointId,
    which: Option<DeliveryId>,
    failed_since: Option<Timestamp>,
) -> Result<u64, sqlx::Error> {
    let now = tx.now();
    let replayed = sqlx::query!(
        "update control.webhook_deliveries
         set status = 'pending', attempts = 0, next_attempt_at = $4, updated_at = $4
         where endpoint_id = $1 and ($2::uuid is null or id = $2)
           and ($3::timestamptz is null or (status = 'failed' and created_at >= $3))",
        endpoint as _,
        which as _,
        failed_since as _,
        now as _
    )
    .execute(tx.conn())
    .await?;
    wake(tx, endpoint).await?;
    Ok(replayed.rows_affected())
}

/// Something is due for the endpoint.
async fn wake(tx: &mut ControlTx, endpoint: EndpointId) -> Result<(), sqlx::Error> {
    let now = tx.now();
    sqlx::query!(
        "update control.webhook_endpoints set due_at = least(due_at, $2) where id = $1",
        endpoint as _,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
