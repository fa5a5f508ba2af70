//! What several nodes that serve one installation share: rate limits over Redis, quotas over PostgreSQL.
//!
//! - [`Redis`] is the link: it is asked with a short patience, and not at all while it is away. It is made anew beside
//!   the requests.
//! - [`pace`]: the cells of rate limits are in Redis; a node takes from them in advance what it will probably need.
//! - `leases`: what a node may use of a hard quota is leased to it. `presence`: who else is there; alone, a node asks
//!   nobody.
//!
//! Invariants: no request fails, or waits for longer than the link's patience, because of Redis; what is decided here
//! only ever refuses more than a node alone would, so that every node's own limits hold whatever happens to the others.
//! How far several nodes can go beyond a limit together is bounded, and written down in `docs/several-nodes.md`.
//!
//! What may not enter: what a limit is ([`rate_limits`](crate::rate_limits), [`quotas`](crate::quotas)).

pub(crate) mod leases;
pub mod pace;
pub(crate) mod presence;
mod redis;

pub use redis::{Redis, RedisError, RedisSettings};

#[cfg(test)]
mod tests;
