//! The one way out over HTTP.
//!
//! - [`Client::guarded`] is for every URL that somebody outside had a say in: it connects to public addresses only, by
//!   [`Policy`], and the addresses that it checks are the ones it connects to (no second look-up in between).
//! - [`Client::trusted`] is for hosts that the installation's configuration names.
//!
//! Invariants: no redirect is followed, no proxy of the environment is used, every call ends within its time, and no
//! answer is read beyond its size. What a refusal says names the host and never what is behind it.
//!
//! What may not enter: what is said to whom (that is the caller's), retries, credentials.

mod address;
mod client;
mod policy;
mod resolver;

pub use address::is_public;
pub use client::{Answer, Client, Limits, OutboundError, Request};
pub use policy::{Policy, Refused};

#[cfg(test)]
mod tests;
