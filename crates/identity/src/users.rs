//! People of a tenant. (tenant, lower-cased email) identifies one; the same address in two tenants is two people.
//!
//! ```text
//!            ┌──────────────────────────────┐
//!            ▼                              │ reactivate, who never came
//! add ──▶ invited ──accept──▶ active        │
//!            │                  │ ▲         │
//!            └───deactivate─────┴─┼──▶ deactivated
//!                                 └─reactivate─┘
//! ```
//!
//! Invariants:
//! - A person who was given a password begins active, otherwise invited; what he may do is his role.
//! - A tenant keeps an owner: the last active one, or where nobody came yet the last invited one, is neither given
//!   another role nor shut out nor deleted. Whoever is not shut out takes a seat of the plan. Both are decided under
//!   the lock of the tenant's record, so of two changes at once the second sees the first.
//! - Nobody gives somebody a role that allows more than he may himself, or changes somebody whose role does; nobody
//!   gives himself a role.
//! - Whoever changes a person's role or status announces him, for what his keys and sessions allow hangs on both.
//!
//! What may not enter: letters and sessions (the door above knows both), passwords, second factors.

mod authority;
mod lifecycle;
mod list;
mod model;
mod ops;
pub(crate) mod seats;
pub(crate) mod sql;
#[cfg(test)]
mod tests;

pub use authority::reach;
pub use lifecycle::{change_role, deactivate, delete, reactivate};
pub use list::{UserFilter, list};
pub use model::{InvalidTransition, NewUser, PatchUser, User, UserStatus};
pub use ops::{UserError, add, create_owner, get, remove_all, update};
pub use sql::seated;
