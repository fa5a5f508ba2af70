//! What a token says.

use identity::Person;
use kernel::{Entity, Id, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::sessions::SessionId;

/// Marker of access tokens.
#[derive(Debug)]
pub enum AccessTokenEntity {}
impl Entity for AccessTokenEntity {
    const PREFIX: &'static str = "access_token";
}

/// What a token says (RFC 7519 section 4.1, RFC 9068 section 2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it: where clients reach the product.
    pub iss: String,
    /// For which plane: `<issuer>/api` or `<issuer>/admin`.
    pub aud: String,
    /// The person.
    pub sub: String,
    /// His tenant; operators have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tid: Option<TenantId>,
    /// His role in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What he may do, separated by spaces (RFC 8693 section 4.2).
    pub scope: String,
    /// The session that it belongs to.
    pub sid: SessionId,
    /// When it was issued, in seconds.
    pub iat: i64,
    /// When it ends, in seconds.
    pub exp: i64,
    /// Which one.
    pub jti: Id<AccessTokenEntity>,
}

/// Whom a token is issued to.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The person.
    pub person: Person,
    /// The session that it belongs to.
    pub session: SessionId,
    /// His role, where he is of a tenant.
    pub role: Option<String>,
    /// What he may do, separated by spaces.
    pub scope: String,
    /// When his session ends anyway; no token outlives it.
    pub until: Timestamp,
}

/// The token is none of ours, or not good any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// It names a key that is not known.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// Anything else.
    #[error("the token is not valid")]
    Refused,
}

/// The person's identifier as a token prints it.
pub(super) fn subject_of(person: Person) -> String {
    person.actor().id
}
