//! Reading a resource of which the caller may have this version already.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
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
pub(crate) fn shown(headers: &HeaderMap, version: i64, resource: impl Serialize) -> Response {
    let tag = ETag::version(version);
    if not_modified(headers, &tag) {
        (StatusCode::NOT_MODIFIED, tag, ()).into_response()
    } else {
        (tag, Json(resource)).into_response()
    }
}

/// The same for a resource that is kept as JSON.
pub(crate) fn shown_as_kept(headers: &HeaderMap, version: i64, json: Bytes) -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let tag = ETag::version(version);
    if not_modified(headers, &tag) {
        (StatusCode::NOT_MODIFIED, tag, ()).into_response()
    } else {
        (tag, [(CONTENT_TYPE, JSON)], json).into_response()
    }
}

/// The header `If-None-Match` of a reading, for the document.
pub(crate) struct IfNoneMatch;

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
