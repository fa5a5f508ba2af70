//! A person of a tenant.

use std::collections::BTreeMap;

use kernel::{FieldError, TenantId, Timestamp, UserId, Validate};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::email::Email;
use crate::name::Name;
use crate::roles::RoleName;

/// Where a person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
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

/// What is asked for cannot be done to a person who stands where he does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a person who is {} cannot be {wanted}", .from.name())]
pub struct InvalidTransition {
    /// Where he stands.
    pub from: UserStatus,
    /// What was to be done.
    pub wanted: &'static str,
}

impl UserStatus {
    /// The name in the API and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Deactivated => "deactivated",
        }
    }

    /// Shut out.
    pub(super) const fn deactivated(self) -> Result<Self, InvalidTransition> {
        match self {
            Self::Invited | Self::Active => Ok(Self::Deactivated),
            Self::Deactivated => Err(InvalidTransition {
                from: self,
                wanted: "deactivated",
            }),
        }
    }

    /// Let in again; somebody who never `came` waits for an invitation.
    pub(super) const fn reactivated(self, came: bool) -> Result<Self, InvalidTransition> {
        match (self, came) {
            (Self::Deactivated, true) => Ok(Self::Active),
            (Self::Deactivated, false) => Ok(Self::Invited),
            (Self::Invited | Self::Active, _) => Err(InvalidTransition {
                from: self,
                wanted: "reactivated",
            }),
        }
    }
}

/// A person of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Of which tenant.
    pub tenant_id: TenantId,
    /// By what he is identified, lower-cased.
    #[schema(value_type = String, format = Email, example = "ada@example.com")]
    pub email: Email,
    /// Whether a letter to this address has reached him.
    pub email_verified: bool,
    /// What he is called.
    #[schema(value_type = String, example = "Ada Lovelace")]
    pub name: Name,
    /// What he may do.
    pub role: RoleName,
    /// Where he stands.
    pub status: UserStatus,
    /// When he logged in last.
    pub last_login_at: Option<Timestamp>,
    /// Counts the changes, from 1.
    #[schema(example = 1)]
    pub version: i64,
    /// Since when he is known.
    pub created_at: Timestamp,
    /// When his record was changed last.
    pub updated_at: Timestamp,
}

/// Somebody who is to be invited.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"email": "grace@example.com", "name": "Grace Hopper", "role": "member"}))]
pub struct NewUser {
    /// Where his invitation is sent; it identifies him.
    #[schema(value_type = String, format = Email, example = "grace@example.com")]
    pub email: Email,
    /// What he is called.
    pub name: Name,
    /// What he may do.
    pub role: RoleName,
}
impl Validate for NewUser {}

/// What changes in a person's record; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, from = "WholePatch")]
#[schema(example = json!({"name": "Ada King"}))]
pub struct PatchUser {
    /// What he is called from now on.
    #[schema(nullable = false)]
    #[serde(default)]
    pub name: Option<Name>,
    /// The other members that were sent. They are refused, each by its name.
    #[schema(ignore)]
    #[serde(skip)]
    others: Vec<String>,
}

/// A patch with whatever it holds.
#[derive(Deserialize)]
struct WholePatch {
    #[serde(default, deserialize_with = "value")]
    name: Option<Name>,
    #[serde(flatten)]
    #[expect(clippy::zero_sized_map_values, reason = "what serde flattens into is a map")]
    others: BTreeMap<String, IgnoredAny>,
}

impl From<WholePatch> for PatchUser {
    fn from(whole: WholePatch) -> Self {
        Self {
            name: whole.name,
            others: whole.others.into_keys().collect(),
        }
    }
}

/// Members of a person's record that are not changed with it.
const PROTECTED: [&str; 10] = [
    "id",
    "tenantId",
    "email",
    "emailVerified",
    "role",
    "status",
    "lastLoginAt",
    "version",
    "createdAt",
    "updatedAt",
];

impl PatchUser {
    /// A new name.
    pub fn name(name: Name) -> Self {
        Self {
            name: Some(name),
            ..Self::default()
        }
    }
}

impl Validate for PatchUser {
    fn check(&self, errors: &mut Vec<FieldError>) {
        for name in &self.others {
            let detail = if PROTECTED.contains(&name.as_str()) {
                "cannot be changed here"
            } else {
                "is not a known field"
            };
            let token = name.replace('~', "~0").replace('/', "~1");
            errors.push(FieldError::new(format!("/{token}"), detail));
        }
    }
}

/// A member that has to have a value: `null` is refused.
fn value<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::UserStatus::{Active, Deactivated, Invited};
    use super::*;
    use serde_json::json;

    #[test]
    fn the_table_of_statuses() {
        for (from, deactivated, came, never_came) in [
            (Invited, Some(Deactivated), None, None),
            (Active, Some(Deactivated), None, None),
            (Deactivated, None, Some(Active), Some(Invited)),
        ] {
            assert_eq!(from.deactivated().ok(), deactivated, "{from:?}");
            assert_eq!(from.reactivated(true).ok(), came, "{from:?}");
            assert_eq!(from.reactivated(false).ok(), never_came, "{from:?}");
        }
        let refusal = Deactivated.deactivated().expect_err("already").to_string();
        assert_eq!(refusal, "a person who is deactivated cannot be deactivated");
    }

    #[test]
    fn every_protected_field_of_a_patch_is_named() {
        let mut body = json!({"name": "Ada", "nick/name": "A"});
        for field in PROTECTED {
            body[field] = json!(null);
        }
        let patch: PatchUser = serde_json::from_value(body).expect("well formed");
        let mut errors = Vec::new();
        patch.check(&mut errors);
        let told: BTreeMap<_, _> = errors
            .iter()
            .map(|error| (error.pointer.as_str(), error.detail.as_str()))
            .collect();
        for field in PROTECTED {
            assert_eq!(told[format!("/{field}").as_str()], "cannot be changed here");
        }
        assert_eq!(told["/nick~1name"], "is not a known field");
        assert_eq!(told.len(), PROTECTED.len() + 1);
    }

    #[test]
    fn a_patch_of_the_name_is_read_strictly() {
        let read = |body| serde_json::from_value::<PatchUser>(body);
        assert!(read(json!({"name": null})).is_err() && read(json!({"name": " "})).is_err());
        let empty = read(json!({})).expect("well formed");
        let mut errors = Vec::new();
        empty.check(&mut errors);
        assert!(empty.name.is_none() && errors.is_empty());
    }

    #[test]
    fn every_field_that_is_shown_is_changed_on_purpose_or_protected() {
        let user = User {
            id: UserId::from_parts(Timestamp::from_micros(1), [1; 8]),
            tenant_id: TenantId::from_parts(Timestamp::from_micros(1), [1; 8]),
            email: "ada@example.com".parse().expect("an address"),
            email_verified: true,
            name: Name::parse("Ada").expect("a name"),
            role: crate::roles::BuiltinRole::Owner.into(),
            status: Active,
            last_login_at: None,
            version: 1,
            created_at: Timestamp::from_micros(1),
            updated_at: Timestamp::from_micros(1),
        };
        let shown = serde_json::to_value(user).expect("plain");
        for field in shown.as_object().expect("an object").keys() {
            assert!(field == "name" || PROTECTED.contains(&field.as_str()), "{field}");
        }
    }
}
