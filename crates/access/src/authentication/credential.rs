//! Who came in, and by what.

use std::sync::Arc;

use identity::Person;
use identity::admin_api_keys::AdminApiKeyId;
use identity::admins::AdminId;
use identity::api_keys::ApiKeyId;
use isolation::Limit;
use kernel::{Actor, AdminPermission, Grants, Permission, TenantId, UserId};

use crate::sessions::{SessionId, Stage};

/// By what a caller was recognised. `K` is the identifier of his plane's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means<K> {
    /// A key.
    ApiKey(K),
    /// The secret of a session.
    Session {
        /// Which one.
        id: SessionId,
        /// What has to happen before it opens anything.
        stage: Stage,
        /// Whether the secret is a browser's cookie; otherwise a program holds it.
        cookie: bool,
    },
    /// An access token.
    AccessToken {
        /// The session that it belongs to.
        session: SessionId,
    },
    /// The word of a gateway that we trust.
    Vouched,
}

impl<K> Means<K> {
    /// The session and where it stands, if he came in by one.
    pub fn session(&self) -> Option<(SessionId, Stage)> {
        match self {
            Self::Session { id, stage, .. } => Some((*id, *stage)),
            Self::AccessToken { session } => Some((*session, Stage::Open)),
            Self::ApiKey(_) | Self::Vouched => None,
        }
    }

    /// Whether it may only come by a browser's cookie.
    pub fn is_cookie(&self) -> bool {
        matches!(self, Self::Session { cookie: true, .. })
    }
}

/// A caller who was recognised.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Someone of a tenant.
    Tenant(Arc<TenantCredential>),
    /// Someone who operates the platform.
    Admin(Arc<AdminCredential>),
}

impl Credential {
    /// Whether it may only come by a browser's cookie.
    pub fn is_cookie(&self) -> bool {
        match self {
            Self::Tenant(credential) => credential.means.is_cookie(),
            Self::Admin(credential) => credential.means.is_cookie(),
        }
    }

    /// The person behind it, where there is one.
    pub fn person(&self) -> Option<Person> {
        match self {
            Self::Tenant(credential) => credential.person(),
            Self::Admin(credential) => credential.admin_id.map(Person::Admin),
        }
    }
}

/// A caller of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantCredential {
    /// By what.
    pub means: Means<ApiKeyId>,
    /// Whose he is.
    pub tenant: TenantId,
    /// The person: who logged in, or as whom the key acts.
    pub user_id: Option<UserId>,
    /// What he may do; nothing while his session is not open.
    pub grants: Grants<Permission>,
    /// As whom the trail records him: the person who logged in, or the key, on behalf of the person.
    pub actor: Actor,
}

impl TenantCredential {
    /// The person behind it, where there is one.
    pub fn person(&self) -> Option<Person> {
        self.user_id.map(|user| Person::User(self.tenant, user))
    }
}

/// A caller who operates the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminCredential {
    /// By what.
    pub means: Means<AdminApiKeyId>,
    /// The operator: who logged in, or for whom the key acts.
    pub admin_id: Option<AdminId>,
    /// What he may do; nothing while his session is not open.
    pub grants: Grants<AdminPermission>,
    /// What he is limited to, where he operates the platform for some tenants only.
    pub limit: Option<Arc<Limit>>,
    /// As whom the trail records him: the operator who logged in, or the key, on behalf of the operator.
    pub actor: Actor,
}
