//! Load shedding: more work than we can do at once is refused at once instead of queued until it is too late.
//!
//! A request counts until it begins to answer, so that downloads and event streams do not use up the room.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kernel::Code;
use tokio::sync::Semaphore;

use crate::problem::ProblemResponse;

/// A supervisor that is told "overloaded" kills the process and makes it worse.
const PROBES: [&str; 2] = ["/health/live", "/health/ready"];

pub(super) fn gate(concurrency: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(concurrency))
}

pub(super) async fn shed(State(gate): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    if PROBES.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    match gate.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => ProblemResponse::from(Code::Overloaded).into_response(),
    }
}
