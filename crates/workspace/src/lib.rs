//! The tenant data that ships: projects with their tasks, files, and settings; and how much there is of it.
//!
//! Every operation works in a [`TenantTx`](isolation::TenantTx) that the caller commits; it checks the permission,
//! validates what it was given, and writes its audit event in the same transaction. So it runs unchanged in every
//! isolation strategy. Only [`files`] also touches the object store, and never while a transaction is open.
//!
//! What may not enter: HTTP, other tenants, anything the control plane knows (plans, quotas, members).

pub mod files;
pub mod holdings;
pub mod projects;
pub mod seed;
pub mod settings;
pub mod tasks;

#[cfg(test)]
mod fixture;
mod page;
mod patch;
mod text;
mod version;

pub use page::PageRequest;
pub use text::Invalid;
pub use version::VersionMismatch;
