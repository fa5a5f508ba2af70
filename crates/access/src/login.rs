//! Logging in with a password.
//!
//! ```text
//! turn at the hasher → count the attempt → check the password ─ wrong → trail, `Invalid`
//!                                                             └ right → give the attempt back, open a session
//! ```
//!
//! Whether the address is unknown, the person is only invited, shut out or without a password, or the password is
//! wrong: the same work is done and the same is answered. Nothing is told about a tenant that is not open before the
//! password was right. What a caller presented before (an old cookie, say) has no part in it; a session is new.
//!
//! Invariants: no transaction is open while a password is hashed; who waits for the hasher holds no connection; an
//! attempt that nobody waits for any more stays counted.

#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod ops;
mod proof;
mod stage;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use identity::admins::{self, Admin, AdminError};
use identity::passwords::Busy;
use identity::users::{self, User, UserError};
use identity::{Email, Hasher, Person};
use isolation::ControlTx;
use kernel::{Secret, TenantId};
use mfa::Factors;
use tenants::Status;
use tenants::directory::TenantSnapshot;

use crate::access_tokens::SigningKeys;
use crate::security_policies::Policies;
use crate::sessions::{Kind, Opened, SessionError};
use crate::throttle::{Refused, Throttle};

/// Where somebody wants to come in.
#[derive(Debug, Clone)]
pub enum Realm {
    /// The platform's operators.
    Operators,
    /// This tenant.
    Tenant(Arc<TenantSnapshot>),
    /// A tenant that does not exist, as it was named. Nobody comes in, and takes as long to find that out.
    Nowhere(String),
}

/// What somebody presents.
#[derive(Debug)]
pub struct Claim {
    /// By what he is identified, as he wrote it.
    pub email: String,
    /// The password.
    pub password: Secret<String>,
    /// How he wants his session carried.
    pub kind: Kind,
}

/// Somebody who came in, perhaps no further than to his second factor.
#[derive(Debug)]
pub struct LoggedIn {
    /// Who.
    pub person: Person,
    /// His record.
    pub record: Record,
    /// His session.
    pub opened: Opened,
    /// Which second factors he has.
    pub factors: Factors,
}

/// What is known of somebody who came in.
#[derive(Debug, Clone)]
pub enum Record {
    /// A person of a tenant.
    User(Box<User>),
    /// An operator.
    Admin(Box<Admin>),
}

impl Record {
    /// This person's, who has just been let in; missing if he is gone already.
    pub async fn of(tx: &mut ControlTx, person: Person) -> Result<Self, LoginError> {
        match person {
            Person::User(tenant, id) => match users::get(tx, tenant, id).await {
                Ok(user) => Ok(Self::User(Box::new(user))),
                Err(UserError::Database(error)) => Err(error.into()),
                Err(_) => Err(LoginError::Invalid),
            },
            Person::Admin(id) => match admins::get(tx, id).await {
                Ok(admin) => Ok(Self::Admin(Box::new(admin))),
                Err(AdminError::Database(error)) => Err(error.into()),
                Err(_) => Err(LoginError::Invalid),
            },
        }
    }
}

/// Somebody did not come in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Address or password is wrong, or he may not come in.
    #[error("address or password is wrong")]
    Invalid,
    /// Too many attempts failed; nothing was looked at.
    #[error("too many attempts failed")]
    Blocked {
        /// Seconds until the next one may be let through.
        retry_after: u64,
    },
    /// It is him, but his tenant is not open.
    #[error("the tenant is {}", .0.name())]
    NotOpen(Status),
    /// Too many passwords are being checked.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The session could not be opened.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// What logging in needs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Login(Arc<Means>);

/// Everything that [`Login`] stands on.
#[derive(Debug)]
pub struct Means {
    /// What checks passwords.
    pub hasher: Hasher,
    /// What counts attempts.
    pub throttle: Throttle,
    /// What tenants demand.
    pub policies: Policies,
    /// What access tokens are signed with.
    pub keys: SigningKeys,
    /// Whether operators must have a second factor.
    pub admin_mfa_required: bool,
}

impl Login {
    /// Logging in by these means.
    pub fn new(means: Means) -> Self {
        Self(Arc::new(means))
    }
}

impl Realm {
    fn tenant(&self) -> Option<TenantId> {
        match self {
            Self::Tenant(tenant) => Some(tenant.id),
            Self::Operators | Self::Nowhere(_) => None,
        }
    }

    /// The account as the throttle knows it; no address holds a space.
    fn account(&self, email: &str) -> String {
        match self {
            Self::Operators | Self::Tenant(_) => email.to_owned(),
            Self::Nowhere(named) => format!("{named} {email}"),
        }
    }
}

impl Claim {
    /// The address as it would be stored, or as much of the text as could be one.
    fn identifier(&self) -> String {
        let text = || self.email.trim().chars().take(254).collect::<String>();
        let stored = self.email.parse::<Email>().map(|email| email.to_string());
        stored.unwrap_or_else(|_| text().to_lowercase())
    }
}

impl From<Refused> for LoginError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Blocked { retry_after } => Self::Blocked { retry_after },
            Refused::Database(error) => error.into(),
        }
    }
}
