//! What a fresh tenant finds: default settings and, unless the plan is free, a sample project with three tasks.
//!
//! The setting `onboarding` marks that this was done; whoever inserts it does the rest in the same transaction, so
//! a repeated or concurrent run leaves one copy.

mod model;
mod ops;
#[cfg(test)]
mod tests;

pub use model::MARKER;
pub use ops::initial;
