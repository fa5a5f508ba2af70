//! Tasks: what is to be done in a [project](crate::projects). A task never leaves its project and goes with it.
//!
//! ```text
//! todo ⇄ in_progress ⇄ done      (any of them to any other)
//! ```
//!
//! What may not enter: projects' own fields, assignment of people.

mod model;
mod ops;
mod sql;
#[cfg(test)]
mod tests;

pub use model::{NewTask, PatchTask, TITLE_MAX, Task, TaskFilter, TaskId, TaskStatus};
pub use ops::{TaskError, create, delete, get, list, update};

pub(crate) use sql::insert;
