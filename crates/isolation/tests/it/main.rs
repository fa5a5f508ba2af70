//! The walls, tried on a real PostgreSQL.

mod changes;
mod durability;
mod idempotency;
mod inspection;
mod limited;
mod pools;
mod stores;
mod walls;
