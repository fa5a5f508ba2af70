//! Keys for machines that operate the platform: `tny_admin_` and 256 random bits, of which only the SHA-256 is
//! stored. They live as tenants' keys do (see [`api_keys`](crate::api_keys)); their scopes are of the operators'
//! registry.
//!
//! A key acts for the operator who made it: it allows what both its scopes and his present permissions do, for the tenants
//! that he is limited to, and opens nothing while he is shut out. A key of nobody's is the installation's own.
//!
//! Invariants: only the platform touches them; nobody makes, rotates or revokes a key that allows more than he may
//! himself; only its operator is given the successor of a key.

mod model;
mod ops;
mod sql;
#[cfg(test)]
mod tests;

pub use model::{AdminApiKey, AdminApiKeyId, NewAdminApiKey};
pub(crate) use ops::ensure_given;
pub use ops::{create, get, is_key, list, new_secret, revoke, rotate};
