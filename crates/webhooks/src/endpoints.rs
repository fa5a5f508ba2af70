//! Endpoints: who hears of what happens.
//!
//! Invariants: a URL is checked when it is given and, with the addresses that its host has then, at every call; a secret
//! is shown when it is made and never again; after a rotation the secret before signs too until the overlap ends.

mod disabling;
mod model;
mod ops;
mod sql;

pub use disabling::EndpointDisabled;
pub(crate) use disabling::disable;
pub use model::{Endpoint, EndpointId, NewEndpoint, Overlap, PatchEndpoint, Reason, Status};
pub use ops::{EndpointError, MOST, create, delete, get, list, rotate_secret, update};
pub(crate) use sql::lock;
