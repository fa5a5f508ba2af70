//! How somebody comes in: the door that knows callers, sessions, logging in, and what a tenant demands at its door.
//!
//! | room | for |
//! |---|---|
//! | [`authentication`] | from what a caller presents to who he is, in memory |
//! | [`sessions`] | what somebody has who logged in |
//! | [`access_tokens`] | what his programs present for ten minutes, and the keys they are signed with |
//! | [`login`] | coming in with a password |
//! | [`throttle`] | how often somebody may try |
//! | [`password_resets`] | replacing a password, forgotten or known |
//! | [`links`] | where links in mails lead |
//! | [`second_factors`] | taking them from somebody who lost them |
//! | [`security_policies`] | what a tenant demands at its door |
//! | [`invitations`] | adding people, and the letters that invite them |
//! | [`admins`] | what adding and changing operators means for how they come in |
//! | [`users`] | what a change of a tenant's people means for their sessions |

pub mod access_tokens;
pub mod admins;
pub mod authentication;
mod csrf;
#[cfg(test)]
mod fixture;
pub mod invitations;
pub mod links;
pub mod login;
pub mod password_resets;
mod schedule;
pub mod second_factors;
pub mod security_policies;
pub mod sessions;
pub mod throttle;
pub mod users;

pub use authentication::{AdminCredential, AuthError, Authenticator, Credential, Means, TenantCredential};
pub use csrf::CsrfKey;
pub use schedule::scheduled;
