//! Recovery codes: ten at a time, on paper, for who lost his other factors.
//!
//! 80 random bits each, in letters and digits that are not mistaken for each other (Crockford's base32), so that a
//! plain SHA-256 is enough at rest.
//!
//! Invariants: shown once; each is good for one use, also of several attempts at the same time; new ones void the
//! old; nobody has any without another factor.

mod model;
mod ops;
pub(crate) mod sql;
#[cfg(test)]
mod tests;

pub use model::RecoveryCode;
pub(crate) use ops::for_first_factor;
pub use ops::{make, redeem};
