//! One span and one line per request. Only the route's pattern is logged, never the address itself, its query
//! or a header: those can carry secrets.

use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument as _, Span, info, info_span};

use super::RequestId;

pub(super) async fn log(span: Span, started: Instant, answer: impl Future<Output = Response>) -> Response {
    let response = answer.instrument(span.clone()).await;
    span.in_scope(|| {
        info!(
            status = response.status().as_u16(),
            latency_ms = started.elapsed().as_secs_f64() * 1000.0,
            "answered"
        );
    });
    response
}

/// `tenant` and `caller` are for authentication to fill in.
pub(super) fn span_of(request: &Request, id: &RequestId) -> Span {
    info_span!(
        "request",
        request_id = id.as_str(),
        method = %request.method(),
        route = request.extensions().get().map_or("(none)", MatchedPath::as_str),
        tenant = Empty,
        caller = Empty,
    )
}
