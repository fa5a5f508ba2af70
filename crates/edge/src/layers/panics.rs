//! A panic in a handler is a defect of one request, not of the process.

use std::any::Any;

use axum::response::{IntoResponse, Response};

use crate::problem::ProblemResponse;

pub(super) fn answer(payload: Box<dyn Any + Send>) -> Response {
    let message = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload
            .downcast::<&'static str>()
            .map_or_else(|_| String::new(), |text| (*text).to_owned()),
    };
    ProblemResponse::internal(format!("panicked: {message}")).into_response()
}
