//! The audit trail: who did what to what, when, from where.
//!
//! - An [`Event`] is written in the transaction of the change it records, or not at all: directly in the control
//!   plane, by way of the outbox from a tenant's store.
//! - Event types are one registry ([`EventType`]); an unregistered type does not compile.
//! - A value marked [`Personal`] or `Secret` cannot be written in clear.
//! - Nobody can change an event, or remove one before its time: the application's roles lack the grant, and what
//!   [`remove_expired`] calls removes nothing that has not expired.

mod event;
mod event_type;
mod expiry;
mod query;
mod record;
mod value;

pub use event::{AuditEntity, AuditEventId, Event, FieldChange, Resource};
pub use event_type::{EventType, Severity};
pub use expiry::remove_expired;
pub use query::{AuditEvent, Filter, PageRequest, Position, find};
pub use record::{RelayedEvents, Trail, record};
pub use value::{Personal, Value};
