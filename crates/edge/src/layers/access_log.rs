//! One span and one line per request. Only the route's pattern is logged, never the address itself, its query
//! or a header: those can carry secrets.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info, info_span};

use super::RequestId;

pub(super) async fn log(span: Span, answer: impl Future<Output = Response>) -> Response {
    let started = Instant::now();
    let response = answer.instrument(span.clone()).await;
    let latency_ms = started.elapsed().as_secs_f64() * 1000.0;
    span.in_scope(|| info!(status = response.status().as_u16(), latency_ms, "answered"));
    response
}

/// `tenant` and `caller` are for authentication to fill in.
pub(super) fn span_of(request: &Request) -> Span {
    let extensions = request.extensions();
    info_span!(
        "request",
        request_id = extensions.get().map_or("", RequestId::as_str),
        method = %request.method(),
        route = extensions.get().map_or("(none)", MatchedPath::as_str),
        tenant = Empty,
        caller = Empty,
    )
}
