//! Answers to changes, in the form in which they can be kept and repeated.

use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use edge::{ETag, ProblemResponse};
use isolation::StoredAnswer;
use serde::Serialize;

/// The body of a change that takes none.
#[derive(Debug, Clone, Copy)]
pub struct NoBody;

/// A body that may be left out; then it is the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Optional<T>(pub T);

/// An answer to a change.
#[derive(Debug)]
pub struct Answer(StoredAnswer);

impl Answer {
    /// 200 with the resource.
    pub fn ok(body: &impl Serialize) -> Result<Self, ProblemResponse> {
        Self::json(StatusCode::OK, body)
    }

    /// 201 with the resource and where it is.
    pub fn created(location: String, body: &impl Serialize) -> Result<Self, ProblemResponse> {
        let mut answer = Self::json(StatusCode::CREATED, body)?;
        answer.0.location = Some(location);
        Ok(answer)
    }

    /// 202 with what was taken.
    pub fn taken(body: &impl Serialize) -> Result<Self, ProblemResponse> {
        Self::json(StatusCode::ACCEPTED, body)
    }

    /// 202 with where to look.
    pub fn accepted(location: String, body: &impl Serialize) -> Result<Self, ProblemResponse> {
        let mut answer = Self::json(StatusCode::ACCEPTED, body)?;
        answer.0.location = Some(location);
        Ok(answer)
    }

    /// 204.
    pub fn no_content() -> Self {
        let status = StatusCode::NO_CONTENT.as_u16();
        Self(StoredAnswer {
            status,
            location: None,
            etag: None,
            body: String::new(),
        })
    }

    /// The same answer with the resource's version.
    #[must_use]
    pub fn version(mut self, version: i64) -> Self {
        self.0.etag = Some(ETag::version(version).to_string());
        self
    }

    fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, ProblemResponse> {
        let body = serde_json::to_string(body).map_err(ProblemResponse::internal)?;
        Ok(Self(StoredAnswer {
            status: status.as_u16(),
            location: None,
            etag: None,
            body,
        }))
    }

    pub(crate) fn stored(&self) -> &StoredAnswer {
        &self.0
    }
}

impl From<StoredAnswer> for Answer {
    fn from(stored: StoredAnswer) -> Self {
        Self(stored)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if self.0.body.is_empty() {
            return status.into_response();
        }
        let mut response = (status, self.0.body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in [
            (LOCATION, self.0.location),
            (axum::http::header::ETAG, self.0.etag),
        ] {
            if let Some(value) = value.and_then(|text| HeaderValue::try_from(text).ok()) {
                headers.insert(name, value);
            }
        }
        response
    }
}
