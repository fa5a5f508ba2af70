//! The provider's webhooks: verified, stored once, answered; then applied by a job.
//!
//! ```text
//!   received ─▶ applied     what it tells of was asked for anew, and written down with everything that follows
//!       └─────▶ ignored     of a kind that nothing here knows, of another mode, or of something that is none of ours
//! ```
//! An event says only that something may have changed. What it says beyond that is not looked at, so it does not matter in
//! which order events come, or how often.

mod apply;
mod jobs;
mod objects;
mod store;

pub(super) use jobs::handlers;
pub use store::{ReceiveError, Received, overdue, receive};
