//! Billing accounts: whom a tenant's invoices are for, where he is taxed, in which currency, days and language he is billed,
//! and who collects.
//!
//! Invariants: a tenant has one, made with it; its row is the lock of everything that bills the tenant ([`lock`] comes first,
//! so that two changes of one tenant never cross and there is no order of locks to get wrong); the currency stays while a
//! subscription lives. What was invoiced keeps the address that it was invoiced to.
//!
//! What may not enter: methods of payment (payments), what the provider knows about the customer (providers).

mod model;
mod ops;
mod sql;
#[cfg(test)]
mod tests;

pub use model::{
    AccountEntity, AccountId, Address, BillingAccount, InvalidAccount, NewAccount, UpdateAccount,
};
pub(crate) use ops::insert;
pub use ops::{AccountError, create, forget, get, lock, update};
