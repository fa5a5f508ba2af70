//! An operator.

use kernel::{Entity, Id, Secret, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::authority::Authority;
use crate::email::Email;
use crate::name::Name;
use crate::passwords::{Password, PasswordHash};

/// Marker of operators.
#[derive(Debug)]
pub enum AdminEntity {}
impl Entity for AdminEntity {
    const PREFIX: &'static str = "admin";
}
/// An operator's identifier.
pub type AdminId = Id<AdminEntity>;

/// Whether an operator may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum AdminStatus {
    /// He may.
    Active,
    /// He is shut out, and his keys with him.
    Deactivated,
}

impl AdminStatus {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
        }
    }
}

/// A person who operates the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Admin {
    /// Who.
    pub id: AdminId,
    /// By what he logs in.
    #[schema(value_type = String, format = Email, example = "operator@example.com")]
    pub email: Email,
    /// What he is called.
    #[schema(value_type = String, example = "Ada Lovelace")]
    pub name: Name,
    /// What he may do: permissions, `noun:*`, or `*`.
    #[schema(example = json!(["tenants:list", "tenants:read", "audit:read"]))]
    pub permissions: Vec<String>,
    /// The only tenants that he reaches; `null`: every tenant.
    pub tenants: Option<Vec<TenantId>>,
    /// Whether he may come in.
    pub status: AdminStatus,
    /// When he logged in last.
    pub last_login_at: Option<Timestamp>,
    /// Grows with every change.
    pub version: i64,
    /// Since when.
    pub created_at: Timestamp,
    /// When he was changed last.
    pub updated_at: Timestamp,
}

impl Admin {
    /// What he may do, and for which tenants.
    pub fn authority(&self) -> Authority {
        Authority::stored(self.id, &self.permissions, self.tenants.clone())
    }
}

/// An operator to be added; permissions and tenants are not checked yet.
#[derive(Debug, Clone)]
pub struct NewAdmin {
    /// By what he will log in.
    pub email: Email,
    /// What he is called.
    pub name: Name,
    /// What he may do: permissions, `noun:*`, or `*`.
    pub permissions: Vec<String>,
    /// The only tenants that he reaches; none: every tenant.
    pub tenants: Option<Vec<TenantId>>,
    /// The hash of his password.
    pub password: PasswordHash,
}

/// What is to change of an operator; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct AdminChange {
    /// What he is called.
    pub name: Option<Name>,
    /// What he may do.
    pub permissions: Option<Vec<String>>,
    /// The only tenants that he reaches; `Some(None)`: every tenant.
    pub tenants: Option<Option<Vec<TenantId>>>,
    /// Whether he may come in.
    pub status: Option<AdminStatus>,
}

/// The operator that an installation begins with.
#[derive(Debug, Clone)]
pub struct FirstAdmin {
    /// By what he will log in.
    pub email: Email,
    /// What he is called.
    pub name: Name,
    /// His password; hashed only when he has to be added.
    pub password: Password,
    /// A key for him that was made outside and is kept there.
    pub key: Option<Secret<String>>,
}
