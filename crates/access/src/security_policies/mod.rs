//! What a tenant demands at its door: a second factor, the networks its callers come from, the web pages that may read
//! its answers, and how long a session lasts.
//!
//! Invariants: a tenant without a row demands nothing beyond the product's own rules ([`SecurityPolicy::default`]);
//! what is stored is canonical, so that comparing is enough; a stricter policy holds for open sessions from the same
//! moment on; every node knows it within a second, and asking costs no statement ([`Policies`]).
//!
//! What may not enter: requests. Where an address or an origin comes from, and whether to believe it, is decided at
//! the gate.

mod model;
mod network;
mod ops;
mod policies;
mod sql;
mod web_origin;

pub use model::{NewSecurityPolicy, SecurityPolicy};
pub use network::{InvalidNetwork, Network};
pub(crate) use ops::get_held;
pub use ops::{OwnAddress, SecurityPolicyError, get, put};
pub use policies::Policies;
pub use web_origin::{InvalidWebOrigin, WebOrigin};

/// The topic that a change is announced under; the key is the tenant's uuid.
pub const TOPIC: &str = "security_policy";

#[cfg(test)]
mod tests;
