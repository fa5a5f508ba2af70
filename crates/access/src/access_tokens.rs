//! Access tokens (RFC 9068): what a person's own programs present for ten minutes, and what any service can check with
//! the published keys alone (RFC 7517).
//!
//! ```text
//! made ──lead──▶ signs ──30 days──▶ its successor signs ──10 minutes──▶ retired
//! └── published in the key set, accepted ─────────────────────────────┘
//! ```
//!
//! Invariants: a key is published longer than a cached key set lives before it signs, and accepted until its last token
//! has ended; algorithm, type, issuer and audience are pinned, never taken from a token's word; a token opens nothing
//! here once its session has ended. Private keys are derived from the root key and stored nowhere.

mod claims;
mod key_set;
mod ops;
mod signing_keys;
mod sql;
#[cfg(test)]
mod tests;

pub use claims::{Claims, InvalidToken, Subject};
pub use key_set::{Jwk, JwkSet, SigningKey, SigningKeyId};
pub use ops::{Rotation, list, rotate};
pub use signing_keys::{NoSigningKey, SigningKeys};

pub(crate) use ops::{prune, rotate_when_old};

use std::time::Duration;

/// How long a token is good for.
pub const TOKEN_LIFETIME: Duration = Duration::from_mins(10);

/// How long a published key set may be kept by whoever fetched it.
pub const KEY_SET_LIFETIME: Duration = Duration::from_mins(5);

/// The topic under which a change of the signing keys is announced.
pub const SIGNING_KEY_TOPIC: &str = "signing_key";
