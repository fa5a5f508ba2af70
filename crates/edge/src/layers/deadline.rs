//! The time a route has until it begins to answer. When it is over, the work is dropped (a transaction in it
//! rolls back) and the caller gets 504.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kernel::Code;
use tokio::time::Instant;
use tower::util::MapRequestLayer;

use crate::problem::ProblemResponse;

/// When the request is given up. Routing comes after the clock has started, so a route moves it from inside.
#[derive(Clone)]
struct Deadline(Arc<Mutex<Instant>>);

impl Deadline {
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
        if let Some(deadline) = request.extensions().get::<Deadline>() {
            deadline.set(Instant::now() + limit);
        }
        request
    })
}

pub(super) async fn enforce(State(limit): State<Duration>, mut request: Request, next: Next) -> Response {
    let deadline = Deadline(Arc::new(Mutex::new(Instant::now() + limit)));
    request.extensions_mut().insert(deadline.clone());
    let mut answer = std::pin::pin!(next.run(request));
    loop {
        let until = deadline.get();
        match tokio::time::timeout_at(until, &mut answer).await {
            Ok(response) => return response,
            Err(_) if deadline.get() > until => {} // the route has asked for longer
            Err(_) => return ProblemResponse::from(Code::Timeout).into_response(),
        }
    }
}
