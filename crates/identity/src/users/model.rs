//! A person of a tenant.

use kernel::{TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::email::Email;
use crate::name::Name;
use crate::roles::Role;

/// Where a person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum UserStatus {
    /// Has an invitation and cannot come in yet.
    Invited,
    /// Can come in.
    Active,
    /// Was shut out.
    Deactivated,
}

/// A person of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Of which tenant.
    pub tenant_id: TenantId,
    /// By what he is identified, lower-cased.
    #[schema(value_type = String, format = Email, example = "ada@example.com")]
    pub email: Email,
    /// What he is called.
    #[schema(value_type = String, example = "Ada Lovelace")]
    pub name: Name,
    /// What he may do.
    pub role: Role,
    /// Where he stands.
    pub status: UserStatus,
    /// Since when he is known.
    pub created_at: Timestamp,
    /// When his record was changed last.
    pub updated_at: Timestamp,
}
