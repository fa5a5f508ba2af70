//! Completes problems with the address and the request id, logs their causes, and turns what axum or another
//! library refused in its own words into a problem: a router's 404 and 405, a rejected multipart body.

use std::error::Error;

use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::Response;

use super::RequestId;
use crate::problem::{Pending, code_of, render};

pub(super) fn complete(mut response: Response, path: &str, id: &RequestId) -> Response {
    let Some(pending) = response
        .extensions_mut()
        .remove()
        .or_else(|| in_other_words(&response))
    else {
        return response;
    };
    let id = id.as_str();
    if let Some(cause) = &pending.cause {
        tracing::error!(
            request_id = id,
            code = pending.problem.code.name(),
            cause = chain(cause.as_ref()),
            "failed"
        );
    }
    rendered_anew(response, &pending, path, id)
}

fn rendered_anew(mut response: Response, pending: &Pending, path: &str, id: &str) -> Response {
    let complete = render(&pending.problem, pending.members.as_deref(), path, id);
    let headers = response.headers_mut();
    headers.remove(CONTENT_LENGTH); // of the body that is replaced
    headers.extend(complete.headers().clone());
    *response.status_mut() = complete.status();
    *response.body_mut() = complete.into_body();
    response
}

/// An error that is not ours: without a body or with one in plain text, which nobody is shown because it may
/// tell of our insides. A handler that answers an error in HTML or JSON of its own means it.
fn in_other_words(response: &Response) -> Option<Pending> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return None;
    }
    let media_type = response.headers().get(CONTENT_TYPE);
    let plain = media_type.is_none_or(|value| value.as_bytes().starts_with(b"text/plain"));
    plain.then(|| Pending {
        problem: code_of(status).into(),
        members: None,
        cause: None,
    })
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let errors = std::iter::successors(Some(error), |error| (*error).source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
