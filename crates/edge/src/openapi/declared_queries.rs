//! Query strings held to the document: a parameter that an operation does not declare is refused also where the
//! handler reads none, so that nothing is silently ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

use super::operations;
use crate::problem::ProblemResponse;
use crate::query::{names, unknown_parameters};

/// What each operation declares, by its path and method.
type Declared = BTreeMap<String, BTreeMap<&'static str, BTreeSet<String>>>;

/// Puts the check around every route of the document; routes that it does not have are not checked. It belongs
/// inside [`crate::layers()`].
pub fn refuse_undeclared_queries(router: Router, document: &OpenApi) -> Router {
    router.layer(from_fn_with_state(Arc::new(declared(document)), check))
}

fn declared(document: &OpenApi) -> Declared {
    let paths = document.paths.paths.clone();
    let of_path = |(path, mut item)| {
        let methods = operations(&mut item).map(|(method, operation)| (method, parameters(operation)));
        (path, methods.collect())
    };
    paths.into_iter().map(of_path).collect()
}

fn parameters(operation: &Operation) -> BTreeSet<String> {
    let inline = operation
        .parameters
        .iter()
        .flatten()
        .filter_map(|parameter| match parameter {
            RefOr::T(inline) if inline.parameter_in == ParameterIn::Query => Some(inline.name.clone()),
            _ => None,
        });
    inline.collect()
}

async fn check(State(declared): State<Arc<Declared>>, request: Request, next: Next) -> Response {
    match undeclared(&declared, &request) {
        Some(unknown) if !unknown.is_empty() => {
            ProblemResponse::from(unknown_parameters(unknown)).into_response()
        }
        _ => next.run(request).await,
    }
}

fn undeclared(declared: &Declared, request: &Request) -> Option<BTreeSet<String>> {
    let query = request.uri().query()?;
    let methods = declared.get(request.extensions().get::<MatchedPath>()?.as_str())?;
    let method = if request.method() == Method::HEAD {
        "GET"
    } else {
        request.method().as_str()
    };
    let known = methods.get(method)?;
    Some(names(query).filter(|name| !known.contains(name)).collect())
}
