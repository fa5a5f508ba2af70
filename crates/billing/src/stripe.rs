//! Stripe, as far as it is used here: a thin typed client of some thirty calls, and the signature of its webhooks.
//!
//! - [`client`]: one request with its retries, and what became of it; module `transport` is the wire below it.
//! - [`calls`]: the calls, one function each; [`objects`]: what they answer, as far as anybody looks at it.
//! - [`form`]: nested parameters as Stripe wants them; [`amounts`]: its own view of some currencies.
//! - [`signature`]: who sent a webhook.
//!
//! Invariants: a call that changes something carries the idempotency key of an attempt that was committed before; its
//! retries carry the same one. The secret key is in one header and nowhere else. The API version is pinned, so that an
//! answer means what it meant when this was written.
//!
//! What may not enter: tables, and what a payment means to anybody.

pub mod amounts;
mod answer;
pub mod calls;
pub mod client;
pub mod form;
pub mod objects;
pub(crate) mod provider;
pub mod signature;
mod transport;

#[cfg(test)]
mod tests;

pub use client::{Client, Patience, Settings};
pub use signature::{BadSignature, Secrets};

/// The version of Stripe's API that this is written against: `https://docs.stripe.com/api/versioning`.
pub const API_VERSION: &str = "2026-08-26.dahlia";
