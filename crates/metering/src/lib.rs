//! Usage: how much of what each tenant uses, how much it may, and how fast.
//!
//! - [`metrics`]: what is counted; built in or declared by a tenant.
//! - [`periods`]: the days and months of a tenant's calendar.
//! - [`quotas`]: how much may be used, decided in memory.
//! - [`rate_limits`]: how fast a caller may come, decided in memory.
//! - [`counters`]: what every request counts; [`Metering`] is what the request path holds.
//! - [`nodes`]: what several nodes share.
//! - [`events`]: usage that is reported, counted exactly once.
//! - [`alerts`]: uses that reach a threshold of their limit.
//! - [`rollups`]: where both end up; [`reading`]: what they answer.
//!
//! Invariants: the request path makes no statement; nothing is counted twice, and what was answered is counted; the cost
//! of a request, an event and a read does not grow with the number of tenants or of events.
//!
//! What may not enter: HTTP, prices and invoices (billing), and who is told about a quota (alerts go by jobs).

pub mod alerts;
mod amount;
pub mod counters;
pub mod events;
pub mod metrics;
pub mod nodes;
pub mod periods;
pub mod quotas;
pub mod rate_limits;
pub mod reading;
mod removal;
pub mod rollups;

pub use amount::{Amount, InvalidAmount};
pub use counters::{Measuring, Meter, Metering, Settings};
pub use removal::remove_all;

/// The topic of news about what holds for a tenant; the key is its identifier.
pub const TOPIC: &str = "usage";
