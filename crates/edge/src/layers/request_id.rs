//! Every request has an id: the caller's own where it is harmless, else a fresh one. It is echoed, logged, and
//! part of every problem.

use std::fmt::{self, Write};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use kernel::{Entity, Id, Seams};

use super::Terms;
use crate::problem::ProblemResponse;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names one request; also an extractor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

/// Marker for fresh ids: `req_…`.
enum Fresh {}
impl Entity for Fresh {
    const PREFIX: &'static str = "req";
}

impl RequestId {
    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Echoes it.
    /// The id of a request that has come in through the edge.
    pub fn beside(parts: &Parts) -> Option<&Self> {
        Some(&parts.extensions.get::<Terms>()?.id)
    }

    /// The caller's own where it is harmless, else a fresh one.
    pub(super) fn of(seams: &Seams, headers: &HeaderMap) -> Self {
        Self::given(headers).unwrap_or_else(|| Self::fresh(seams))
    }

    pub(super) fn tell(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(self.as_str()) {
            headers.insert(X_REQUEST_ID, value);
        }
    }

    fn fresh(seams: &Seams) -> Self {
        let id: Id<Fresh> = seams.new_id();
        // With room for all of it at once: this is done for every request.
        let mut text = String::with_capacity(32);
        let _ = write!(text, "{id}");
        Self(text.into())
    }

    /// The caller's, if it is given once and cannot be mistaken for anything else in a log.
    fn given(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(X_REQUEST_ID).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        let text = value.to_str().ok()?;
        ((1..=64).contains(&text.len()) && text.as_bytes().iter().all(harmless)).then(|| Self(text.into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = ProblemResponse;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ProblemResponse> {
        let id = Self::beside(parts).cloned();
        id.ok_or_else(|| ProblemResponse::internal("the route is outside the edge's layers"))
    }
}
