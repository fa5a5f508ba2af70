//! Passkeys: authenticators that prove by a signature that they are there and that their person unlocked them
//! (WebAuthn level 3, <https://www.w3.org/TR/webauthn-3/>).
//!
//! ```text
//! registration_options --challenge--> authenticator --credential--> register
//! authentication_options --challenge--> authenticator --credential--> authenticate
//! ```
//!
//! The relying party is the host of the configured public address, never what a request says; answers are taken from
//! pages of that origin, and of tenants' subdomains where these lie below it. On a custom domain browsers refuse
//! another site's passkeys, so there people pass with the other factors.
//!
//! Invariants: a challenge is bound to its person and its purpose, is good for one answer, and ends after five
//! minutes; the authenticator verified its person (PIN, finger, face); an authenticator is registered once; a
//! counter that does not grow, a copy that is, is refused.

mod ceremony;
mod model;
mod ops;
mod relying_party;
mod sql;
#[cfg(test)]
mod tests;

pub use ceremony::CeremonyId;
pub use model::{Challenge, Passkey, PasskeyId, Registration};
pub use ops::{
    Account, Answer, MOST, authenticate, authentication_options, get, list, register, registration_options,
    remove,
};
pub use relying_party::RelyingParty;
