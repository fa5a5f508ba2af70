//! People who operate the platform.
//!
//! Invariants: only the platform touches them; an address identifies one; the first one exists before the server
//! answers, the others are made by him.

mod model;
mod ops;
#[cfg(test)]
mod tests;

pub use model::{Admin, AdminId, FirstAdmin, NewAdmin};
pub use ops::{AdminError, any, create, ensure_first_admin};
