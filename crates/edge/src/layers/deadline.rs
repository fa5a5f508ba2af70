//! The time a route has until it begins to answer. When it is over, the work is dropped (a transaction in it
//! rolls back) and the caller gets 504.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use kernel::Code;
use tokio::time::Instant;
use tower::util::MapRequestLayer;

use super::Terms;
use crate::problem::ProblemResponse;

/// When the request is given up. Routing comes after the clock has started, so a route moves it from inside.
#[derive(Debug, Clone)]
pub(crate) struct Deadline(Arc<Mutex<Instant>>);

impl Deadline {
    /// Then, unless the request's route moves it.
    pub(super) fn at(instant: Instant) -> Self {
        Self(Arc::new(Mutex::new(instant)))
    }

    /// The answer, or 504 once the time is over.
    pub(super) async fn enforce(&self, answer: impl Future<Output = Response>) -> Response {
        let mut answer = std::pin::pin!(answer);
        loop {
            let until = self.get();
            match tokio::time::timeout_at(until, &mut answer).await {
                Ok(response) => return response,
                Err(_) if self.get() > until => {} // the route has asked for longer
                Err(_) => return ProblemResponse::from(Code::Timeout).into_response(),
            }
        }
    }

    fn get(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, instant: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = instant;
    }
}

/// A layer that gives the routes it is put on longer than [`super::Limits::request_time`], e.g. uploads.
pub fn time_limit(
    limit: Duration,
) -> MapRequestLayer<impl Fn(Request) -> Request + Clone + Send + Sync + 'static> {
    MapRequestLayer::new(move |request: Request| {
        if let Some(terms) = request.extensions().get::<Terms>() {
            terms.deadline.set(Instant::now() + limit);
        }
        request
    })
}
