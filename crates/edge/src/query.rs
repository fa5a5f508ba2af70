//! Strict query strings: a parameter that is unknown, given twice or not readable is refused, each by its name.
//!
//! Parameter structs derive `Deserialize` (camelCase) without `#[serde(flatten)]`, which would hide from serde
//! which parameters are known.

use std::collections::HashSet;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use kernel::{Code, FieldError, Problem};
use serde::de::DeserializeOwned;

use crate::problem::ProblemResponse;
use crate::serde_errors::field_error;

/// The parameters of the query string.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ProblemResponse;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ProblemResponse> {
        Ok(Self(parse_query(parts.uri.query().unwrap_or_default())?))
    }
}

/// Reads a query string.
pub fn parse_query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    refuse_repeated_and_nul(query)?;
    let mut unknown = Vec::new();
    let source = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(source, &mut track);
    let value = serde_ignored::deserialize(tracked, |path| unknown.push(path.to_string()))
        .map_err(|error| refused(&track.path(), &error.to_string()))?;
    if unknown.is_empty() {
        Ok(value)
    } else {
        Err(unknown_parameters(unknown))
    }
}

/// The names in a query string, decoded.
pub(crate) fn names(query: &str) -> impl Iterator<Item = String> {
    form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name.into_owned())
}

/// The refusal of parameters that the operation does not have.
pub(crate) fn unknown_parameters(names: impl IntoIterator<Item = String>) -> Problem {
    let error = |name: String| FieldError::new(format!("?{name}"), "is not a known parameter");
    invalid(names.into_iter().map(error).collect())
}

fn refuse_repeated_and_nul(query: &str) -> Result<(), Problem> {
    let mut seen = HashSet::new();
    let mut errors = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name.contains('\0') || value.contains('\0') {
            errors.push(FieldError::new(
                format!("?{name}"),
                "must not contain the character U+0000",
            ));
        }
        if !seen.insert(name.clone()) {
            errors.push(FieldError::new(format!("?{name}"), "is given more than once"));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(invalid(errors))
    }
}

fn refused(path: &serde_path_to_error::Path, message: &str) -> Problem {
    let mut error = field_error(path, message);
    error.pointer = format!("?{}", error.pointer.trim_start_matches('/'));
    if error.detail == "is not a known field" {
        "is not a known parameter".clone_into(&mut error.detail);
    }
    invalid(vec![error])
}

fn invalid(errors: Vec<FieldError>) -> Problem {
    Problem {
        code: Code::InvalidParameter,
        detail: String::new(),
        errors,
    }
}

#[cfg(test)]
mod tests;
