//! Query strings held to the document: a parameter that an operation does not declare is refused also where the
//! handler reads none, so that nothing is silently ignored.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::MatchedPath;
use axum::http::Method;
use axum::http::request::Parts;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

use super::operations;
use crate::problem::ProblemResponse;
use crate::query::{names, unknown_parameters};

/// What each operation declares, by its path and method.
#[derive(Debug)]
pub struct DeclaredQueries(BTreeMap<String, BTreeMap<&'static str, BTreeSet<String>>>);

impl DeclaredQueries {
    /// Those of this document.
    pub fn of(document: &OpenApi) -> Self {
        let paths = document.paths.paths.clone();
        let of_path = |(path, mut item)| {
            let methods = operations(&mut item).map(|(method, operation)| (method, parameters(operation)));
            (path, methods.collect())
        };
        Self(paths.into_iter().map(of_path).collect())
    }

    /// Refuses a request with parameters that its operation does not declare. One of a route that the document does not
    /// have is not held to anything.
    pub fn check(&self, parts: &Parts) -> Result<(), ProblemResponse> {
        match self.undeclared(parts) {
            Some(unknown) if !unknown.is_empty() => Err(unknown_parameters(unknown).into()),
            _ => Ok(()),
        }
    }

    fn undeclared(&self, parts: &Parts) -> Option<BTreeSet<String>> {
        let query = parts.uri.query()?;
        let methods = self.0.get(parts.extensions.get::<MatchedPath>()?.as_str())?;
        let method = match &parts.method {
            &Method::HEAD => "GET",
            other => other.as_str(),
        };
        let known = methods.get(method)?;
        Some(names(query).filter(|name| !known.contains(name)).collect())
    }
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
