//! The vocabulary that every other room speaks: identifiers, time, randomness, actors, permissions,
//! secrets and problem codes.
//!
//! Invariants: nothing here performs I/O, knows HTTP or names a table; an edit here rebuilds everything, so
//! only what at least three rooms share may enter.

pub mod actor;
pub mod fault;
pub mod id;
pub mod object;
pub mod permission;
pub mod problem;
pub mod sealing;
pub mod seams;
pub mod secret;
pub mod time;

pub use actor::{Actor, ActorKind};
pub use fault::Faults;
pub use id::{Entity, Id};
pub use object::{object, object_or_null};
pub use permission::{AdminPermission, Grants, Permission};
pub use problem::{Code, FieldError, Problem, Validate};
pub use sealing::{BrokenSeal, SealingKey};
pub use seams::{Clock, Rng, Seams};
pub use secret::{MasterKey, Secret};
pub use time::Timestamp;

/// Marker of the tenant entity; every room refers to tenants by [`TenantId`].
#[derive(Debug)]
pub enum Tenant {}
impl Entity for Tenant {
    const PREFIX: &'static str = "tenant";
}
/// A customer of the platform: the unit of isolation, metering and billing.
pub type TenantId = Id<Tenant>;

/// Marker of a person who belongs to one tenant.
#[derive(Debug)]
pub enum User {}
impl Entity for User {
    const PREFIX: &'static str = "user";
}
/// A person who belongs to one tenant.
pub type UserId = Id<User>;
