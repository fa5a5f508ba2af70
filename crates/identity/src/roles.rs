//! Roles: named sets of permissions. These four every tenant has; a tenant's own come with their table.

use kernel::permission::Registry;
use kernel::{Grants, Permission};
use serde::{Deserialize, Serialize};

/// What a person is to his tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Role {
    /// Everything. A tenant always has at least one.
    Owner,
    /// Everything but the tenant's own record.
    Admin,
    /// Works with the data.
    Member,
    /// Looks at the data.
    Viewer,
}

impl Role {
    /// Every role that every tenant has.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Admin, Self::Member, Self::Viewer];

    /// The name in the API and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Viewer => "viewer",
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
                "audit:read",
            ],
            Self::Member => &["tenant:read", "projects:*", "files:*", "settings:read"],
            Self::Viewer => &["tenant:read", "projects:read", "files:read", "settings:read"],
        }
    }

    /// What it allows.
    pub fn grants(self) -> Grants<Permission> {
        Grants::parse(self.scopes()).expect("roles name registered permissions; a test says so")
    }

    /// What the role of this name allows: nothing if there is none.
    pub fn grants_of(name: &str) -> Grants<Permission> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == name)
            .map_or(Grants::none(), Self::grants)
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
        for pair in Role::ALL.windows(2) {
            let (more, less) = (pair[0].grants(), pair[1].grants());
            assert!(more.covers(less) && !less.covers(more), "{pair:?}");
        }
        assert_eq!(Role::Owner.grants(), Grants::all());
        assert_eq!(Role::grants_of("emperor"), Grants::none());
    }

    #[test]
    fn who_looks_changes_nothing() {
        let writes = Permission::ALL
            .iter()
            .filter(|permission| !permission.name().ends_with(":read"));
        for permission in writes {
            assert!(!Role::Viewer.grants().contains(*permission), "{permission}");
        }
    }

    #[test]
    fn a_scope_that_is_gone_allows_nothing() {
        let stored = ["projects:read".to_owned(), "castles:*".to_owned()];
        let grants = known_grants::<Permission>(&stored);
        assert_eq!(grants, Grants::none().with(Permission::ProjectsRead));
    }
}
