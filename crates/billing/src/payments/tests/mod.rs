//! What collecting does, against a Stripe played in this process.

mod charging;
mod deaths;
mod inbox;
mod methods;
mod refunding;
mod stand;

pub(crate) use stand::Stand;
