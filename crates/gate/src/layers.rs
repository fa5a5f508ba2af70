//! The one layer around every route. Each layer of its own would be boxed, copied and moved anew with every request, so
//! what is asked of every request is called here, from the outside to the inside:
//!
//! - it is counted ([`metered`](crate::metered));
//! - it gets its name, its end, and what every answer has ([`edge::Edge`]);
//! - the door: which pages may read its answer, whether its address comes too fast, who may come to the operators' routes
//!   from where, and where a given-up slug leads;
//! - it says nothing that its operation does not know ([`DeclaredQueries`]).

use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use edge::openapi::DeclaredQueries;
use edge::{Edge, Limits};
use tower::ServiceBuilder;
use utoipa::openapi::OpenApi;

use crate::state::AppState;
use crate::{admission, allow_list, cors, metered, moved_slug};

struct Way {
    state: AppState,
    edge: Edge,
    declared: DeclaredQueries,
}

/// Puts the layer around a router with all its routes and their document.
pub fn layers(routes: Router, state: &AppState, document: &OpenApi, limits: &Limits) -> Router {
    let edge = Edge::new(state.databases.seams(), limits);
    let body_limit = edge.body_limit();
    let way = Arc::new(Way {
        state: state.clone(),
        declared: DeclaredQueries::of(document),
        edge,
    });
    routes.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(way, pass))
            .layer(body_limit),
    )
}

async fn pass(State(way): State<Arc<Way>>, mut request: Request, next: Next) -> Response {
    let received = way.edge.receive(&mut request);
    let visit = metered::arrives(&way.state, received.started(), &mut request);
    // By reference: whatever is around it would hold a copy of it.
    let work = pin!(door(&way, request, next));
    let response = way.edge.answer(received, work).await;
    metered::leaves(visit, &way.state, response)
}

async fn door(way: &Way, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let sharing = match cors::arrive(&mut parts, &way.state).await {
        Ok(sharing) => sharing,
        Err(preflight) => return preflight,
    };
    let response = match turned_away(&parts, way).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(answer) => answer,
    };
    cors::leave(sharing, response)
}

async fn turned_away(parts: &Parts, way: &Way) -> Result<(), Response> {
    let Way { state, declared, .. } = way;
    admission::pace_address(parts, state)
        .await
        .map_err(IntoResponse::into_response)?;
    allow_list::confine_operators(parts, state)
        .await
        .map_err(IntoResponse::into_response)?;
    moved_slug::redirect(parts, state).await?;
    declared.check(parts).map_err(IntoResponse::into_response)
}

#[cfg(test)]
mod tests {
    use axum::extract::FromRequestParts;

    use super::*;
    use crate::TenantCaller;

    fn size_of_layer<Fut>(_: impl Fn(State<Arc<Way>>, Request, Next) -> Fut) -> usize {
        size_of::<Fut>()
    }

    fn size_of_recognition<'a, Fut>(_: impl Fn(&'a mut Parts, &'a AppState) -> Fut) -> usize {
        size_of::<Fut>()
    }

    /// Every request's futures are allocated and moved. What is asked for seldom, such as whatever needs the database,
    /// is boxed inside of them.
    #[test]
    fn the_path_of_every_request_is_small() {
        let sizes = [
            size_of_layer(pass),
            size_of_recognition(<TenantCaller as FromRequestParts<AppState>>::from_request_parts),
        ];
        assert!(sizes[0] < 3000 && sizes[1] < 1500, "{sizes:?}");
    }
}
