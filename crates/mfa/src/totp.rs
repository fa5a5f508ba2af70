//! Authenticator apps: time-based one-time passwords (RFC 6238) with what every app understands: SHA-1, six digits,
//! steps of thirty seconds, one step earlier or later accepted.
//!
//! ```text
//! (none) --begin--> begun --confirm with a right code--> in use --remove--> (none)
//!                    begin anew replaces it, fifteen minutes end it
//! ```
//!
//! Invariants: one for each person; one in use is never replaced without being removed; no time step is accepted twice
//! (§5.2), the one it was confirmed with included; the secret is shown once, and stored sealed for its person.

mod model;
mod ops;
mod sql;
#[cfg(test)]
mod tests;

pub(crate) use model::looks_like_a_code;
pub use model::{Enrolment, Label};
pub use ops::{begin, confirm, remove, verify};
