//! Refusals as RFC 9457 `application/problem+json`.
//!
//! A handler returns a [`Problem`]; the completion layer adds what only the edge knows (the address and the
//! request id) and logs the cause of an internal error. A cause never reaches the caller.

use std::error::Error;
use std::sync::Arc;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use kernel::{Code, Problem};
use serde_json::{Map, Value};

mod body;

pub use body::ProblemBody;

/// The media type of every refusal.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What a handler answers when it refuses: `?` turns a [`Problem`] or a [`Code`] into it.
#[derive(Debug)]
pub struct ProblemResponse {
    problem: Problem,
    members: Members,
    headers: Option<Box<HeaderMap>>,
    cause: Option<Cause>,
}

type Cause = Arc<dyn Error + Send + Sync>;

/// What a problem says beyond the members that every one has (RFC 9457 §3.2).
type Members = Option<Box<Map<String, Value>>>;

impl ProblemResponse {
    /// A defect or an outage on our side: the cause goes to the log with the request id, the caller gets a bare
    /// 500 `internal`.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::caused(Code::Internal, cause)
    }

    /// Like [`Self::internal`] with another code, e.g. `unavailable` while the database is away.
    pub fn caused(code: Code, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            problem: code.into(),
            members: None,
            headers: None,
            cause: Some(Arc::from(cause.into())),
        }
    }

    /// The same refusal with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.get_or_insert_default().insert(name, value.into());
        self
    }

    /// The same refusal with one more member, which its code's page tells of.
    #[must_use]
    pub fn with_member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members
            .get_or_insert_default()
            .insert(name.to_owned(), value.into());
        self
    }

    /// The same refusal with `Retry-After` in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with_header(RETRY_AFTER, seconds)
    }

    /// What is refused.
    pub const fn problem(&self) -> &Problem {
        &self.problem
    }
}

impl From<Problem> for ProblemResponse {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            members: None,
            headers: None,
            cause: None,
        }
    }
}

impl From<Code> for ProblemResponse {
    fn from(code: Code) -> Self {
        Problem::from(code).into()
    }
}

/// A refusal on its way out, kept beside its first rendering until the completion layer renders it anew.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) problem: Problem,
    pub(crate) members: Members,
    pub(crate) cause: Option<Cause>,
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let mut response = render(&self.problem, self.members.as_deref(), "", "");
        response.headers_mut().extend(standard_headers(self.problem.code));
        if let Some(headers) = self.headers {
            // Replaces, where `HeaderMap::extend` with names absent after the first would append.
            for (name, value) in headers.iter() {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response.extensions_mut().insert(Pending {
            problem: self.problem,
            members: self.members,
            cause: self.cause,
        });
        response
    }
}

/// The answer as it goes out: status, media type, body.
pub(crate) fn render(
    problem: &Problem,
    members: Option<&Map<String, Value>>,
    instance: &str,
    request_id: &str,
) -> Response {
    let status = StatusCode::from_u16(problem.code.status()).expect("every code's status is a status");
    let mut body = ProblemBody::new(problem, instance, request_id);
    body.members.clone_from(members.unwrap_or(&Map::new()));
    let body = body.to_json();
    (status, [(CONTENT_TYPE, MEDIA_TYPE)], body).into_response()
}

/// The headers that belong to a code by its standard (RFC 9110 §11.6.1, §10.2.3).
fn standard_headers(code: Code) -> Option<(HeaderName, HeaderValue)> {
    match code {
        Code::Unauthenticated => Some((
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"tenantry\""),
        )),
        Code::Overloaded => Some((RETRY_AFTER, HeaderValue::from_static("1"))),
        Code::Unavailable => Some((RETRY_AFTER, HeaderValue::from_static("5"))),
        _ => None,
    }
}

/// The code that stands for a bare status which some library answered.
pub(crate) fn code_of(status: StatusCode) -> Code {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Code::TooManyRequests,
        other => Code::ALL
            .iter()
            .copied()
            .find(|code| code.status() == other.as_u16())
            .unwrap_or(if other.is_server_error() {
                Code::Internal
            } else {
                Code::MalformedRequest
            }),
    }
}
