//! What a session is.

use std::time::Duration;

use identity::Person;
use kernel::{Entity, Id, Secret, Timestamp};
use serde::{Deserialize, Serialize};

/// Marker of sessions.
#[derive(Debug)]
pub enum SessionEntity {}
impl Entity for SessionEntity {
    const PREFIX: &'static str = "session";
}
/// A session's identifier: the `sid` of its access tokens.
pub type SessionId = Id<SessionEntity>;

/// How a session is carried.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Kind {
    /// By a browser's cookie.
    #[default]
    Cookie,
    /// By access tokens, and refresh tokens that renew them.
    Token,
}

/// What has to happen before a session opens anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Stage {
    /// The person has to pass his second factor.
    SecondFactor,
    /// The person has to add a second factor, because his tenant demands one.
    Enrolment,
    /// Nothing.
    Open,
}

/// How long a session lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// How long it may go unused.
    pub idle: Duration,
    /// How long it lasts however much it is used.
    pub absolute: Duration,
}

impl Default for Lifetime {
    /// Half an hour unused, twelve hours in all (NIST SP 800-63B section 7.2, level 2).
    fn default() -> Self {
        Self {
            idle: Duration::from_mins(30),
            absolute: Duration::from_hours(12),
        }
    }
}

/// How long a session waits for its second factor.
pub(crate) const PENDING_LIFETIME: Duration = Duration::from_mins(15);

/// A session to be opened.
#[derive(Debug, Clone, Copy)]
pub struct NewSession {
    /// Whose.
    pub person: Person,
    /// How it is carried.
    pub kind: Kind,
    /// What has to happen first.
    pub stage: Stage,
    /// How long it lasts.
    pub lifetime: Lifetime,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Which one.
    pub id: SessionId,
    /// Whose.
    #[serde(skip)]
    pub person: Person,
    /// How it is carried.
    pub kind: Kind,
    /// What has to happen before it opens anything.
    pub stage: Stage,
    /// Whether it is the one that asks.
    pub current: bool,
    /// Where its person logged in from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "203.0.113.7")]
    pub ip_address: Option<String>,
    /// With what software, by its own account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// When he logged in.
    pub created_at: Timestamp,
    /// When it was used last, to some ten seconds.
    pub last_seen_at: Timestamp,
    /// When it ends, however much it is used.
    pub expires_at: Timestamp,
}

impl Session {
    /// The same session, known to be the one that asks.
    #[must_use]
    pub fn of_caller(mut self, caller: Option<SessionId>) -> Self {
        self.current = caller == Some(self.id);
        self
    }
}

/// A session with what its person is given.
#[derive(Debug)]
pub struct Opened {
    /// The session.
    pub session: Session,
    /// What names it: the cookie's value, or what a program holds until it is open.
    pub secret: Option<Secret<String>>,
    /// What a program is given once it is open.
    pub tokens: Option<Tokens>,
}

/// What a program is given.
#[derive(Debug)]
pub struct Tokens {
    /// Good for some minutes.
    pub access: Secret<String>,
    /// Good for one use.
    pub refresh: Secret<String>,
    /// How long the access token is good for, in seconds.
    pub expires_in: u64,
}

/// Why a session was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum EndReason {
    /// Its person logged out.
    Logout,
    /// Its person, or somebody who may, ended it.
    Revoked,
    /// The password was changed.
    PasswordChanged,
    /// A second factor was removed or replaced.
    SecondFactorChanged,
    /// The tenant demands a second factor, and the person had none.
    SecondFactorRequired,
    /// The person was shut out.
    Deactivated,
    /// A used refresh token came back.
    RefreshTokenReused,
}

impl EndReason {
    /// The name in the trail and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Revoked => "revoked",
            Self::PasswordChanged => "password_changed",
            Self::SecondFactorChanged => "second_factor_changed",
            Self::SecondFactorRequired => "second_factor_required",
            Self::Deactivated => "deactivated",
            Self::RefreshTokenReused => "refresh_token_reused",
        }
    }
}
