//! Reading a resource of which the caller may have this version already.

use std::convert::Infallible;

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use edge::etag::not_modified;
use edge::{ETag, Json};
use serde::Serialize;
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// The resource with its version; 304 for a caller who has it.
pub(crate) fn shown(known: &IfNoneMatch, version: i64, resource: impl Serialize) -> Response {
    let tag = ETag::version(version);
    if known.has(&tag) {
        (StatusCode::NOT_MODIFIED, tag, ()).into_response()
    } else {
        (tag, Json(resource)).into_response()
    }
}

/// The same for a resource that is kept as JSON.
pub(crate) fn shown_as_kept(known: &IfNoneMatch, version: i64, json: impl FnOnce() -> Bytes) -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let tag = ETag::version(version);
    if known.has(&tag) {
        (StatusCode::NOT_MODIFIED, tag, ()).into_response()
    } else {
        let mut answer = Response::new(json().into());
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(ETAG, HeaderValue::from(&tag));
        answer
    }
}

/// The header `If-None-Match` of a reading: what the caller has, and the header in the document.
pub(crate) struct IfNoneMatch(HeaderMap);

impl IfNoneMatch {
    fn has(&self, tag: &ETag) -> bool {
        not_modified(&self.0, tag)
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let given = parts.headers.get_all(IF_NONE_MATCH).iter();
        Ok(Self(given.map(|value| (IF_NONE_MATCH, value.clone())).collect()))
    }
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let means = "The `ETag` that the caller has; while it is the present one the answer is 304.";
        if_none_match(means, "\"v7\"")
    }
}

/// The header `If-None-Match` of a change, for the document.
pub(crate) struct OnlyIfAbsent;

impl IntoParams for OnlyIfAbsent {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        if_none_match("`*` creates, and replaces nothing; otherwise 412.", "*")
    }
}

fn if_none_match(means: &str, example: &str) -> Vec<Parameter> {
    let schema = ObjectBuilder::new().schema_type(Type::String).examples([example]);
    let header = ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(means))
        .schema(Some(schema));
    vec![header.build()]
}
