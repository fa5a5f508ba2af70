//! What a body of events may be, and reading one that is not a stream.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use kernel::{Code, FieldError, Problem};
use metering::events::{BATCH, CloudEvent, Reading};
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// What the body is, by its `Content-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// One event.
    One,
    /// An array of events.
    Batch,
    /// One or an array.
    OneOrBatch,
    /// An event on each line.
    Lines,
}

impl Format {
    /// By the structured and batched modes of CloudEvents' HTTP binding, and NDJSON.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let mut parts = given
            .unwrap_or_default()
            .split(';')
            .map(|part| part.trim().to_ascii_lowercase());
        let format = match parts.next().as_deref() {
            Some("application/json") => Self::OneOrBatch,
            Some("application/cloudevents+json") => Self::One,
            Some("application/cloudevents-batch+json") => Self::Batch,
            Some("application/x-ndjson" | "application/ndjson" | "application/jsonl") => Self::Lines,
            _ => return Err(unsupported()),
        };
        let utf8 = |parameter: String| {
            parameter.strip_prefix("charset=").is_none_or(|charset| {
                let charset = charset.trim_matches('"');
                charset == "utf-8" || charset == "utf8"
            })
        };
        if parts.all(utf8) {
            Ok(format)
        } else {
            Err(unsupported())
        }
    }

    /// Reads a body that is not a stream; answers too whether it is one event and no array.
    pub(super) fn read(self, body: &[u8]) -> Result<(Reading, bool), Problem> {
        let text = body.trim_ascii_start();
        if text.is_empty() {
            let detail = "The body is empty where events are expected.";
            return Err(Problem::new(Code::MalformedRequest, detail));
        }
        let array = text.starts_with(b"[");
        let misfit = match self {
            Self::One if array => Some("must be one event"),
            Self::Batch if !array => Some("must be an array of events"),
            _ => None,
        };
        if let Some(detail) = misfit {
            return Err(Problem::invalid(vec![FieldError::new("", detail)]));
        }
        let malformed =
            |error| Problem::new(Code::MalformedRequest, format!("The body is not JSON: {error}."));
        let reading = Reading::of(body).map_err(malformed)?;
        if reading.0.len() > BATCH {
            let detail = format!("A batch may have at most {BATCH} events; send more as NDJSON.");
            return Err(Problem::new(Code::PayloadTooLarge, detail));
        }
        Ok((reading, !array))
    }
}

fn unsupported() -> Problem {
    let detail = "The body must be `application/cloudevents+json`, `application/cloudevents-batch+json`, \
        `application/json` or `application/x-ndjson`, in UTF-8.";
    Problem::new(Code::UnsupportedMediaType, detail)
}

/// One event or an array of events, for the document.
#[derive(Debug)]
pub struct EventsBody;

impl PartialSchema for EventsBody {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(CloudEvent::schema())
            .item(EventBatch::schema())
            .examples([example("job-4711")])
            .into()
    }
}
impl ToSchema for EventsBody {}

/// An array of events, for the document.
#[derive(Debug)]
pub struct EventBatch;

impl PartialSchema for EventBatch {
    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new()
            .items(CloudEvent::schema())
            .max_items(Some(BATCH))
            .examples([json!([example("job-4712"), example("job-4713")])])
            .into()
    }
}
impl ToSchema for EventBatch {}

/// An event on each line, for the document.
#[derive(Debug)]
pub struct EventLines;

impl PartialSchema for EventLines {
    fn schema() -> RefOr<Schema> {
        let lines = format!("{}\n{}\n", example("job-4714"), example("job-4715"));
        ObjectBuilder::new()
            .schema_type(Type::String)
            .examples([lines])
            .into()
    }
}
impl ToSchema for EventLines {}

fn example(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "/workers/7", "type": "compute_time",
        "data": {"value": 12.5, "dimensions": {"region": "eu"}}
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn format(content_type: &'static str) -> Option<Format> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Format::of(&headers).ok()
    }

    #[test]
    fn the_type_says_what_it_is() {
        for (content_type, expected) in [
            ("application/json", Some(Format::OneOrBatch)),
            ("application/cloudevents+json; charset=UTF-8", Some(Format::One)),
            (
                "Application/CloudEvents-Batch+JSON;charset=\"utf-8\"",
                Some(Format::Batch),
            ),
            ("application/x-ndjson", Some(Format::Lines)),
            ("application/json; charset=latin1", None),
            ("text/plain", None),
            ("", None),
        ] {
            assert_eq!(format(content_type), expected, "{content_type}");
        }
        assert!(Format::of(&HeaderMap::new()).is_err());
    }

    #[test]
    fn what_does_not_fit_the_type_is_refused() {
        let code =
            |format: Format, body: &str| format.read(body.as_bytes()).err().map(|problem| problem.code);
        assert_eq!(code(Format::One, " [{}]"), Some(Code::ValidationFailed));
        assert_eq!(code(Format::Batch, "{}"), Some(Code::ValidationFailed));
        for body in ["", " \n", "{", "[{}", "{} {}"] {
            assert_eq!(
                code(Format::OneOrBatch, body),
                Some(Code::MalformedRequest),
                "{body}"
            );
        }
        // Not events, each of which is told so.
        assert_eq!(code(Format::Batch, "[1, null, {}]"), None);
        let many = format!("[{}1]", "1,".repeat(BATCH));
        assert_eq!(code(Format::Batch, &many), Some(Code::PayloadTooLarge));
    }
}
