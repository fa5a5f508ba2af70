//! What is decided about a request before its route sees it, in one layer: which pages may read its answer, whether its
//! address comes too fast, who may come to the operators' routes from where, and where a given-up slug leads.

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::state::AppState;
use crate::{admission, allow_list, cors, moved_slug};

/// Decides, and passes on what may pass. It belongs inside the edge's layers, around every route.
pub async fn door(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let sharing = match cors::arrive(&mut parts, &state).await {
        Ok(sharing) => sharing,
        Err(preflight) => return preflight,
    };
    let response = match turned_away(&parts, &state).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(answer) => answer,
    };
    cors::leave(sharing, response)
}

async fn turned_away(parts: &Parts, state: &AppState) -> Result<(), Response> {
    admission::pace_address(parts, state)
        .await
        .map_err(IntoResponse::into_response)?;
    allow_list::confine_operators(parts, state)
        .await
        .map_err(IntoResponse::into_response)?;
    moved_slug::redirect(parts, state).await
}

#[cfg(test)]
mod tests {
    use axum::extract::FromRequestParts;

    use super::*;
    use crate::TenantCaller;

    fn size_of_door<Fut>(_: impl Fn(State<AppState>, Request, Next) -> Fut) -> usize {
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
            size_of_door(door),
            size_of_door(crate::meter),
            size_of_recognition(<TenantCaller as FromRequestParts<AppState>>::from_request_parts),
        ];
        assert!(sizes.iter().all(|size| *size < 1500), "{sizes:?}");
    }
}
