//! Work that happens after the transaction that asked for it: the outbox, the queue, and the schedule.
//!
//! - [`outbox`]: what a change in a tenant's store has to say to the control plane, written with the change.
//! - [`relay`]: moves it there exactly once, in order per tenant, also after a crash.
//! - [`queue`]: jobs in the control plane; any node runs them, at least once, with back-off and an end.
//! - [`schedule`]: what recurs, on one node at a time.
//!
//! Invariants: a job is committed with the change that causes it or not at all; nothing talks to the outside world
//! inside a transaction that changes data. What a job does is not known here.

pub mod outbox;
pub mod queue;
pub mod relay;
pub mod schedule;
pub mod worker;

pub use outbox::Item;
pub use queue::{Job, JobId, Queue};
pub use relay::{Receiver, Relay};
pub use worker::{Handlers, JobError, Run, Worker};
