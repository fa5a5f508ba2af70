//! What a tenant may do, and how much of it is left: its features and limits with their use.
//!
//! Invariant: from memory. What a tenant has follows from the snapshot that the request came in by, and what it uses from its
//! meter.
//!
//! What may not enter: enforcing. Features are enforced at the gate, limits where something is taken.

mod model;

pub use model::{Entitlements, LimitUse, entitlements};
