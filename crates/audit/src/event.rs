//! An event as it is written.

use kernel::{Entity, Id, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::event_type::EventType;
use crate::value::Value;

/// Marker of audit events.
#[derive(Debug)]
pub enum AuditEntity {}
impl Entity for AuditEntity {
    const PREFIX: &'static str = "audit";
}
/// An audit event's identifier.
pub type AuditEventId = Id<AuditEntity>;

/// The thing that something happened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Resource {
    /// What kind of thing, e.g. `project`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which one.
    pub id: String,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One field that changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// The field.
    pub field: String,
    /// Before.
    pub old_value: Json,
    /// After.
    pub new_value: Json,
}

/// Something that happened, before it is written. Who, when and with which request comes from the transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub(crate) kind: EventType,
    pub(crate) action: Option<String>,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) resource: Option<Resource>,
    pub(crate) changes: Vec<FieldChange>,
    pub(crate) metadata: Map<String, Json>,
}

impl Event {
    /// An event of this type.
    pub fn new(event_type: EventType) -> Self {
        Self {
            kind: event_type,
            action: None,
            tenant: None,
            resource: None,
            changes: Vec::new(),
            metadata: Map::new(),
        }
    }

    /// The tenant it concerns, where the transaction is not confined to one.
    #[must_use]
    pub fn of_tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// What was done, where the type does not say it all; by default the part of the type after the dot.
    #[must_use]
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.action = Some(action.into());
        self
    }

    /// What it happened to.
    #[must_use]
    pub fn resource<T: Entity>(self, id: Id<T>, name: Option<&str>) -> Self {
        self.resource_named(T::PREFIX, &id.to_string(), name)
    }

    /// What it happened to, where that has no identifier of its own.
    #[must_use]
    pub fn resource_named(mut self, kind: &str, id: &str, name: Option<&str>) -> Self {
        self.resource = Some(Resource {
            kind: kind.to_owned(),
            id: id.to_owned(),
            name: name.map(str::to_owned),
        });
        self
    }

    /// A field that changed; nothing is recorded where both values are the same and shown in clear.
    #[must_use]
    pub fn change(mut self, field: &str, old: impl Into<Value>, new: impl Into<Value>) -> Self {
        let (old_value, new_value) = (old.into().into_json(), new.into().into_json());
        let marked = old_value == "[personal]" || old_value == "[secret]";
        if old_value != new_value || marked {
            self.changes.push(FieldChange {
                field: field.to_owned(),
                old_value,
                new_value,
            });
        }
        self
    }

    /// A further fact.
    #[must_use]
    pub fn meta(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.to_owned(), value.into().into_json());
        self
    }
}
