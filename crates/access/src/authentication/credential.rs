//! Who came in.

use std::sync::Arc;

use kernel::{Actor, AdminPermission, Grants, Permission, TenantId, UserId};

use identity::admin_api_keys::AdminApiKeyId;
use identity::admins::AdminId;
use identity::api_keys::ApiKeyId;

/// A caller who was recognised.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Someone of a tenant.
    Tenant(Arc<TenantCredential>),
    /// Someone who operates the platform.
    Admin(Arc<AdminCredential>),
}

/// A caller of one tenant.
#[derive(Debug, PartialEq, Eq)]
pub struct TenantCredential {
    /// The key he presented.
    pub key_id: ApiKeyId,
    /// Whose he is.
    pub tenant: TenantId,
    /// The person that the key acts as.
    pub user_id: Option<UserId>,
    /// What he may do.
    pub grants: Grants<Permission>,
    /// As whom the trail records him: the key, on behalf of the person.
    pub actor: Actor,
}

/// A caller who operates the platform.
#[derive(Debug, PartialEq, Eq)]
pub struct AdminCredential {
    /// The key he presented.
    pub key_id: AdminApiKeyId,
    /// The operator it acts for.
    pub admin_id: Option<AdminId>,
    /// What he may do.
    pub grants: Grants<AdminPermission>,
    /// As whom the trail records him: an operator by this key, on behalf of the person.
    pub actor: Actor,
}
