//! Outgoing webhooks, by the [Standard Webhooks](https://www.standardwebhooks.com) specification: what happened is told
//! to endpoints that tenants and operators register.
//!
//! ```text
//! publish (in the transaction of what happened) ─▶ event ─spread─▶ a delivery for each endpoint that hears of its type
//!
//! delivery: pending ──2xx──▶ delivered          endpoint: active ─▶ disabled (by its owner, failing for days, gone)
//!           │  ▲  │                                       ▲            │
//!     again └──┘  └─after the last attempt─▶ failed       └────────────┘ by its owner
//! ```
//!
//! - [`event`]: what can happen, and saying so.
//! - [`endpoints`]: who hears of it; their secrets.
//! - [`deliveries`]: what became of each; replaying.
//! - [`dispatch`]: the node's task that delivers.
//!
//! Invariants: an event is published if and only if its transaction commits; it is delivered at least once, under one
//! identifier, in no promised order; one node at a time delivers to an endpoint, so many at once and no longer than a
//! bound in a turn, so that whoever is slow or dead delays himself only; secrets are sealed; no transaction is open while
//! somebody is called.
//!
//! What may not enter: what an event means, mail (whoever is to be told that an endpoint was disabled is told by a job
//! that is handled above), HTTP routes.

pub mod deliveries;
pub mod dispatch;
pub mod endpoints;
pub mod event;
mod expiry;
mod service;
pub mod signature;
#[cfg(test)]
mod tests;

pub use endpoints::EndpointDisabled;
pub use event::{Event, EventId, EventType, publish};
pub use expiry::{remove_all, scheduled};
pub use service::Webhooks;
