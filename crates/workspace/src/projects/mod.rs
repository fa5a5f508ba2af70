//! Projects: what a tenant's people work on. A project has [tasks](crate::tasks), which go with it.
//!
//! ```text
//! active ⇄ completed ⇄ archived      (any of them to any other: people reopen things)
//! ```
//!
//! What may not enter: tasks' own fields, members, the plan's quota of projects.

mod model;
mod ops;
mod sql;
#[cfg(test)]
mod tests;

pub use model::{
    NAME_MAX, NewProject, PatchProject, Project, ProjectFilter, ProjectId, ProjectStatus, SEARCH_MAX,
};
pub use ops::{ProjectError, create, delete, get, list, update};

pub(crate) use sql::{exists, insert};
