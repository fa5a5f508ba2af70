//! Writing events: directly in the control plane, by way of the outbox from a tenant's store.

use futures_util::future::BoxFuture;
use isolation::{ControlTx, TenantTx, Tx};
use jobs::{Item, Receiver, outbox};
use kernel::{Actor, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::event::{AuditEventId, Event, FieldChange, Resource};

/// An event with everything that the transaction knows about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    id: AuditEventId,
    tenant: Option<TenantId>,
    at_micros: i64,
    event_type: String,
    severity: String,
    action: String,
    actor: Actor,
    resource: Option<Resource>,
    changes: Vec<FieldChange>,
    metadata: Map<String, Json>,
    ip: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
    retention_days: i64,
}

impl Record {
    fn of(event: Event, tx: &impl Tx) -> Self {
        let kind = event.kind;
        let request = tx.request();
        Self {
            id: tx.new_id(),
            tenant: tx.tenant().or(event.tenant),
            at_micros: tx.now().as_micros(),
            event_type: kind.name().to_owned(),
            severity: kind.severity().name().to_owned(),
            action: event
                .action
                .unwrap_or_else(|| kind.name().rsplit('.').next().unwrap_or("").to_owned()),
            actor: tx.actor().clone(),
            resource: event.resource,
            changes: event.changes,
            metadata: event.metadata,
            ip: request.ip.map(|ip| ip.to_canonical().to_string()),
            user_agent: request
                .user_agent
                .as_deref()
                .map(|text| text.chars().take(512).collect()),
            request_id: request.id.clone(),
            retention_days: kind.retention_days(),
        }
    }
}

/// A transaction that events can be written in.
pub trait Trail: Tx {
    /// Stores the record, here or by way of the outbox.
    fn put_record(&mut self, record: Record) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

/// Records the event in the transaction of the change it tells of.
pub async fn record(tx: &mut impl Trail, event: Event) -> Result<(), sqlx::Error> {
    let record = Record::of(event, tx);
    tx.put_record(record).await
}

impl Trail for ControlTx {
    async fn put_record(&mut self, record: Record) -> Result<(), sqlx::Error> {
        insert(self, record).await
    }
}

impl Trail for TenantTx {
    async fn put_record(&mut self, record: Record) -> Result<(), sqlx::Error> {
        outbox::append(self, RelayedEvents::KIND, record.id.uuid(), &record).await
    }
}

/// Receives the events that tenants' stores left.
#[derive(Debug)]
pub struct RelayedEvents;

impl RelayedEvents {
    const KIND: &'static str = "audit";
}

impl Receiver for RelayedEvents {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    fn receive<'a>(
        &'a self,
        tx: &'a mut ControlTx,
        items: &'a [&'a Item],
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            for item in items {
                let mut record: Record = serde_json::from_value(item.payload.clone())
                    .map_err(|error| sqlx::Error::Decode(error.into()))?;
                // The store says whose event it is and which, not the payload.
                record.tenant = Some(item.tenant);
                record.id = AuditEventId::from_uuid(item.id);
                insert(tx, record).await?;
            }
            Ok(())
        })
    }
}

async fn insert(tx: &mut ControlTx, record: Record) -> Result<(), sqlx::Error> {
    let at = Timestamp::from_micros(record.at_micros);
    let (resource_type, resource_id, resource_name) = match record.resource {
        Some(resource) => (Some(resource.kind), Some(resource.id), resource.name),
        None => (None, None, None),
    };
    sqlx::query!(
        "insert into control.audit_events
             (id, tenant_id, occurred_at, event_type, severity, action, actor_type, actor_id, on_behalf_of,
              resource_type, resource_id, resource_name, changes, metadata, ip_address, user_agent, request_id, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         on conflict do nothing",
        record.id as _,
        record.tenant as _,
        at as _,
        record.event_type,
        record.severity,
        record.action,
        record.actor.kind as _,
        record.actor.id,
        record.actor.on_behalf_of,
        resource_type,
        resource_id,
        resource_name,
        Json::from(record.changes.iter().map(|change| serde_json::json!(change)).collect::<Vec<_>>()),
        Json::Object(record.metadata),
        record.ip,
        record.user_agent,
        record.request_id,
        at.plus_days(record.retention_days) as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
