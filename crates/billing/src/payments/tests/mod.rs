//! What collecting does, against a Stripe played in this process.

mod charging;
mod deaths;
mod disputing;
mod inbox;
mod methods;
mod refunding;
mod removal;
pub(crate) mod stand;

pub(crate) use stand::Stand;
