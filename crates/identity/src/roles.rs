//! Roles: named sets of permissions that a person of a tenant has. Four every tenant has; beside them a tenant may
//! make its own.
//!
//! Invariants: each of the four allows everything that the next one does; nobody makes, changes or deletes a role
//! that allows more than he may himself, before or after; a role that somebody has is not deleted (a foreign key
//! decides, so no assignment slips in between); what a role allows is read when a credential is loaded, so whoever
//! changes a role announces all people of the tenant.
//!
//! What may not enter: who has which role (that is a person's, see [`users`](crate::users)).

mod model;
mod ops;
mod sql;
#[cfg(test)]
mod tests;

pub(crate) use model::known_scopes;
pub use model::{BuiltinRole, InvalidRoleName, NewRole, Role, RoleChange, RoleName, grants, known_grants};
pub use ops::{MOST_ROLES, RoleError, create, delete, get, grants_of, list, replace};
pub(crate) use ops::{find, remove_all};
