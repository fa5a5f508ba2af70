//! What tests of SQL and operations stand on: a real PostgreSQL of their own, and in it a database for each test,
//! cloned from a migrated template.
//!
//! The cluster starts with the first test of a process and is stopped when the process ends, however it ends. With
//! `TENANTRY_TEST_DATABASE_URL` set, that server is used instead (its role must be superuser).

mod authenticator;
mod cluster;
mod database;
mod fake_stripe;
mod redis;

pub use authenticator::Authenticator;
pub use cluster::server_url;
pub use database::{TestDatabase, connect, master_key, seams_with_clock};
pub use fake_stripe::{Behaviour, FakeStripe, Mishap, Request, signature};
pub use redis::RedisServer;
