//! Usage that is reported: CloudEvents 1.0, counted exactly once.
//!
//! - [`Reading::of`] reads a batch; [`ingest`] counts it in the caller's transaction and says what became of each event.
//! - An event is known by tenant, source and id, for at least 35 days after it came, whatever its time says. Sent again it
//!   is a duplicate, whatever else it says.
//! - A correction is an event of its own that amends or revokes an earlier one; the earlier one stays and is marked.
//!
//! Invariants: what is counted is committed with the event that it is counted from; the order in which events come changes
//! no total; one bad event refuses itself and nothing else.
//!
//! Locks, in this order: the generation (shared), comparisons (shared; alone for corrections of metrics that compare),
//! rows of events by key, series, members, roll-ups.
//!
//! What may not enter: quotas. What happened is counted whatever the limit.

mod candidate;
mod comparison;
mod corrections;
mod filter;
mod generations;
mod ingest;
mod keeping;
mod reading;
mod refusal;
mod series;
mod sql;
mod tally;

pub use generations::{Filters, scheduled};
pub use ingest::{BATCH, Ingested, Receipt, ingest};
pub use reading::{CloudEvent, Data, Reading};
pub use refusal::{Reason, Refusal, Refused};

#[cfg(test)]
mod tests;
