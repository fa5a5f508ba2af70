//! The ledger: double entry, one set of accounts for each tenant.
//!
//! | account | a debit (positive) means |
//! |---|---|
//! | `receivable` | the customer owes it for an invoice |
//! | `cash` | it came in |
//! | `revenue` | less was earned |
//! | `tax_payable` | less is owed to the tax office |
//! | `customer_balance` | the customer owes it from before; a credit: he has it to spend |
//! | `refunds` | it went back; a credit: it is to go back |
//! | `write_off` | it is not expected any more |
//! | `disputes` | it is contested at the payer's bank |
//! | `fees` | a provider kept it |
//!
//! Invariants: every entry sums to zero: an [`Entry`] is made of transfers and cannot be made otherwise, and the database
//! looks again when the transaction commits; an entry names its cause, and each cause is recorded once; nothing is ever
//! changed or deleted (nobody has the grant). What an account stands at is one row, which the database keeps itself.
//!
//! What may not enter: why something is booked (the rooms that call), and money that is only planned.

mod model;
mod sql;
#[cfg(test)]
mod tests;

pub use model::{Account, Cause, Entry, LedgerEntry, LedgerEntryId, Posting};
pub use sql::{balance, balances, customer_balance, entries, record};
