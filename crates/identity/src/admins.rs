//! People who operate the platform.
//!
//! ```text
//! active ⇄ deactivated
//! ```
//!
//! What an operator may do are permissions, of the whole platform or limited to some tenants ([`Authority`]).
//!
//! Invariants: an address identifies one; nobody hands out a permission or a tenant that he does not have, changes
//! somebody who may more than he, or changes what he himself may; there is always an active one who may do everything
//! everywhere; the first one exists before the server answers. Whatever changes what one may is announced. His sessions
//! are ended above.

mod authority;
mod first;
mod model;
mod ops;
mod sql;
#[cfg(test)]
mod tests;

pub use authority::Authority;
pub use first::{any, ensure_first_admin};
pub use model::{Admin, AdminChange, AdminId, AdminStatus, FirstAdmin, NewAdmin};
pub use ops::{AdminError, Changed, acting, create, delete, get, list, update};
