//! A file's bytes on their way out.
//!
//! What somebody stored must never run in the page of whoever looks at it: only types that cannot carry a script are
//! shown inline, the type is not guessed, and whatever is shown is in a sandbox of its own.

use std::ops::Range;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_RANGE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use edge::etag::not_modified;
use edge::{ETag, ProblemResponse};
use futures_util::TryStreamExt;
use gate::{AppState, TenantCaller, forbidden};
use kernel::{Code, Problem};
use workspace::files::{self, ContentError, File};

use super::disposition;
use super::range::{Requested, requested};

const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");
/// Browsers refuse to open their viewer for it in a sandbox.
const NEEDS_A_VIEWER: &str = "application/pdf";

/// The whole content or the part that is asked for.
pub(super) async fn answer(
    state: &AppState,
    caller: &TenantCaller,
    method: &Method,
    headers: &HeaderMap,
    file: &File,
) -> Result<Response, ProblemResponse> {
    let tag = ETag::opaque(&*file.sha256).expect("hexadecimal digits are tag characters");
    let described = description(file, &tag);
    if not_modified(headers, &tag) {
        let kept = [CACHE_CONTROL, ETAG].map(|name| (name.clone(), described[name].clone()));
        return Ok((StatusCode::NOT_MODIFIED, kept).into_response());
    }
    let size = u64::try_from(file.size).unwrap_or_default();
    let (status, part) = match part(method, headers, &tag, size) {
        Requested::Whole => (StatusCode::OK, 0..size),
        Requested::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Requested::Outside => return Err(outside(size)),
    };
    let body = if *method == Method::HEAD {
        Body::empty()
    } else {
        bytes(state, caller, file, status, &part).await?
    };
    Ok((status, described, extent(status, &part, size), body).into_response())
}

/// What is asked for. `Range` means something for GET only (RFC 9110 §14.2), and only while `If-Range` holds (§13.1.5).
fn part(method: &Method, headers: &HeaderMap, tag: &ETag, size: u64) -> Requested {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let meant = text(IF_RANGE).is_none_or(|condition| condition.trim() == tag.to_string());
    match text(RANGE).filter(|_| meant && *method == Method::GET) {
        Some(range) => requested(range, size),
        None => Requested::Whole,
    }
}

/// The headers of every answer with this content.
fn description(file: &File, tag: &ETag) -> HeaderMap {
    let inline = files::is_inline_safe(&file.content_type) && file.content_type != NEEDS_A_VIEWER;
    let unknown = HeaderValue::from_static("application/octet-stream");
    HeaderMap::from_iter([
        (
            CONTENT_TYPE,
            HeaderValue::try_from(&file.content_type).unwrap_or(unknown),
        ),
        (CONTENT_DISPOSITION, disposition::header(inline, &file.name)),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (ETAG, HeaderValue::from(tag)),
    ])
}

/// How much comes, and of a part from where.
fn extent(status: StatusCode, part: &Range<u64>, size: u64) -> HeaderMap {
    let mut headers = HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from(part.end - part.start))]);
    if status == StatusCode::PARTIAL_CONTENT {
        headers.insert(
            CONTENT_RANGE,
            range_header(&format!("{}-{}", part.start, part.end - 1), size),
        );
    }
    headers
}

fn range_header(part: &str, size: u64) -> HeaderValue {
    HeaderValue::try_from(format!("bytes {part}/{size}")).expect("digits and signs are visible ASCII")
}

fn outside(size: u64) -> ProblemResponse {
    ProblemResponse::from(Code::RangeNotSatisfiable).with_header(CONTENT_RANGE, range_header("*", size))
}

async fn bytes(
    state: &AppState,
    caller: &TenantCaller,
    file: &File,
    status: StatusCode,
    part: &Range<u64>,
) -> Result<Body, ProblemResponse> {
    let range = (status == StatusCode::PARTIAL_CONTENT).then(|| part.clone());
    let opened = files::download(&caller.ctx, &state.storage, file.id, range)
        .await
        .map_err(refused)?;
    let id = file.id;
    let stream = opened.into_stream();
    Ok(Body::from_stream(stream.inspect_err(
        move |error| tracing::error!(%id, %error, "a download broke off"),
    )))
}

/// How failures with the bytes of files become problems.
pub(super) fn refused(error: ContentError) -> ProblemResponse {
    match error {
        ContentError::TooLarge { limit } => Problem::new(
            Code::PayloadTooLarge,
            format!("A file may have at most {limit} bytes."),
        )
        .into(),
        ContentError::NotFound => Code::NotFound.into(),
        ContentError::RangeNotSatisfiable { size } => outside(size),
        ContentError::Forbidden(refused) => forbidden(&refused),
        ContentError::Storage(error) => ProblemResponse::caused(Code::Unavailable, error),
    }
}
