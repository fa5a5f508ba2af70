//! Replacing a password: one that was forgotten, by a link that is mailed; one that is known, by itself.
//!
//! ```text
//! request → job ─ nobody has this address → nothing
//!               └ mail with a link ─ one hour → void
//!                                  ├ a newer link → void
//!                                  └ used, once → new password, all sessions end, notice by mail
//! ```
//!
//! What is answered to a request, and when, does not depend on whether the address exists: looking it up is the job's
//! part. Too many requests are dropped without a word. The link leads where [`LinkBase`] says, never where the request
//! claimed to have come. A new password opens no session and passes no second factor.
//!
//! Invariants: of a link's token only the SHA-256 is stored; of several attempts to use it at once, the row lets one
//! through.

mod change;
mod mails;
mod ops;
mod request;
mod sql;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use identity::Hasher;
use identity::passwords::Busy;
use isolation::PlatformCtx;
use jobs::JobError;
use mail::Mailbox;

use crate::links::LinkBase;
use crate::sessions::SessionError;
use crate::throttle::{Refused, Throttle};

pub use request::SendResetLink;
pub(crate) use request::enqueue;

/// How long a link is good for.
pub const LIFETIME: Duration = Duration::from_hours(1);

/// Replacing passwords. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PasswordResets(Arc<Means>);

/// Everything that [`PasswordResets`] stands on.
#[derive(Debug)]
pub struct Means {
    /// What makes hashes.
    pub hasher: Hasher,
    /// What counts requests.
    pub throttle: Throttle,
    /// Where links lead.
    pub links: LinkBase,
    /// Whom mails are from.
    pub mail_from: Mailbox,
}

impl PasswordResets {
    /// Replacing passwords by these means.
    pub fn new(means: Means) -> Self {
        Self(Arc::new(means))
    }
}

/// A password was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum PasswordResetError {
    /// There is no open link of this token, or its person cannot come in any more.
    #[error("no such link")]
    NotFound,
    /// What was given as the present password is not.
    #[error("the present password is another one")]
    WrongPassword,
    /// Too many attempts failed; nothing was looked at.
    #[error("too many attempts failed")]
    Blocked {
        /// Seconds until the next one may be let through.
        retry_after: u64,
    },
    /// Too many passwords are being hashed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The sessions could not be ended.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<Refused> for PasswordResetError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Blocked { retry_after } => Self::Blocked { retry_after },
            Refused::Database(error) => error.into(),
        }
    }
}

/// Forgets links that are over.
pub(crate) async fn prune(ctx: PlatformCtx) -> Result<(), JobError> {
    let mut tx = ctx.control().await?;
    sql::prune(&mut tx).await?;
    Ok(tx.commit().await?)
}
