//! Sessions: what somebody has who logged in, on one device.
//!
//! ```text
//! login ─▶ second_factor ─┐
//!       ─▶ enrolment ─────┼─promote─▶ open ─end, idle, absolute end─▶ ended
//!       ─▶ open ──────────┘
//! ```
//!
//! A browser's session is a cookie. A program's session is a pair: access tokens of ten minutes, and refresh tokens that
//! are good for one use each. Until a session is open, both are named by one secret.
//!
//! Invariants: only hashes are stored; a secret that somebody held before he logged in, or before he passed the second
//! factor, names nothing afterwards; an ended session never opens again, and every node knows within a second; a refresh
//! token that comes back after its use ends its session at once, whoever brings it, for one of the two is a thief. There
//! is no grace: of two refreshes at the same time one is a reuse, so a client must not race itself. One that lost an
//! answer repeats its request under the same Idempotency-Key.

mod model;
mod ops;
mod refresh;
mod sql;
#[cfg(test)]
mod tests;

pub use model::{
    EndReason, Kind, Lifetime, NewSession, Opened, Session, SessionEntity, SessionId, Stage, Tokens,
};
pub use ops::{SessionError, end, end_all, end_of, get, list, open, promote, rotate};
pub use refresh::{Audience, RefreshError, refresh};

pub(crate) use model::PENDING_LIFETIME;
pub(crate) use ops::prune;

/// How the secret begins that names a browser's session, or one that is not open yet.
pub const SECRET_TAG: &str = "tny_session_";
/// How a refresh token begins.
pub const REFRESH_TAG: &str = "tny_refresh_";

/// The topic under which it is announced that a session is not what it was: by the hexadecimal hash of the secret that
/// named it, or by its uuid where access tokens name it.
pub const SESSION_TOPIC: &str = "session";
