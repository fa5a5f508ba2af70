//! Keys for machines of a tenant: `tny_` and 256 random bits, of which only the SHA-256 is stored.
//!
//! ```text
//! active ──rotate──▶ overlapping ──time──▶ expired
//!    │                    │
//!    └──────revoke────────┴──▶ revoked
//! ```
//!
//! A key allows what its scopes name (`*` and `noun:*` also cover what a later version adds), and, where it acts as
//! a person, never more than that person's role. Rotation makes a successor with the same name, scopes and person;
//! both work until the overlap ends. The operations work for the tenant itself (row-level security applies) and for
//! the platform, which names the tenant.
//!
//! Invariants: nobody makes or rotates a key that allows more than he may himself, or that acts as somebody else;
//! what ends a key is announced, so that every node forgets it within a second.

mod model;
mod ops;
mod sql;
#[cfg(test)]
mod tests;

pub use model::{ApiKey, ApiKeyId, NewApiKey};
pub(crate) use ops::remove_all;
pub use ops::{create, get, list, revoke, rotate};
