//! Strict JSON: the media type is checked, unknown members are refused wherever they are, a wrong value is
//! named by its pointer, and what PostgreSQL text cannot hold (U+0000) does not come in.

use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use kernel::{Code, FieldError, Problem};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use crate::body;
use crate::problem::ProblemResponse;
use crate::serde_errors::{field_error, push};
use crate::validate::Validate;

mod integral;
mod patch;

pub use patch::Patch;

/// A JSON body: as an extractor strict and checked, as an answer plain.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + Validate, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ProblemResponse;
    async fn from_request(request: Request, _: &S) -> Result<Self, ProblemResponse> {
        let (parts, bytes) = body::read(request).await?;
        Ok(Self(parse_json(&parts.headers, &bytes)?))
    }
}

impl<T: DeserializeOwned + Validate, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = ProblemResponse;
    async fn from_request(request: Request, _: &S) -> Result<Option<Self>, ProblemResponse> {
        let (parts, bytes) = body::read(request).await?;
        Ok(parse_optional_json(&parts.headers, &bytes)?.map(Self))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => (
                [(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
                bytes,
            )
                .into_response(),
            Err(error) => ProblemResponse::internal(error).into_response(),
        }
    }
}

/// Reads and checks a body that must be there.
pub fn parse_json<T: DeserializeOwned + Validate>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    require_json(headers)?;
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::new(
            Code::MalformedRequest,
            "The body is empty where JSON is expected.",
        ));
    }
    if T::OBJECT {
        require_object(body)?;
    }
    refuse_nul(body)?;
    let value: T = deserialize(body).or_else(|refused| {
        // Only then, because where any JSON is taken it is kept as it was written.
        match integral::without_zero_fractions(body) {
            Some(whole) if refused.code == Code::ValidationFailed => deserialize(&whole),
            _ => Err(refused),
        }
    })?;
    let mut errors = Vec::new();
    value.check(&mut errors);
    if errors.is_empty() {
        Ok(value)
    } else {
        Err(Problem::invalid(errors))
    }
}

/// The same for a body that may be absent: empty, whatever the content type says.
pub fn parse_optional_json<T: DeserializeOwned + Validate>(
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<T>, Problem> {
    if body.is_empty() {
        Ok(None)
    } else {
        parse_json(headers, body).map(Some)
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers
        .get(CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or_default());
    match given {
        Some(text) if is_json(text) => Ok(()),
        Some(_) => Err(Problem::new(
            Code::UnsupportedMediaType,
            "The body must be `application/json`.",
        )),
        None => Err(Problem::new(
            Code::UnsupportedMediaType,
            "The request has no `Content-Type`; the body must be `application/json`.",
        )),
    }
}

/// `application/json` or `application/…+json`, in UTF-8 (RFC 8259 §8.1, RFC 6839 §3.1).
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type
        .split(';')
        .map(|part| part.trim().to_ascii_lowercase());
    let subtype = parts
        .next()
        .and_then(|media| media.strip_prefix("application/").map(str::to_owned));
    let json = subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"));
    json && parts.all(|parameter| match parameter.strip_prefix("charset=") {
        Some(charset) => matches!(charset.trim_matches('"'), "utf-8" | "utf8"),
        None => true,
    })
}

/// serde would take a list of a struct's values in order for the struct.
fn require_object(body: &[u8]) -> Result<(), Problem> {
    if body.trim_ascii_start().starts_with(b"{") {
        return Ok(());
    }
    match serde_json::from_slice::<IgnoredAny>(body) {
        Ok(_) => Err(Problem::invalid(vec![FieldError::new("", "must be an object")])),
        Err(error) => Err(malformed(&error)),
    }
}

fn deserialize<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut unknown = Vec::new();
    let mut source = serde_json::Deserializer::from_slice(body);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut source, &mut track);
    let value = serde_ignored::deserialize(tracked, |path| unknown.push(ignored_pointer(&path)))
        .map_err(|error| refusal(&error, &track.path()))?;
    source.end().map_err(|error| malformed(&error))?;
    if unknown.is_empty() {
        return Ok(value);
    }
    let errors = unknown
        .into_iter()
        .map(|pointer| FieldError::new(pointer, "is not a known field"));
    Err(Problem::invalid(errors.collect()))
}

fn refusal(error: &serde_json::Error, path: &serde_path_to_error::Path) -> Problem {
    if error.is_data() {
        Problem::invalid(vec![field_error(path, &error.to_string())])
    } else {
        malformed(error)
    }
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(Code::MalformedRequest, format!("The body is not JSON: {error}."))
}

fn ignored_pointer(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    let (parent, token) = match path {
        Path::Root => return String::new(),
        Path::Seq { parent, index } => (parent, index.to_string()),
        Path::Map { parent, key } => (parent, key.clone()),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            return ignored_pointer(parent);
        }
    };
    let mut pointer = ignored_pointer(parent);
    push(&mut pointer, &token);
    pointer
}

/// U+0000 can stand in JSON only as the escape `\u0000`, which a scan finds without parsing; only then is the
/// body parsed once more to say where.
fn refuse_nul(body: &[u8]) -> Result<(), Problem> {
    if !has_nul_escape(body) {
        return Ok(());
    }
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return Ok(());
    };
    let mut errors = Vec::new();
    find_nul(&value, &mut String::new(), &mut errors);
    if errors.is_empty() {
        errors.push(FieldError::new("", NUL)); // in a member that a later one of the same name hides
    }
    Err(Problem::invalid(errors))
}

const NUL: &str = "must not contain the character U+0000";

pub(crate) fn has_nul_escape(body: &[u8]) -> bool {
    let mut rest = body;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        if rest[at + 1..].starts_with(b"u0000") {
            return true;
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    false
}

fn find_nul(value: &Value, pointer: &mut String, errors: &mut Vec<FieldError>) {
    let here = pointer.len();
    match value {
        Value::String(text) if text.contains('\0') => errors.push(FieldError::new(pointer.as_str(), NUL)),
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                push(pointer, &index.to_string());
                find_nul(element, pointer, errors);
                pointer.truncate(here);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                if key.contains('\0') {
                    errors.push(FieldError::new(pointer.as_str(), NUL));
                }
                push(pointer, key);
                find_nul(member, pointer, errors);
                pointer.truncate(here);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
