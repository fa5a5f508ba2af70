//! People of a tenant. (tenant, lower-cased email) identifies one; the same address in two tenants is two people.
//!
//! ```text
//! invited ──accept──▶ active ⇄ deactivated
//! ```
//!
//! Invariants: a person who was given a password begins active, otherwise invited; what he may do is his role.
//! Whoever changes a person's role or status announces his keys, for what they allow hangs on both.

mod model;
mod ops;
pub(crate) mod sql;
#[cfg(test)]
mod tests;

pub use model::{User, UserStatus};
pub use ops::{UserError, create_owner, get, remove_all};
