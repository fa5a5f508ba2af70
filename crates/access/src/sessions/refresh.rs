//! Renewing access: a refresh token for a new pair.

use identity::{Person, token};
use isolation::ControlTx;
use kernel::{Secret, TenantId};

use super::model::{EndReason, Opened};
use super::ops::{self, SessionError};
use super::sql;
use crate::access_tokens::SigningKeys;

/// Where a refresh token was presented; one that is for somewhere else is as unknown as any other text, and is not used
/// up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Tenants' door, where the request may name one.
    Tenant(Option<TenantId>),
    /// The operators' door.
    Platform,
}

impl Audience {
    fn includes(self, person: Person) -> bool {
        match (self, person.tenant()) {
            (Self::Tenant(named), Some(tenant)) => named.is_none_or(|named| named == tenant),
            (Self::Platform, None) => true,
            _ => false,
        }
    }
}

/// No new pair is given.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The token is none, its session has ended, or its person may not come in.
    #[error("the refresh token is not valid")]
    Refused,
    /// It was used before. Its session is ended in this transaction, which has to be committed.
    #[error("the refresh token was used before; its session is ended")]
    Reused,
    /// Something else failed.
    #[error(transparent)]
    Session(SessionError),
}

impl From<sqlx::Error> for RefreshError {
    fn from(error: sqlx::Error) -> Self {
        Self::Session(error.into())
    }
}

impl From<SessionError> for RefreshError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NotFound | SessionError::ShutOut => Self::Refused,
            other => Self::Session(other),
        }
    }
}

/// A new pair for a refresh token that was not used yet.
pub async fn refresh(
    tx: &mut ControlTx,
    keys: &SigningKeys,
    at: Audience,
    presented: &Secret<String>,
) -> Result<Opened, RefreshError> {
    let hash = token::hash(presented.expose());
    let found = sql::find_refresh_token(tx, &hash).await?;
    let found = found.filter(|found| at.includes(Person::from_columns(found.tenant, found.person)));
    let found = found.ok_or(RefreshError::Refused)?;
    if found.used {
        ops::end(tx, found.session, EndReason::RefreshTokenReused).await?;
        return Err(RefreshError::Reused);
    }
    let session = ops::get(tx, found.session).await?.of_caller(Some(found.session));
    sql::use_refresh_token(tx, &hash, session.id).await?;
    let tokens = ops::tokens_for(tx, keys, &session).await?;
    Ok(Opened {
        session,
        secret: None,
        tokens,
    })
}
