//! Implicit metering: what every request of a tenant counts, in memory, and its way into the roll-ups.
//!
//! - [`Meter`]: one tenant's counters, quotas and pace. The request path touches only it: no statement, no allocation, no
//!   lock that is held for long.
//! - [`Metering`]: the meters of this process; it loads them, flushes them, and forgets the idle.
//!
//! Invariants: what is counted is written once. A flush takes the counts out, writes them in one transaction under a
//! number of its own and keeps them until it is known to be committed; when the answer to a commit was lost, the number
//! tells. A meter is forgotten only when all it counted is written. `kill -9` loses what was counted since the last
//! flush, 250 ms by default; an orderly stop loses nothing.
//!
//! What may not enter: HTTP, and which request counts.

mod alike;
mod cells;
mod flush;
mod latency;
mod leasing;
mod library;
mod load;
mod measured;
mod meter;
mod metering;
mod settings;
mod shared;
mod visitors;

pub use latency::{LATENCY_BUCKETS, Latencies};
pub use library::Reservation;
pub use measured::Measuring;
pub use meter::{Admission, Meter, Outcome, Pace, Refusal, Scope, Standing, Visitor};
pub use metering::Metering;
pub use settings::Settings;

#[cfg(test)]
mod tests;
