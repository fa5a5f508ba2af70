//! How somebody comes in: the door that knows callers, sessions, logging in, and what a tenant demands at its door.
//!
//! | room | for |
//! |---|---|
//! | [`authentication`] | from what a caller presents to who he is, in memory |

pub mod authentication;
#[cfg(test)]
mod fixture;

pub use authentication::{AuthError, Authenticator, Credential};
