//! A file inside a form (RFC 7578): one file, and what it is called. Anything else is refused.

use std::error::Error;

use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use edge::ProblemResponse;
use kernel::{Code, FieldError, Problem};
use workspace::files::{FileName, StoredFile};

use super::paced::{Allowance, Paced, TooMuchBesides};
use super::upload::{Destination, parse_name};

/// Bytes that a text field may have.
const LONGEST_TEXT: usize = 4096;

/// Whether the body is a form.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let declared = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("multipart/form-data")
}

/// Stores the form's file. What is given as its name counts more than what the form says, and the form's `name` more
/// than what the file's own part says.
pub(super) async fn receive(
    destination: &Destination<'_>,
    headers: &HeaderMap,
    body: Body,
    given: Option<FileName>,
) -> Result<StoredFile, ProblemResponse> {
    let (mut form, allowance) = open(headers, body).await?;
    let (mut stored, mut name) = (None, given);
    while let Some(mut field) = form.next_field().await.map_err(|error| broken_off(&error))? {
        if is_file(&field) && stored.is_none() {
            allowance.file_begins();
            stored = Some(store(destination, field).await?);
            allowance.file_ended();
        } else if field.name() == Some("name") {
            let text = short_text(&mut field).await?;
            name.get_or_insert(parse_name(&text)?);
        } else {
            return Err(unknown(&field).into());
        }
    }
    let missing = || Problem::invalid(vec![FieldError::new("/file", "is required")]);
    let mut stored: StoredFile = stored.ok_or_else(missing)?;
    if let Some(name) = name {
        stored.name = name;
    }
    Ok(stored)
}

async fn open(headers: &HeaderMap, body: Body) -> Result<(Multipart, Allowance), Problem> {
    let (paced, allowance) = Paced::new(body.into_data_stream());
    let mut request = Request::new(Body::from_stream(paced));
    if let Some(content_type) = headers.get(CONTENT_TYPE) {
        request.headers_mut().insert(CONTENT_TYPE, content_type.clone());
    }
    DefaultBodyLimit::disable().apply(&mut request); // the body has its limit already
    let form = Multipart::from_request(request, &()).await;
    let form = form.map_err(|_| {
        Problem::new(
            Code::MalformedRequest,
            "The form's `Content-Type` has no boundary.",
        )
    });
    Ok((form?, allowance))
}

fn is_file(field: &Field<'_>) -> bool {
    field.file_name().is_some() || field.name() == Some("file")
}

async fn store(destination: &Destination<'_>, field: Field<'_>) -> Result<StoredFile, ProblemResponse> {
    let own = field.file_name().map(parse_name).transpose()?;
    let declared = field.content_type().map(str::to_owned);
    destination.store(own, declared.as_deref(), field).await
}

fn unknown(field: &Field<'_>) -> Problem {
    let pointer = format!(
        "/{}",
        field
            .name()
            .unwrap_or_default()
            .replace('~', "~0")
            .replace('/', "~1")
    );
    let detail = "is not a known field, or is a second file";
    Problem::invalid(vec![FieldError::new(pointer, detail)])
}

async fn short_text(field: &mut Field<'_>) -> Result<String, ProblemResponse> {
    let mut text = Vec::new();
    while let Some(piece) = field
        .chunk()
        .await
        .map_err(|error: MultipartError| broken_off(&error))?
    {
        text.extend_from_slice(&piece);
        if text.len() > LONGEST_TEXT {
            return Err(Problem::invalid(vec![FieldError::new("/name", "is too long")]).into());
        }
    }
    let wrong = |_| Problem::invalid(vec![FieldError::new("/name", "must be UTF-8")]);
    Ok(String::from_utf8(text).map_err(wrong)?)
}

/// What a caller is told when his body fails.
pub(super) fn broken_off(error: &(dyn Error + 'static)) -> Problem {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    for cause in chain {
        if let Some(much) = cause.downcast_ref::<TooMuchBesides>() {
            return Problem::new(Code::PayloadTooLarge, crate::refusals::sentence(much));
        }
    }
    let problem = edge::body::read_error(error);
    if problem.code == Code::MalformedRequest && error.is::<MultipartError>() {
        let detail = "The form is not well formed, or ended before it was complete.";
        return Problem::new(Code::MalformedRequest, detail);
    }
    problem
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    async fn read(form: &'static [u8]) -> Problem {
        let mut headers = HeaderMap::new();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("multipart/form-data; boundary=b"),
        );
        let (mut form, _) = open(&headers, Body::from(form)).await.expect("it has a boundary");
        match form.next_field().await {
            Ok(_) => panic!("the form is not well formed"),
            Err(error) => broken_off(&error),
        }
    }

    #[tokio::test]
    async fn says_what_is_wrong_with_a_form() {
        for form in [
            &b"--b\r\nContent-Disposition: form-data; name=\"a\x04\"\r\n\r\nx\r\n--b--\r\n"[..],
            &b"--b\r\nContent-Disposition: form"[..],
        ] {
            let problem = read(form).await;
            assert_eq!(problem.code, Code::MalformedRequest);
            assert!(
                problem.detail.starts_with("The form is not well formed"),
                "{}",
                problem.detail
            );
        }
    }
}
