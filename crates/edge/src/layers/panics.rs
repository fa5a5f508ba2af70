//! A panic in a handler is a defect of one request, not of the process.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::response::{IntoResponse, Response};

use futures_util::FutureExt;

use crate::problem::ProblemResponse;

/// The answer, or 500 where making it panics.
pub(super) async fn caught(answer: impl Future<Output = Response>) -> Response {
    // Whatever it held is dropped with it.
    AssertUnwindSafe(answer)
        .catch_unwind()
        .await
        .unwrap_or_else(self::answer)
}

fn answer(payload: Box<dyn Any + Send>) -> Response {
    let message = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload
            .downcast::<&'static str>()
            .map_or_else(|_| String::new(), |text| (*text).to_owned()),
    };
    ProblemResponse::internal(format!("panicked: {message}")).into_response()
}
