//! Reconciliation: the provider's books beside ours, object by object; every difference is named with what both sides say.
//!
//! It goes through the provider's lists page by page (payments, charges, refunds, disputes, customers), compares each
//! object with our row of it, and then asks for each of our rows that was on no page. It changes nothing on either side:
//! what differs is stored, put on the trail, and read by a person.
//!
//! What may not enter: mending.

mod compare;
mod jobs;
mod model;
mod run;
mod sql;
#[cfg(test)]
mod tests;

pub use jobs::{Reconcile, handlers, order, scheduled};
pub use model::{
    Difference, DifferenceKind, ObjectKind, Reconciliation, ReconciliationEntity, ReconciliationId,
    ReconciliationStatus,
};
pub use sql::latest;
