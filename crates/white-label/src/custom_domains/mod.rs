//! Host names that tenants bring.
//!
//! ```text
//!   register            (proof of ownership)             release
//!   ─────────▶ pending ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ▶ verified ─────────▶ released ── 30 days ──▶ gone
//!                 └─ release, withdraw ──▶ gone
//! ```
//!
//! Invariants: a name has one holder, decided by a primary key; only a verified name leads to its tenant; a name
//! that was in use, or whose tenant is removed, cannot be claimed by another for 30 days; who claims a name that
//! another had proves it anew, with a fresh token.
//!
//! Proving ownership (the dashed line: the TXT record, checked in the background and again every day) has its place
//! here, in a `verification` module of its own; certificates beside it.

mod domains;
mod hostname;
mod jobs;
mod model;
mod ops;
mod sql;
mod view;

pub use domains::Domains;
pub use hostname::{Hostname, InvalidHostname};
pub use jobs::scheduled;
pub use model::{CustomDomain, CustomDomainEntity, CustomDomainId, DomainStatus};
pub use ops::{
    RegisterDomainError, ReleaseDomainError, find, list, register, release, release_all, withdraw_all,
};
pub use view::{CustomDomainView, DnsRecord, RecordPurpose};

#[cfg(test)]
mod tests;
