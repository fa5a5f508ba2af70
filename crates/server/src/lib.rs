//! The product as one program: configuration, command line, wiring.
//!
//! Nothing here knows a business rule or a table; what is decided here is which parts there are, what they are
//! configured with, and in which order they start and stop. The one room where `anyhow` may be used, because its
//! errors end the process and are read by people.

pub mod cli;
pub mod config;
pub mod dev;
pub mod doctor;
mod listener;
pub mod logging;
pub mod signals;
pub mod wiring;

/// Every program with the product in it. A request makes and frees some dozens of small pieces: of its processor time this
/// allocator takes half of what the system's took.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
