//! Proof that a tenant was removed: what was removed, how much of it, when and by whom, signed with a key that the
//! database does not hold. The record outlives everything else that was known about the tenant.
//!
//! Invariants: a record is written once and never changed (there is no grant to); the signature is over the stored
//! text byte for byte; the record holds no name, only the digest of the slug, so that somebody who knows the slug
//! can find out that it was this tenant.

mod model;
mod sql;

pub use model::{DeletionRecord, InvalidDeletionRecord, SignedDeletionRecord, signing_key};
pub use sql::{get, insert};

#[cfg(test)]
mod tests;
