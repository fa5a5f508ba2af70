//! Load shedding: more work than we can do at once is refused at once instead of queued until it is too late.
//!
//! A request counts until it begins to answer, so that downloads and event streams do not use up the room.

use axum::response::{IntoResponse, Response};
use kernel::Code;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::problem::ProblemResponse;

/// A supervisor that is told "overloaded" kills the process and makes it worse.
const PROBES: [&str; 2] = ["/health/live", "/health/ready"];

/// Room for so many requests at once.
#[derive(Debug)]
pub(super) struct Gate(Semaphore);

/// There is no room.
pub(super) struct Full;

impl Gate {
    pub(super) fn new(concurrency: usize) -> Self {
        Self(Semaphore::new(concurrency))
    }

    /// A place until it is dropped; a probe needs none.
    pub(super) fn admit(&self, path: &str) -> Result<Option<SemaphorePermit<'_>>, Full> {
        if PROBES.contains(&path) {
            return Ok(None);
        }
        self.0.try_acquire().map(Some).map_err(|_| Full)
    }
}

impl Full {
    pub(super) fn answer() -> Response {
        ProblemResponse::from(Code::Overloaded).into_response()
    }
}
