//! How much a tenant may use: what its plan says, and what was set for the tenant itself.
//!
//! - [`Quota`]: metric, limit, period, soft limit, mode. [`terms`] reads those that hold for a tenant.
//! - [`Gauge`]: the use of one quota in its present period, in memory. A decision is one compare-and-swap, so that of any
//!   number of callers racing for the last unit exactly one passes.
//!
//! Invariants: what was taken in a period is never counted in the next, and what is given back goes to the period that it
//! was taken in; a hard quota is never exceeded by [`Gauge::take`].
//!
//! Several nodes: a gauge decides within its node's [share](gauge::Gauge::share) of the limit, which is all of it for a
//! node alone, else what it has leased.
//!
//! What may not enter: how use is counted and kept (counters, roll-ups).

mod gauge;
mod model;
mod ops;
mod word;

pub(crate) use gauge::Claim;
pub use gauge::{Gauge, Hold, Limited};
pub use model::{InvalidQuota, Mode, Quota, QuotaCheck, Status};
pub(crate) use ops::calendar;
pub use ops::{OwnQuota, QuotaError, Terms, clear, of_plan, own, set, set_calendar, terms};

#[cfg(test)]
mod tests;
