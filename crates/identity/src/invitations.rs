//! Invitations: single-use links by which an invited person takes his place. 256 random bits, of which only the
//! SHA-256 is stored; seven days; bound to the person and so to his address.
//!
//! Invariants: a person has at most one open invitation, the newest; of two acceptances at the same time one
//! succeeds; an expired, used, replaced or unknown token are one and the same refusal. Sending it is not done here.

mod model;
mod ops;
mod sql;
#[cfg(test)]
mod tests;

pub use model::{Acceptance, Invitation, InvitationId};
pub use ops::{InvitationError, accept, find, invite};
