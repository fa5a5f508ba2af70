//! What surrounds every route, outermost first: request id and log line, security headers, completion of
//! problems, load shedding, time limit, panics, body limits.
//!
//! Not here, because hyper answers it before a request exists (empty body, connection closed): a request line
//! that does not parse is 400, an address over 65,534 bytes 414, header fields over [`Limits::head_bytes`] or
//! [`Limits::head_fields`] 431; a head that does not arrive within [`Limits::head_time`] gets no answer.

use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Extension, Router};
use kernel::Seams;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

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
    router.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(seams.clone(), request_id::identify))
            .layer(from_fn(access_log::log))
            .layer(from_fn_with_state(
                limits.strict_transport_security,
                security_headers::add,
            ))
            .layer(from_fn(completion::complete))
            .layer(from_fn_with_state(
                overload::gate(limits.concurrency),
                overload::shed,
            ))
            .layer(from_fn_with_state(limits.request_time, deadline::enforce))
            .layer(CatchPanicLayer::custom(panics::answer))
            .layer(Extension(BodyTime(limits.body_time)))
            .layer(Extension(BodyBytes(limits.body_bytes)))
            .layer(DefaultBodyLimit::max(limits.body_bytes)),
    )
}

#[cfg(test)]
mod tests;
