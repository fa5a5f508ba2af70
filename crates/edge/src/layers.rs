//! What surrounds every route, outermost first: request id and log line, security headers, completion of
//! problems, load shedding, time limit, panics, body limits. It is one layer, because every request passes through it
//! and each layer of its own would box the ones inside of it anew.
//!
//! Not here, because hyper answers it before a request exists (empty body, connection closed): a request line
//! that does not parse is 400, an address over 65,534 bytes 414, header fields over [`Limits::head_bytes`] or
//! [`Limits::head_fields`] 431; a head that does not arrive within [`Limits::head_time`] gets no answer.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::Uri;
use axum::response::Response;
use kernel::Seams;
use tokio::time::Instant;
use tracing::Span;

mod access_log;
mod completion;
mod deadline;
mod overload;
mod panics;
mod request_id;
mod security_headers;

use deadline::Deadline;
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

/// What surrounds every route. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Edge(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seams: Seams,
    gate: overload::Gate,
    limits: Limits,
}

/// What holds for one request, beside it: one extension instead of many.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) id: RequestId,
    pub(crate) deadline: Deadline,
    pub(crate) body_bytes: usize,
    pub(crate) body_time: Duration,
}

/// A request that has come in, until it is answered.
#[derive(Debug)]
pub struct Received {
    id: RequestId,
    deadline: Deadline,
    started: Instant,
    span: Span,
    address: Uri,
    tls: bool,
}

impl Received {
    /// When it came.
    pub fn started(&self) -> std::time::Instant {
        self.started.into_std()
    }
}

impl Edge {
    /// One for all routes: requests that are worked on at once are counted here.
    pub fn new(seams: &Seams, limits: &Limits) -> Self {
        Self(Arc::new(Inner {
            seams: seams.clone(),
            gate: overload::Gate::new(limits.concurrency),
            limits: limits.clone(),
        }))
    }

    /// Before anything else: names the request and lays beside it what holds for it.
    pub fn receive(&self, request: &mut Request) -> Received {
        let Inner { seams, limits, .. } = &*self.0;
        let started = Instant::now();
        let terms = Terms {
            id: RequestId::of(seams, request.headers()),
            deadline: Deadline::at(started + limits.request_time),
            body_bytes: limits.body_bytes,
            body_time: limits.body_time,
        };
        let received = Received {
            id: terms.id.clone(),
            deadline: terms.deadline.clone(),
            started,
            span: access_log::span_of(request, &terms.id),
            address: request.uri().clone(),
            tls: limits.strict_transport_security || request.extensions().get::<Tls>().is_some(),
        };
        request.extensions_mut().insert(terms);
        received
    }

    /// The answer as it leaves, whatever becomes of the work on it.
    pub async fn answer(&self, received: Received, work: impl Future<Output = Response>) -> Response {
        let Received {
            id,
            deadline,
            started,
            span,
            address,
            tls,
        } = received;
        // By reference from one to the next: each would hold a copy of what it is around.
        let answer = pin!(async {
            let permit = self.0.gate.admit(address.path());
            let answered = match &permit {
                Ok(_) => deadline.enforce(pin!(panics::caught(work))).await,
                Err(overload::Full) => overload::Full::answer(),
            };
            completion::complete(answered, address.path(), &id)
        });
        let mut response = access_log::log(span, started, answer).await;
        security_headers::add(tls, response.headers_mut());
        id.tell(response.headers_mut());
        response
    }

    /// What axum's own extractors of bodies are held to; it belongs directly inside of what calls this.
    pub fn body_limit(&self) -> DefaultBodyLimit {
        DefaultBodyLimit::max(self.0.limits.body_bytes)
    }
}

#[cfg(test)]
pub(crate) mod alone;
#[cfg(test)]
mod tests;
