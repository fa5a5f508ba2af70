//! What the black-box tests stand on.

mod app;
mod application;
mod client;
mod installation;
mod leash;
mod nginx;
mod owner;
mod people;
mod pgbouncer;
mod postgres;
mod process;
mod receiver;
mod soak;
mod statements;
pub(crate) mod traces;
pub(crate) mod verifier;

pub(crate) use app::{App, Tenant, all};
pub(crate) use application::Application;
pub(crate) use client::{Client, Reply};
pub(crate) use installation::Installation;
pub(crate) use nginx::Nginx;
pub(crate) use owner::Owner;
pub(crate) use people::Person;
pub(crate) use pgbouncer::PgBouncer;
pub(crate) use postgres::Postgres;
pub(crate) use process::Process;
pub(crate) use receiver::Receiver;
pub(crate) use soak::{rounds, seconds, tenants};
pub(crate) use statements::Statements;
pub(crate) use testkit::connect;

use std::time::Duration;

use tokio::time::Instant;

/// Asks again until the answer is there; fails the test when it takes longer than half a minute.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
