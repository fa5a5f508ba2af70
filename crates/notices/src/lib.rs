//! Who is told when something needs attention: the people in charge by mail, and whoever listens by webhook.
//!
//! - [`usage_alerts`]: a use reached a threshold of its limit.
//! - [`disabled_webhooks`]: nothing got through to an endpoint, or it was gone.
//!
//! Invariants: whatever calls for attention is told by a job of its own room, which is handled here; mails and events are
//! queued in one transaction with the mark that they were, so that a repeated job tells nothing twice.
//!
//! What may not enter: what calls for attention, how mail or a webhook leaves.

pub mod disabled_webhooks;
mod people;
pub mod usage_alerts;

pub use people::Sender;
