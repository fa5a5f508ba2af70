//! Who may come in: people of tenants, operators of the platform, and their keys.
//!
//! | room | for |
//! |---|---|
//! | [`users`] | people of a tenant: (tenant, lower-cased email) identifies one |
//! | [`invitations`] | single-use links by which an invited person takes his place |
//! | [`roles`] | named sets of permissions that a person of a tenant has |
//! | [`api_keys`] | keys for machines of a tenant |
//! | [`admins`] | people who operate the platform |
//! | [`admin_api_keys`] | keys for machines that operate the platform |
//! | [`passwords`] | what a password must be, and its hash |
//! | [`Person`] | either of the two kinds of people, for what both have: sessions, second factors |
//!
//! Invariants: of a key, a token or a password only a hash is stored; nobody hands out a permission that he does
//! not have; whatever ends or narrows a credential is announced in its own transaction, so that every node's
//! memory drops it. Nothing here knows HTTP or
//! sends mail; how somebody comes in is decided above.

pub mod admin_api_keys;
pub mod admins;
pub mod api_keys;
mod email;
#[cfg(test)]
mod fixture;
pub mod invitations;
mod key;
mod name;
pub mod passwords;
mod person;
pub mod roles;
pub mod token;
pub mod users;
mod version;

pub use admin_api_keys::AdminApiKey;
pub use api_keys::ApiKey;
pub use email::{Email, InvalidEmail};
pub use key::{KEY_TOPIC, KeyError, Overlap};
pub use name::{InvalidName, Name};
pub use passwords::{Algorithm, Hasher, Password, PasswordHash};
pub use person::{PERSON_TOPIC, Person, TENANT_PEOPLE_TOPIC};
pub use roles::{BuiltinRole, Role, RoleName};
pub use version::VersionMismatch;
