//! These layers without anybody else's, as the tests of this crate put them.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use kernel::Seams;
use tower::ServiceBuilder;

use super::{Edge, Limits};

/// Around all routes of a router.
pub(crate) fn layers(router: Router, seams: &Seams, limits: &Limits) -> Router {
    let edge = Edge::new(seams, limits);
    let body_limit = edge.body_limit();
    router.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(edge, alone))
            .layer(body_limit),
    )
}

async fn alone(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let received = edge.receive(&mut request);
    edge.answer(received, next.run(request)).await
}
