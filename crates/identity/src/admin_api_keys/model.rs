//! A platform key.

use kernel::{Entity, Id, Timestamp};
use serde::Serialize;

use crate::admins::AdminId;
use crate::key::Life;

/// Marker of the platform's API keys.
#[derive(Debug)]
pub enum AdminApiKeyEntity {}
impl Entity for AdminApiKeyEntity {
    const PREFIX: &'static str = "admin_api_key";
}
/// A platform API key's identifier.
pub type AdminApiKeyId = Id<AdminApiKeyEntity>;

/// A platform API key, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AdminApiKey {
    /// Which key.
    pub id: AdminApiKeyId,
    /// What it is called.
    #[schema(example = "Console")]
    pub name: String,
    /// How it begins.
    #[schema(example = "tny_admin_3fK9aB2x")]
    pub prefix: String,
    /// What it allows.
    #[schema(example = json!(["tenants:read"]))]
    pub scopes: Vec<String>,
    /// The operator it acts for.
    pub admin_id: Option<AdminId>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to within some seconds.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The key that a rotation made in its place.
    pub replaced_by: Option<AdminApiKeyId>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl AdminApiKey {
    pub(crate) fn life(&self) -> Life {
        Life {
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            replaced: self.replaced_by.is_some(),
        }
    }
}

/// A key as it is asked for; nothing of it is checked yet.
#[derive(Debug, Clone, Default)]
pub struct NewAdminApiKey {
    /// 1 to 100 characters.
    pub name: String,
    /// Permissions of the registry, `noun:*` or `*`.
    pub scopes: Vec<String>,
    /// When it is to end by itself.
    pub expires_at: Option<Timestamp>,
    /// The operator it acts for.
    pub admin_id: Option<AdminId>,
}
