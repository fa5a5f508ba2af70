//! What an operator may do, and for which tenants.

use std::collections::BTreeSet;
use std::sync::Arc;

use isolation::{Caller, Limit};
use kernel::{AdminPermission, FieldError, Grants, TenantId};

use super::model::AdminId;
use crate::roles::known_grants;

/// Tenants that one operator can be limited to.
const MOST_TENANTS: usize = 500;

/// What an operator may do, and for which tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// What he may do.
    pub grants: Grants<AdminPermission>,
    /// The tenants he may do it for; none: every tenant, and the platform itself.
    pub limit: Option<Arc<Limit>>,
}

impl Authority {
    /// Everything, everywhere.
    pub fn full() -> Self {
        Self {
            grants: Grants::all(),
            limit: None,
        }
    }

    /// What is stored of this operator allows today.
    pub fn stored(admin: AdminId, permissions: &[String], tenants: Option<Vec<TenantId>>) -> Self {
        let grants = known_grants(permissions);
        match tenants {
            None => Self { grants, limit: None },
            Some(tenants) => Self {
                grants: grants.intersection(Grants::within_tenants()),
                limit: Some(Arc::new(Limit::new(admin, tenants))),
            },
        }
    }

    /// What this caller may.
    pub fn of(caller: &Caller<AdminPermission>) -> Self {
        Self {
            grants: caller.grants,
            limit: caller.limit.clone(),
        }
    }

    /// What is left of it for a key with these scopes.
    #[must_use]
    pub fn narrowed(self, scopes: &[String]) -> Self {
        Self {
            grants: self.grants.intersection(known_grants(scopes)),
            ..self
        }
    }

    /// Whether the other one's is nowhere more than this.
    pub fn covers(&self, other: &Self) -> bool {
        let within = match (&self.limit, &other.limit) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => theirs.tenants().iter().all(|tenant| mine.includes(*tenant)),
        };
        within && self.grants.covers(other.grants)
    }
}

/// Permissions and tenants as they are kept: without repetitions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) permissions: Vec<String>,
    pub(super) tenants: Option<Vec<TenantId>>,
}

/// What is asked for as it is kept, or what is wrong with it.
pub(super) fn check(
    permissions: &[String],
    tenants: Option<&[TenantId]>,
) -> Result<Assignment, Vec<FieldError>> {
    let mut errors = Vec::new();
    if permissions.is_empty() {
        errors.push(FieldError::new(
            "/permissions",
            "must name at least one permission",
        ));
    }
    for (index, text) in permissions.iter().enumerate() {
        let wrong = match text.parse::<Grants<AdminPermission>>() {
            Err(error) => error.to_string(),
            Ok(grants) if tenants.is_some() && !Grants::within_tenants().covers(grants) => {
                "is about the whole platform; an operator who is limited to tenants cannot have it".to_owned()
            }
            Ok(_) => continue,
        };
        errors.push(FieldError::new(format!("/permissions/{index}"), wrong));
    }
    if let Some(tenants) = tenants
        && !(1..=MOST_TENANTS).contains(&tenants.len())
    {
        let detail = format!("must name 1 to {MOST_TENANTS} tenants; null is every tenant");
        errors.push(FieldError::new("/tenants", detail));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let permissions: BTreeSet<&String> = permissions.iter().collect();
    let tenants = tenants.map(|tenants| tenants.iter().copied().collect::<BTreeSet<_>>());
    Ok(Assignment {
        permissions: permissions.into_iter().cloned().collect(),
        tenants: tenants.map(|tenants| tenants.into_iter().collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Seams;

    fn authority(permissions: &[&str], tenants: Option<&[TenantId]>) -> Authority {
        let permissions: Vec<String> = permissions.iter().map(|&text| text.to_owned()).collect();
        Authority::stored(Seams::real().new_id(), &permissions, tenants.map(<[_]>::to_vec))
    }

    #[test]
    fn nobody_covers_more_than_he_has() {
        let (a, b): (TenantId, TenantId) = (Seams::real().new_id(), Seams::real().new_id());
        let everything = authority(&["*"], None);
        let some = authority(&["tenants:list", "audit:read"], None);
        let both = authority(&["tenants:list", "audit:read"], Some(&[a, b]));
        let one = authority(&["tenants:list"], Some(&[a]));
        for (more, less) in [(&everything, &some), (&some, &both), (&both, &one)] {
            assert!(more.covers(less) && !less.covers(more), "{more:?} {less:?}");
        }
        let other = authority(&["tenants:list"], Some(&[b]));
        assert!(!one.covers(&other) && one.covers(&one));
        assert_eq!(everything, Authority::full());
    }

    #[test]
    fn a_limit_takes_what_is_platform_wide_even_if_it_was_stored() {
        let limited = authority(&["*"], Some(&[Seams::real().new_id()]));
        assert_eq!(limited.grants, Grants::within_tenants());
        let key = limited.narrowed(&["tenants:*".to_owned(), "admins:read".to_owned()]);
        assert!(key.grants.contains(AdminPermission::TenantsRead) && key.limit.is_some());
        assert!(!key.grants.contains(AdminPermission::TenantsCreate));
        assert!(!key.grants.contains(AdminPermission::AdminsRead));
    }

    #[test]
    fn says_what_cannot_be_had() {
        let tenant: TenantId = Seams::real().new_id();
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let pointers = |permissions: &[&str], tenants: Option<&[TenantId]>| {
            let errors = check(&texts(permissions), tenants).expect_err("refused");
            errors.into_iter().map(|error| error.pointer).collect::<Vec<_>>()
        };
        assert_eq!(pointers(&[], Some(&[])), ["/permissions", "/tenants"]);
        assert_eq!(pointers(&["audit:read", "castles:*"], None), ["/permissions/1"]);
        let platform_wide = ["audit:read", "tenants:create", "*", "admins:read", "tenants:*"];
        assert_eq!(pointers(&platform_wide, Some(&[tenant])).len(), 4);
        let twice = check(&texts(&["audit:read", "audit:read"]), Some(&[tenant, tenant]));
        let kept = Assignment {
            permissions: texts(&["audit:read"]),
            tenants: Some(vec![tenant]),
        };
        assert_eq!(twice, Ok(kept));
    }
}
