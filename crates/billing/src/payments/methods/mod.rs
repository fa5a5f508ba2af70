//! What a tenant can pay with: cards and bank accounts that the provider keeps, or under the ledger a note of how it pays.
//!
//! Invariants: a number of a card or an account never comes here, only what people recognise it by; a tenant has one
//! default method at most, and one if it has any; a removed one stays for the attempts that name it.

mod model;
mod ops;
mod sql;

pub use model::{MethodEntity, MethodId, NewMethod, PaymentMethod};
pub(super) use ops::forget;
pub use ops::{
    AttachedMethod, MethodError, add_by_hand, attach, detach, get, keep, list, make_default, remove, set_up,
    tell_default,
};
pub(crate) use ops::{Refreshed, default, refresh, removed_at_provider};
