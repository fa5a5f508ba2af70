//! The product's own private native PostgreSQL: found on the machine, initialised, started, taken over after a
//! crash and stopped. `bin/dev` runs on it when no database is configured, and so do the tests.
//!
//! The data folder belongs to this crate. In it:
//!
//! | entry | what |
//! |---|---|
//! | `lock` | held (flock) by the one process that runs this cluster |
//! | `cluster/data` | PostgreSQL's own data folder |
//! | `cluster/password` | the superuser's random password, mode 0600 |
//! | `cluster/socket` | the Unix socket's folder, mode 0700; below `/tmp` when this path is too long for a socket |
//! | `relocated` | a link to where `cluster` is when the server's account cannot reach this folder |
//! | `postgres.log`, `postgres.log.1` | what the server wrote since this start, and since the one before |
//!
//! Invariants:
//! - `cluster` appears by one rename, complete, or not at all.
//! - Nobody logs in without a password (`scram-sha-256` for every role, as in production), and only the server's
//!   account and root can reach the socket. TCP is off unless a port is asked for, and then only on 127.0.0.1.
//! - Started by root, PostgreSQL runs as the account that owns the cluster, at first `postgres` or else `nobody`.
//! - The server does not outlive its owner: a small shell holds a pipe from us and asks PostgreSQL to stop when
//!   the pipe closes, also after a `kill -9`. What is left of an earlier run is ended before the next starts.
//! - The server has its own process group, so that Ctrl-C reaches it only through [`Cluster::stop`].
//!
//! Takeover reads `/proc`, so it is complete on Linux; elsewhere PostgreSQL's own lock file is all there is.
//! Nothing here knows SQL, the product's schemas or its configuration.

mod account;
mod binaries;
mod cluster;
mod error;
mod initialisation;
mod leftovers;
mod lock;
mod place;
mod server;

pub use binaries::Binaries;
pub use cluster::{Cluster, Durability, Settings};
pub use error::Error;
