//! The walls between tenants, and the only door through them.
//!
//! - [`Databases`] holds every connection the product has; no other crate names a pool.
//! - [`TenantTx`] is the one way to touch a tenant's data. It opens only from a [`TenantCtx`], which only
//!   authentication and jobs that name their tenant make. Role, search path and tenant are set in the same round
//!   trip that begins the transaction and end with it, so that a transaction pooler cannot leak them.
//! - [`ControlTx`] is the one way to touch the control plane: as a tenant (row-level security applies), as the
//!   platform, or as an operator who is limited to some tenants (row-level security applies).
//!
//! Invariants: names of schemas, databases and roles derive from a tenant's uuid, never from text a user gave;
//! no session-level setting is ever made; nothing here knows what the tables mean.

mod active;
mod admin;
mod bootstrap;
mod changes;
mod context;
mod databases;
mod ddl;
mod idempotency;
mod inspection;
mod limit;
mod migrations;
mod pools;
mod scram;
mod store;
mod tx;
mod walls;

pub use bootstrap::{APP_ROLE, BootstrapError};
pub use changes::{FreshCache, Listener, News, Subscription, Ticket};
pub use context::{Caller, Forbidden, PlatformCtx, RequestInfo, TenantCtx};
pub use databases::{Databases, Settings};
pub use idempotency::{Claim, IdempotencyKey, StoredAnswer};
pub use inspection::Inspection;
pub use limit::Limit;
pub use migrations::{MigrationError, tenant_schema_version};
pub use store::{IsolationStrategy, Store};
pub use tx::{Conn, ControlTx, OutboxTx, TenantTx, Tx};
pub use walls::WallError;

/// Whether an error is the violation of this named constraint.
pub fn violates(error: &sqlx::Error, constraint: &str) -> bool {
    matches!(error, sqlx::Error::Database(db) if db.constraint() == Some(constraint))
}

/// Whether an error says that the store it was looked for in was removed: no such database or table.
pub fn is_gone(error: &sqlx::Error) -> bool {
    const GONE: [&str; 2] = ["3D000", "42P01"];
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| GONE.contains(&&*code))
}
