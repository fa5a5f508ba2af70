//! Second factors: what a person, of a tenant or an operator, has beside his password.
//!
//! | room | for |
//! |---|---|
//! | [`totp`] | an authenticator app's codes (RFC 6238) |
//! | [`passkeys`] | authenticators that sign (WebAuthn) |
//! | [`recovery_codes`] | ten codes on paper, for who lost both |
//! | [`attempts`] | wrong codes in a row |
//! | [`Factors`] | which of them somebody has, and that the last one stays where it is demanded |
//!
//! Invariants: whatever is accepted is accepted once, also of several attempts at the same time; wrong codes in a row
//! shut the person's codes for a while that grows; of a code only its SHA-256 is stored, and what has to be read again
//! is sealed for its person. Nothing here commits, knows HTTP, or opens a session. Who passes and who fails answers a
//! [`Verdict`], not an error, because a failure has to be committed too: otherwise it would not count.

pub mod attempts;
mod event;
mod factors;
#[cfg(test)]
mod fixture;
pub mod passkeys;
pub mod recovery_codes;
pub mod totp;

use kernel::{BrokenSeal, MasterKey, SealingKey};
use passkeys::RelyingParty;

pub use attempts::Verdict;
pub use factors::{Adding, Factors, Method, factors, prove, reset};

/// What second factors stand on.
#[derive(Debug)]
pub struct SecondFactors {
    /// What secrets and challenges are sealed with.
    pub sealing: SealingKey,
    /// For whom authenticators sign; none where the product is reached by an address instead of a name.
    pub relying_party: Option<RelyingParty>,
}

impl SecondFactors {
    /// With a key that follows from this one.
    pub fn new(master: &MasterKey, relying_party: Option<RelyingParty>) -> Self {
        Self {
            sealing: SealingKey::derive(master, "second factors"),
            relying_party,
        }
    }
}

/// A second factor could not be added, passed or removed.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// He has none of this kind, or not this one.
    #[error("there is no such second factor")]
    NotFound,
    /// He has one that is in use; it has to be removed first.
    #[error("an authenticator app is in use already")]
    AlreadyAdded,
    /// Only who has no second factor yet may add one without passing it.
    #[error("a second factor is in use already")]
    NotFirst,
    /// What was begun is over, used, or was never begun.
    #[error("it was not begun, or too long ago")]
    NotBegun,
    /// The code or the authenticator's answer does not prove that he has what he adds.
    #[error("the code or the answer is wrong")]
    Wrong,
    /// An answer that is none.
    #[error("not an authenticator's answer")]
    Malformed,
    /// As many passkeys as somebody can have.
    #[error("at most {} passkeys", passkeys::MOST)]
    TooMany,
    /// The authenticator is registered already.
    #[error("the authenticator is registered already")]
    Registered,
    /// It is his last, and one is demanded.
    #[error("a second factor is demanded and this is the last one")]
    LastFactor,
    /// What was stored cannot be read.
    #[error(transparent)]
    Seal(#[from] BrokenSeal),
    /// What was stored is not what the library wrote.
    #[error(transparent)]
    Stored(#[from] serde_json::Error),
    /// The library that speaks WebAuthn did not make a challenge.
    #[error(transparent)]
    Passkey(#[from] webauthn_rs::prelude::WebauthnError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}
