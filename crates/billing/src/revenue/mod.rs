//! Recurring revenue: what subscriptions are worth a month (MRR) and a year (ARR), why that changed, and churn.
//!
//! A subscription is worth the price of its present period with its quantity and its add-ons, less what its coupon takes off,
//! without tax, usage and what is charged once. One that is paid yearly is worth a twelfth of it a month. On trial, paused,
//! unpaid or ended it is worth nothing; one that is overdue still counts, and one that is to end with its period counts until
//! then. What it is worth is written down by the transaction that changes it, with the kind of the movement:
//!
//! | movement | what a tenant is worth |
//! |---|---|
//! | new | something, for the first time |
//! | reactivation | something again, after nothing |
//! | expansion | more |
//! | contraction | less |
//! | churned | nothing any more |
//!
//! Invariants: each currency stands for itself; a month begins at midnight UTC by billing's time; everything is reckoned in
//! exact amounts of a year and divided by twelve when it is shown, so that what a month ended with is always what it began with
//! and all its movements.
//!
//! What may not enter: what was invoiced, paid and earned (the ledger).

mod model;
mod report;
mod sql;
#[cfg(test)]
mod tests;

pub use model::{Customers, Month, Movement, Rates};
pub use report::{MOST_MONTHS, months};
