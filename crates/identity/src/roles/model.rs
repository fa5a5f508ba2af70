//! A role.

use std::fmt;
use std::str::FromStr;

use kernel::permission::Registry;
use kernel::{FieldError, Grants, Permission, Timestamp, Validate};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The roles that every tenant has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuiltinRole {
    /// Everything. A tenant always has at least one.
    Owner,
    /// Everything but the tenant's own record and what it demands at its door.
    Admin,
    /// Works with the data.
    Member,
    /// Looks at the data.
    Viewer,
}

impl BuiltinRole {
    /// Each of them, the one that allows most first.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Member, Self::Viewer];

    /// The one of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// The name in the API and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
        }
    }

    /// What it is, for people.
    pub const fn description(self) -> &'static str {
        match self {
            Self::Owner => "Everything. A tenant always has at least one.",
            Self::Admin => "Everything but the tenant's own record and what it demands at its door.",
            Self::Member => "Works with the data.",
            Self::Viewer => "Looks at the data.",
        }
    }

    /// What it allows, as scopes are written.
    pub const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Owner => &["*"],
            Self::Admin => &[
                "tenant:read",
                "projects:*",
                "files:*",
                "settings:*",
                "api_keys:*",
                "users:*",
                "roles:*",
                "security:read",
                "audit:read",
                "usage:*",
                "webhooks:*",
                "billing:*",
            ],
            Self::Member => &[
                "tenant:read",
                "projects:*",
                "files:*",
                "settings:read",
                "users:read",
                "roles:read",
                "usage:read",
            ],
            Self::Viewer => &["tenant:read", "projects:read", "files:read", "settings:read"],
        }
    }

    /// What it allows.
    pub fn grants(self) -> Grants<Permission> {
        Grants::parse(self.scopes()).expect("roles name registered permissions; a test says so")
    }
}

/// What a role is called: 2 to 50 lower-case letters, digits, `_` and `-`, a letter first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(try_from = "String")]
#[sqlx(transparent)]
pub struct RoleName(String);

/// The text cannot be the name of a role.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be 2 to 50 lower-case letters, digits, `_` and `-`, beginning with a letter")]
pub struct InvalidRoleName;

impl RoleName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Which of the roles that every tenant has, if it is one.
    pub fn builtin(&self) -> Option<BuiltinRole> {
        BuiltinRole::of(&self.0)
    }

    /// Whether it is the role that is never without somebody.
    pub fn is_owner(&self) -> bool {
        self.builtin() == Some(BuiltinRole::Owner)
    }
}

impl From<BuiltinRole> for RoleName {
    fn from(role: BuiltinRole) -> Self {
        Self(role.name().to_owned())
    }
}

impl FromStr for RoleName {
    type Err = InvalidRoleName;
    fn from_str(text: &str) -> Result<Self, InvalidRoleName> {
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        if first && (2..=50).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidRoleName)
        }
    }
}

impl TryFrom<String> for RoleName {
    type Error = InvalidRoleName;
    fn try_from(text: String) -> Result<Self, InvalidRoleName> {
        text.parse()
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialSchema for RoleName {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[a-z][a-z0-9_-]{1,49}$"))
            .description(Some(
                "`owner`, `admin`, `member`, `viewer`, or a role of the tenant's own.",
            ))
            .examples(["member"])
            .into()
    }
}
impl ToSchema for RoleName {}

/// A role, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// What it is called.
    pub name: RoleName,
    /// What it is for.
    #[schema(example = "Sends the invoices.")]
    pub description: String,
    /// What it allows: permissions, `noun:*` or `*`.
    #[schema(example = json!(["projects:read", "files:*"]))]
    pub permissions: Vec<String>,
    /// Whether every tenant has it; then it cannot be changed.
    pub builtin: bool,
    /// Counts the changes, from 1; not there where it cannot be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub version: Option<i64>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub created_at: Option<Timestamp>,
    /// When it was changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub updated_at: Option<Timestamp>,
}

impl From<BuiltinRole> for Role {
    fn from(role: BuiltinRole) -> Self {
        Self {
            name: role.into(),
            description: role.description().to_owned(),
            permissions: role.scopes().iter().map(|&scope| scope.to_owned()).collect(),
            builtin: true,
            version: None,
            created_at: None,
            updated_at: None,
        }
    }
}

impl Role {
    /// What it allows.
    pub fn grants(&self) -> Grants<Permission> {
        grants(self.name.as_str(), Some(&self.permissions))
    }
}

/// A role that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "name": "accountant", "description": "Sends the invoices.", "permissions": ["projects:read", "files:*"]
}))]
pub struct NewRole {
    /// What it is called; this stays.
    pub name: RoleName,
    /// What it is for; empty unless given.
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub description: String,
    /// What it allows: permissions, `noun:*` or `*`.
    #[schema(min_items = 1, max_items = 100)]
    pub permissions: Vec<String>,
}

impl Validate for NewRole {
    fn check(&self, errors: &mut Vec<FieldError>) {
        check(&self.description, &self.permissions, errors);
    }
}

/// What a role is from now on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"description": "Sends the invoices.", "permissions": ["projects:read", "files:*"]}))]
pub struct RoleChange {
    /// What it is for; empty unless given.
    #[serde(default)]
    #[schema(max_length = 500, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    pub description: String,
    /// What it allows: permissions, `noun:*` or `*`.
    #[schema(min_items = 1, max_items = 100)]
    pub permissions: Vec<String>,
}

impl Validate for RoleChange {
    fn check(&self, errors: &mut Vec<FieldError>) {
        check(&self.description, &self.permissions, errors);
    }
}

const LONGEST_DESCRIPTION: usize = 500;
const MOST_PERMISSIONS: usize = 100;

fn check(description: &str, permissions: &[String], errors: &mut Vec<FieldError>) {
    if description.chars().count() > LONGEST_DESCRIPTION {
        let detail = format!("must be at most {LONGEST_DESCRIPTION} characters long");
        errors.push(FieldError::new("/description", detail));
    }
    if description.chars().any(char::is_control) {
        errors.push(FieldError::new(
            "/description",
            "must not contain control characters",
        ));
    }
    if !(1..=MOST_PERMISSIONS).contains(&permissions.len()) {
        let detail = format!("must name 1 to {MOST_PERMISSIONS} permissions");
        errors.push(FieldError::new("/permissions", detail));
    }
    for (index, scope) in permissions.iter().enumerate() {
        if let Err(error) = scope.parse::<Grants<Permission>>() {
            errors.push(FieldError::new(
                format!("/permissions/{index}"),
                error.to_string(),
            ));
        }
    }
}

/// In one order, each once.
pub(super) fn distinct(permissions: &[String]) -> Vec<String> {
    let mut distinct = permissions.to_vec();
    distinct.sort();
    distinct.dedup();
    distinct
}

/// What the role of this name allows: nothing if it is neither one that every tenant has nor one of the tenant's own
/// with these stored permissions.
pub fn grants(name: &str, custom: Option<&[String]>) -> Grants<Permission> {
    match (BuiltinRole::of(name), custom) {
        (Some(builtin), _) => builtin.grants(),
        (None, Some(stored)) => known_grants(stored),
        (None, None) => Grants::none(),
    }
}

/// Those of the stored scopes that still name something.
pub(crate) fn known_scopes<P: Registry>(scopes: &[String]) -> Vec<String> {
    let known = scopes.iter().filter(|scope| scope.parse::<Grants<P>>().is_ok());
    known.cloned().collect()
}

/// What stored scopes allow today.
pub fn known_grants<P: Registry>(scopes: &[String]) -> Grants<P> {
    Grants::parse(known_scopes::<P>(scopes)).expect("each of them was read before")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_covers_the_next_and_no_more() {
        for pair in BuiltinRole::ALL.windows(2) {
            let (more, less) = (pair[0].grants(), pair[1].grants());
            assert!(more.covers(less) && !less.covers(more), "{pair:?}");
        }
        assert_eq!(BuiltinRole::Owner.grants(), Grants::all());
    }

    #[test]
    fn who_administers_people_is_an_admin_or_an_owner() {
        use Permission::{RolesRead, RolesWrite, SecurityRead, SecurityWrite, UsersRead, UsersWrite};
        for (permission, from) in [
            (UsersRead, BuiltinRole::Member),
            (RolesRead, BuiltinRole::Member),
            (UsersWrite, BuiltinRole::Admin),
            (RolesWrite, BuiltinRole::Admin),
            (SecurityRead, BuiltinRole::Admin),
            (SecurityWrite, BuiltinRole::Owner),
        ] {
            let least = BuiltinRole::ALL
                .into_iter()
                .rfind(|role| role.grants().contains(permission));
            assert_eq!(least, Some(from), "{permission}");
        }
    }

    #[test]
    fn who_looks_changes_nothing() {
        let writes = Permission::ALL
            .iter()
            .filter(|permission| !permission.name().ends_with(":read"));
        for permission in writes {
            assert!(
                !BuiltinRole::Viewer.grants().contains(*permission),
                "{permission}"
            );
        }
    }

    #[test]
    fn a_name_is_short_and_plain() {
        let (longest, too_long) = ("a".repeat(50), "a".repeat(51));
        for name in ["owner", "viewer", "accountant", "a1", "team-lead_2", &longest] {
            assert_eq!(
                name.parse::<RoleName>().map(|name| name.to_string()),
                Ok(name.to_owned())
            );
        }
        for name in [
            "", "a", "1a", "_a", "-a", "Owner", "a b", "ä1", "a.b", "a\n", &too_long,
        ] {
            assert_eq!(name.parse::<RoleName>(), Err(InvalidRoleName), "{name:?}");
        }
    }

    #[test]
    fn a_stored_role_never_passes_for_one_that_every_tenant_has() {
        let everything = ["*".to_owned()];
        for role in BuiltinRole::ALL {
            assert_eq!(grants(role.name(), Some(&everything)), role.grants());
            assert_eq!(RoleName::from(role).builtin(), Some(role));
        }
        assert_eq!(grants("emperor", Some(&everything)), Grants::all());
        assert_eq!(grants("emperor", None), Grants::none());
    }

    #[test]
    fn a_scope_that_is_gone_allows_nothing() {
        let stored = ["projects:read".to_owned(), "castles:*".to_owned()];
        let only = Grants::none().with(Permission::ProjectsRead);
        assert_eq!(known_grants::<Permission>(&stored), only);
        assert_eq!(grants("builder", Some(&stored)), only);
    }

    #[test]
    fn every_wrong_field_is_named() {
        let role = |description: &str, permissions: &[&str]| RoleChange {
            description: description.to_owned(),
            permissions: permissions.iter().map(|&scope| scope.to_owned()).collect(),
        };
        let long = "a".repeat(501);
        for (change, pointers) in [
            (role("", &["projects:read", "files:*"]), &[][..]),
            (role("Zoë", &["*"]), &[]),
            (role("", &[]), &["/permissions"]),
            (role("a\u{0}b", &["*"]), &["/description"]),
            (role(&long, &["castles:*"]), &["/description", "/permissions/0"]),
            (
                role("", &["projects:read", "", "*:read"]),
                &["/permissions/1", "/permissions/2"],
            ),
            (role("", &["*"; 101]), &["/permissions"]),
        ] {
            let mut errors = Vec::new();
            change.check(&mut errors);
            let found: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
            assert_eq!(found, pointers, "{change:?}");
        }
    }
}
