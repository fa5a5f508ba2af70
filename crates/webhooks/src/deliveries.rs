//! What is sent to one endpoint about one event, and what became of it.
//!
//! Invariants: an event goes to an endpoint once, whoever spreads it; replaying goes on with the same delivery under the
//! same identifier, so that receivers recognise it; what an attempt keeps of an answer is bounded.

mod model;
mod ops;
mod sql;

pub use model::{Attempt, Delivery, DeliveryEntity, DeliveryFilter, DeliveryId, DeliveryStatus};
pub use ops::{DeliveryError, get, list, replay, replay_failed, test};
