//! Request bodies: how large they may be, how long they may take to arrive, and what a failing one is answered.
//!
//! A body goes whole into memory through [`read`] or in pieces through [`stream`]; both hold the route's limits.

use std::error::Error;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kernel::{Code, Problem};
use tower_http::timeout::{TimeoutBody, TimeoutError};

use crate::layers::Terms;

/// The most bytes that this route takes, where it takes other bodies than the rest.
#[derive(Debug, Clone, Copy)]
pub struct BodyBytes(usize);

/// Without a limit from outside (a router in a test, say).
const DEFAULT: InForce = InForce {
    bytes: 1 << 20,
    time: Duration::from_secs(15),
};

/// A layer that sets another limit for the routes it is put on, e.g. for uploads. It binds axum's own
/// extractors (`Bytes`, `Multipart`) too.
pub fn body_limit(bytes: usize) -> (Extension<BodyBytes>, DefaultBodyLimit) {
    (Extension(BodyBytes(bytes)), DefaultBodyLimit::max(bytes))
}

/// The whole body in memory, or `payload_too_large` (413), `request_timeout` (408), `malformed_request` (400).
pub async fn read(request: Request) -> Result<(Parts, Bytes), Problem> {
    let (parts, body, limits) = limited(request)?;
    match tokio::time::timeout(limits.time, body.collect()).await {
        Ok(Ok(collected)) => Ok((parts, collected.to_bytes())),
        Ok(Err(error)) => Err(failure(error.as_ref(), limits.bytes)),
        Err(_) => Err(Code::RequestTimeout.into()),
    }
}

/// The body as it arrives; an error in it is explained by [`read_error`].
pub fn stream(request: Request) -> Result<(Parts, Body), Problem> {
    let (parts, body, limits) = limited(request)?;
    Ok((parts, Body::new(TimeoutBody::new(limits.time, Box::pin(body)))))
}

/// What a caller is told when the stream of his body fails.
pub fn read_error(error: &(dyn Error + 'static)) -> Problem {
    failure_in(error).unwrap_or_else(cut_off)
}

/// The limits of one request.
#[derive(Debug, Clone, Copy)]
struct InForce {
    bytes: usize,
    /// How long a whole JSON body may take, and a streamed one from piece to piece.
    time: Duration,
}

impl InForce {
    fn of(parts: &Parts) -> Self {
        let common = parts.extensions.get().map_or(DEFAULT, |terms: &Terms| Self {
            bytes: terms.body_bytes,
            time: terms.body_time,
        });
        match parts.extensions.get() {
            Some(BodyBytes(bytes)) => Self {
                bytes: *bytes,
                ..common
            },
            None => common,
        }
    }
}

fn limited(request: Request) -> Result<(Parts, Limited<Body>, InForce), Problem> {
    let (parts, body) = request.into_parts();
    let limits = InForce::of(&parts);
    if announced_length(&parts.headers).is_some_and(|length| length > limits.bytes as u64) {
        return Err(too_large(limits.bytes)); // before a byte of it is read
    }
    Ok((parts, Limited::new(body, limits.bytes), limits))
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn failure(error: &(dyn Error + 'static), bytes: usize) -> Problem {
    match failure_in(error) {
        Some(problem) if problem.code == Code::PayloadTooLarge => too_large(bytes),
        Some(problem) => problem,
        None => cut_off(),
    }
}

fn failure_in(error: &(dyn Error + 'static)) -> Option<Problem> {
    std::iter::successors(Some(error), |error| (*error).source()).find_map(|error| {
        if error.is::<LengthLimitError>() {
            Some(Code::PayloadTooLarge.into())
        } else if error.is::<TimeoutError>() {
            Some(Code::RequestTimeout.into())
        } else {
            None
        }
    })
}

fn too_large(bytes: usize) -> Problem {
    Problem::new(
        Code::PayloadTooLarge,
        format!("The body may have at most {bytes} bytes."),
    )
}

fn cut_off() -> Problem {
    Problem::new(Code::MalformedRequest, "The body ended before it was complete.")
}
