//! What surrounds every route, outermost first: request id and log line, security headers, completion of
//! problems, load shedding, time limit, panics, body limits. It is one layer, because every request passes through it
//! and each layer of its own would box the ones inside of it anew.
//!
//! Not here, because hyper answers it before a request exists (empty body, connection closed): a request line
//! that does not parse is 400, an address over 65,534 bytes 414, header fields over [`Limits::head_bytes`] or
//! [`Limits::head_fields`] 431; a head that does not arrive within [`Limits::head_time`] gets no answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use kernel::Seams;
use tower::ServiceBuilder;

use crate::body::{BodyBytes, BodyTime};

mod access_log;
mod completion;
mod deadline;
mod overload;
mod panics;
mod request_id;
mod security_headers;

pub use deadline::time_limit;
pub use request_id::RequestId;
pub use security_headers::Tls;

/// How much one caller, and all of them together, may ask for.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a body; a route may take more through [`crate::body::body_limit`].
    pub body_bytes: usize,
    /// How long a whole JSON body may take to arrive, and a streamed one from piece to piece; then 408.
    pub body_time: Duration,
    /// How long a route may take until it begins to answer; then 504. [`time_limit`] gives a route longer.
    pub request_time: Duration,
    /// Requests that may be worked on at once; one more is answered 503 `overloaded` at once.
    pub concurrency: usize,
    /// Open connections; one more waits in the kernel's queue.
    pub connections: usize,
    /// How long a request's head may take to arrive, and how long an idle connection is kept.
    pub head_time: Duration,
    /// Bytes of a request's head; at least 8192.
    pub head_bytes: usize,
    /// Header fields of a request.
    pub head_fields: usize,
    /// How long a shutdown waits for running requests.
    pub drain_time: Duration,
    /// `Strict-Transport-Security` on every answer, where TLS ends in front of us.
    pub strict_transport_security: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            body_time: Duration::from_secs(15),
            request_time: Duration::from_secs(30),
            concurrency: 512,
            connections: 8192,
            head_time: Duration::from_secs(30),
            head_bytes: 32 << 10,
            head_fields: 100,
            drain_time: Duration::from_secs(20),
            strict_transport_security: false,
        }
    }
}

/// Puts the whole stack around a router with all its routes; what is added to the router later is outside.
pub fn layers(router: Router, seams: &Seams, limits: &Limits) -> Router {
    let edge = Arc::new(Edge {
        seams: seams.clone(),
        gate: overload::Gate::new(limits.concurrency),
        limits: limits.clone(),
    });
    router.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(edge, around))
            .layer(DefaultBodyLimit::max(limits.body_bytes)),
    )
}

struct Edge {
    seams: Seams,
    gate: overload::Gate,
    limits: Limits,
}

async fn around(State(edge): State<Arc<Edge>>, mut request: Request, next: Next) -> Response {
    let id = request_id::identify(&edge.seams, &mut request);
    let tls = edge.limits.strict_transport_security || request.extensions().get::<Tls>().is_some();
    let deadline = deadline::Deadline::of(&mut request, edge.limits.request_time);
    request.extensions_mut().insert(BodyTime(edge.limits.body_time));
    request.extensions_mut().insert(BodyBytes(edge.limits.body_bytes));
    let (span, address) = (access_log::span_of(&request), request.uri().clone());
    let answer = async {
        let permit = edge.gate.admit(&request);
        let answered = match &permit {
            Ok(_) => deadline.enforce(panics::caught(next.run(request))).await,
            Err(overload::Full) => overload::Full::answer(),
        };
        completion::complete(answered, address.path(), &id)
    };
    let mut response = access_log::log(span, answer).await;
    security_headers::add(tls, response.headers_mut());
    id.tell(response.headers_mut());
    response
}

#[cfg(test)]
mod tests;
