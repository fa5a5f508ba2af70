//! An operator.

use kernel::{Entity, Id, Secret, Timestamp};
use serde::Serialize;

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
    /// Since when.
    pub created_at: Timestamp,
}

/// An operator to be added.
#[derive(Debug, Clone)]
pub struct NewAdmin {
    /// By what he will log in.
    pub email: Email,
    /// What he is called.
    pub name: Name,
    /// The hash of his password.
    pub password: PasswordHash,
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
