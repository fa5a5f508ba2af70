//! A tenant's key.

use kernel::{Entity, Id, TenantId, Timestamp, UserId};
use serde::Serialize;

use crate::key::Life;

/// Marker of tenants' API keys.
#[derive(Debug)]
pub enum ApiKeyEntity {}
impl Entity for ApiKeyEntity {
    const PREFIX: &'static str = "api_key";
}
/// A tenant's API key's identifier.
pub type ApiKeyId = Id<ApiKeyEntity>;

/// A tenant's API key, without the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Which key.
    pub id: ApiKeyId,
    /// Whose.
    pub tenant_id: TenantId,
    /// What it is called.
    #[schema(example = "CI")]
    pub name: String,
    /// How it begins.
    #[schema(example = "tny_3fK9aB2x")]
    pub prefix: String,
    /// What it allows.
    #[schema(example = json!(["projects:read"]))]
    pub scopes: Vec<String>,
    /// The person it acts as, whose role then also limits it.
    pub user_id: Option<UserId>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to within some seconds.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The key that a rotation made in its place.
    pub replaced_by: Option<ApiKeyId>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl ApiKey {
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
pub struct NewApiKey {
    /// 1 to 100 characters.
    pub name: String,
    /// Permissions of the registry, `noun:*` or `*`.
    pub scopes: Vec<String>,
    /// When it is to end by itself.
    pub expires_at: Option<Timestamp>,
    /// The person of the tenant that it acts as.
    pub user_id: Option<UserId>,
}
