//! What serde says, in the words and pointers of the contract.

use kernel::FieldError;
use serde_path_to_error::{Path, Segment};

/// Where and what, from serde's path and message.
pub(crate) fn field_error(path: &Path, message: &str) -> FieldError {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push(&mut pointer, &index.to_string()),
            Segment::Map { key } | Segment::Enum { variant: key } => push(&mut pointer, key),
            Segment::Unknown => {}
        }
    }
    let message = without_place(message);
    if let Some(field) = quoted(message, "missing field `") {
        push(&mut pointer, field);
        return FieldError::new(pointer, "is required");
    }
    FieldError::new(pointer, reworded(message))
}

/// Appends one reference token (RFC 6901 §3).
pub(crate) fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
}

/// serde_json appends the place to every message; the pointer says it better.
fn without_place(message: &str) -> &str {
    message
        .rsplit_once(" at line ")
        .map_or(message, |(before, _)| before)
}

fn quoted<'a>(message: &'a str, before: &str) -> Option<&'a str> {
    message.strip_prefix(before)?.strip_suffix('`')
}

fn reworded(message: &str) -> String {
    match message {
        "invalid digit found in string"
        | "cannot parse integer from empty string"
        | "number too large to fit in target type"
        | "number too small to fit in target type" => "must be a whole number within range".to_owned(),
        "provided string was not `true` or `false`" => "must be `true` or `false`".to_owned(),
        other if other.starts_with("unknown field `") => "is not a known field".to_owned(),
        other => other.to_owned(),
    }
}
