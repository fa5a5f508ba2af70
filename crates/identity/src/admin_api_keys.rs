//! Keys for machines that operate the platform: `tny_admin_` and 256 random bits, of which only the SHA-256 is
//! stored. They live as tenants' keys do (see [`api_keys`](crate::api_keys)); their scopes are of the operators'
//! registry.
//!
//! Invariants: only the platform touches them; nobody makes or rotates a key that allows more than he may himself.

mod model;
mod ops;
mod sql;
#[cfg(test)]
mod tests;

pub use model::{AdminApiKey, AdminApiKeyId, NewAdminApiKey};
pub(crate) use ops::ensure_given;
pub use ops::{create, get, is_key, list, new_secret, revoke, rotate};
