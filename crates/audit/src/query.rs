//! Reading the trail: any combination of filters, newest first, by cursor.

use isolation::{ControlTx, Tx};
use kernel::{Actor, ActorKind, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sqlx::{FromRow, Postgres, QueryBuilder};

use crate::event::{AuditEventId, FieldChange, Resource};
use crate::event_type::Severity;

/// What is looked for; what is left out does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// By this actor, or on behalf of him.
    pub actor_id: Option<String>,
    /// Of this type.
    pub event_type: Option<String>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// About a thing of this kind.
    pub resource_type: Option<String>,
    /// About this thing.
    pub resource_id: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// With all these words in type, action, actor or resource.
    pub words: Option<String>,
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Microseconds since the epoch.
    pub at: i64,
    /// The last event's identifier.
    pub id: AuditEventId,
}

/// Which page.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest {
    /// Events at most.
    pub limit: i64,
    /// After this position.
    pub after: Option<Position>,
}

/// An event as it is read.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEvent {
    /// Which event.
    pub id: AuditEventId,
    /// The tenant it concerns, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// Who did it.
    pub actor: Actor,
    /// What happened, one of the registered types.
    #[schema(example = "data.created")]
    pub event_type: String,
    /// How much it matters.
    pub severity: Severity,
    /// What was done.
    #[schema(example = "created")]
    pub action: String,
    /// What it happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource>,
    /// Which fields changed.
    pub changes: Vec<FieldChange>,
    /// Further facts.
    #[schema(value_type = Object)]
    pub metadata: Json,
    /// Where the caller was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// The caller's software.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The request it came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// When.
    pub timestamp: Timestamp,
    /// Until when it is kept at least.
    pub expires_at: Timestamp,
    #[serde(skip)]
    position_micros: i64,
}

impl AuditEvent {
    /// The position after this event.
    pub fn position(&self) -> Position {
        Position {
            at: self.position_micros,
            id: self.id,
        }
    }
}

#[derive(FromRow)]
struct Row {
    id: AuditEventId,
    tenant_id: Option<TenantId>,
    occurred_at: Timestamp,
    event_type: String,
    severity: Severity,
    action: String,
    actor_type: ActorKind,
    actor_id: String,
    on_behalf_of: Option<String>,
    resource_type: Option<String>,
    resource_id: Option<String>,
    resource_name: Option<String>,
    changes: sqlx::types::Json<Vec<FieldChange>>,
    metadata: Json,
    ip_address: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
    expires_at: Timestamp,
}

impl From<Row> for AuditEvent {
    fn from(row: Row) -> Self {
        let name = row.resource_name;
        let resource = row
            .resource_type
            .zip(row.resource_id)
            .map(|(kind, id)| Resource { kind, id, name });
        Self {
            id: row.id,
            tenant_id: row.tenant_id,
            actor: Actor {
                kind: row.actor_type,
                id: row.actor_id,
                on_behalf_of: row.on_behalf_of,
            },
            event_type: row.event_type,
            severity: row.severity,
            action: row.action,
            resource,
            changes: row.changes.0,
            metadata: row.metadata,
            ip_address: row.ip_address,
            user_agent: row.user_agent,
            request_id: row.request_id,
            timestamp: row.occurred_at,
            expires_at: row.expires_at,
            position_micros: row.occurred_at.as_micros(),
        }
    }
}

/// The events that match, newest first: one more than asked for tells that there is another page.
pub async fn find(
    tx: &mut ControlTx,
    filter: &Filter,
    page: PageRequest,
) -> Result<Vec<AuditEvent>, sqlx::Error> {
    let mut query = QueryBuilder::<Postgres>::new(
        "select id, tenant_id, occurred_at, event_type, severity, action, actor_type, actor_id, on_behalf_of,
                resource_type, resource_id, resource_name, changes, metadata, ip_address, user_agent, request_id, expires_at
         from control.audit_events where true",
    );
    if let Some(tenant) = tx.tenant().or(filter.tenant) {
        query.push(" and tenant_id = ").push_bind(tenant);
    }
    if let Some(actor) = &filter.actor_id {
        query.push(" and (actor_id = ").push_bind(actor.clone());
        query
            .push(" or on_behalf_of = ")
            .push_bind(actor.clone())
            .push(")");
    }
    push_equal(&mut query, "event_type", filter.event_type.as_deref());
    push_equal(&mut query, "severity", filter.severity.map(Severity::name));
    push_equal(&mut query, "resource_type", filter.resource_type.as_deref());
    push_equal(&mut query, "resource_id", filter.resource_id.as_deref());
    if let Some(from) = filter.from {
        query.push(" and occurred_at >= ").push_bind(from);
    }
    if let Some(to) = filter.to {
        query.push(" and occurred_at < ").push_bind(to);
    }
    if let Some(words) = &filter.words {
        query
            .push(" and search @@ plainto_tsquery('simple', ")
            .push_bind(words.clone())
            .push(")");
    }
    if let Some(after) = page.after {
        query
            .push(" and (occurred_at, id) < (")
            .push_bind(Timestamp::from_micros(after.at));
        query.push(", ").push_bind(after.id).push(")");
    }
    query
        .push(" order by occurred_at desc, id desc limit ")
        .push_bind(page.limit);
    let rows: Vec<Row> = query.build_query_as().fetch_all(tx.conn()).await?;
    Ok(rows.into_iter().map(AuditEvent::from).collect())
}

fn push_equal(query: &mut QueryBuilder<Postgres>, column: &'static str, wanted: Option<&str>) {
    if let Some(wanted) = wanted {
        query
            .push(" and ")
            .push(column)
            .push(" = ")
            .push_bind(wanted.to_owned());
    }
}
