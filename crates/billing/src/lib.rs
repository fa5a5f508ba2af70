//! Subscriptions, invoices, the ledger, and collecting.

pub mod accounts;
pub mod clock;
mod columns;
pub mod dunning;
pub mod entitlements;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod histories;
pub mod invoices;
pub mod ledger;
pub mod payments;
pub mod price_list;
pub mod providers;
pub mod reconciliation;
pub mod rendering;
pub mod revenue;
pub mod stripe;
pub mod subscriptions;
mod terms;
pub mod usage;

pub use terms::{Inner as TermsOf, Seller, Terms};
