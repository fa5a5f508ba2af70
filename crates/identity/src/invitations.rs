//! Invitations: single-use links by which an invited person takes his place. 256 random bits, of which only the
//! SHA-256 is stored; seven days; bound to the person and so to his address: whoever accepts has read a letter to it.
//!
//! Invariants: a person has at most one open invitation, the newest; of two acceptances at the same time one
//! succeeds; an expired, used, replaced, withdrawn or unknown token, and one that is presented for another address,
//! are one and the same refusal. The letter is not written here.

mod model;
mod ops;
mod sql;
#[cfg(test)]
mod tests;

pub use model::{Acceptance, Invitation, InvitationId, Newcomer};
pub(crate) use ops::void;
pub use ops::{InvitationError, accept, find, invite, withdraw};
