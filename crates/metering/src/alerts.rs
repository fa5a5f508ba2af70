//! Alerts: a use that reaches a threshold of its limit.
//!
//! ```text
//! counts are written ─▶ does the total reach a threshold that is not raised? ─▶ alert + job ─ commit ─▶ told (above)
//! ```
//!
//! Thresholds are percent of a quota's limit: 80 and 100 unless a tenant sets others, and a quota's soft limit beside
//! them. A quota without a limit has its soft limit for one. A total never starts anew; it is told once a month at most.
//!
//! Invariants: an alert is raised in the transaction of the count that reaches it, so neither is there without the other;
//! it is raised once for each threshold and period, whoever counts (the table says so); looking costs what was counted,
//! never what there is; only the present period is looked at, for a late event changes what is over.
//!
//! What may not enter: mail, webhooks, and who is told. [`UsageAlerted`] is handled above.

mod model;
mod ops;
mod reached;
mod sql;
mod steps;
#[cfg(test)]
mod tests;
mod thresholds;
mod watch;

pub use model::{Alert, AlertFilter, AlertId, UsageAlerted};
pub use ops::{AlertError, acknowledge, list, remove_all, take_untold};
pub use thresholds::{InvalidThresholds, Thresholds};
pub use thresholds::{get as thresholds, put as set_thresholds};
pub(crate) use watch::{Marks, Watch, after_ingest, raise};
