//! Request headers with a meaning of their own: `Idempotency-Key` and `Prefer`.

use std::fmt;

use axum::http::{HeaderMap, HeaderName};
use kernel::{Code, Problem};

/// The name of the header that makes repeating a POST safe.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What a caller names one intended change by (draft-ietf-httpapi-idempotency-key-header): 1 to 255 visible
/// ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The header's key, where there is one. The draft's quoted string and the bare token that most clients
    /// send are the same key.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let key = match (value.to_str(), values.next()) {
            (Ok(text), None) => read_key(text.trim()),
            _ => None,
        };
        key.map(Some).ok_or_else(|| {
            let detail = "`Idempotency-Key` must be given once, with 1 to 255 visible ASCII characters.";
            Problem::new(Code::MalformedRequest, detail)
        })
    }

    /// The key itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn read_key(text: &str) -> Option<IdempotencyKey> {
    let key = if text.starts_with('"') {
        unquoted(text)?
    } else {
        text.to_owned()
    };
    let valid = (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    valid.then_some(IdempotencyKey(key))
}

/// The content of a structured-field string (RFC 9651 §4.2.5).
fn unquoted(text: &str) -> Option<String> {
    let mut key = String::new();
    let mut rest = text.strip_prefix('"')?.chars();
    loop {
        match rest.next()? {
            '"' => return rest.as_str().is_empty().then_some(key),
            '\\' => key.push(rest.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            other => key.push(other),
        }
    }
}

/// Whether the caller would rather have 202 and look later (`Prefer: respond-async`, RFC 7240 §4.1).
pub fn prefers_async(headers: &HeaderMap) -> bool {
    let values = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split(','));
    preferences.any(|preference| {
        let name = preference.split([';', '=']).next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("respond-async")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn key(values: &[&str]) -> Result<Option<String>, Code> {
        let header = |value: &&str| {
            (
                IDEMPOTENCY_KEY,
                HeaderValue::from_bytes(value.as_bytes()).expect("legal"),
            )
        };
        let headers = values.iter().map(header).collect();
        let read = IdempotencyKey::from_headers(&headers);
        read.map(|key| key.map(|key| key.to_string()))
            .map_err(|problem| problem.code)
    }

    #[test]
    fn reads_bare_and_quoted_keys_as_the_same() {
        assert_eq!(key(&[]), Ok(None));
        for value in ["8e03978e-40d5", "\"8e03978e-40d5\"", " 8e03978e-40d5 "] {
            assert_eq!(key(&[value]), Ok(Some("8e03978e-40d5".to_owned())), "{value}");
        }
        assert_eq!(key(&[r#""a\"\\b""#]), Ok(Some(r#"a"\b"#.to_owned())));
        assert_eq!(key(&[&"x".repeat(255)]), Ok(Some("x".repeat(255))));
    }

    #[test]
    fn refuses_other_keys() {
        for value in [
            "",
            "\"\"",
            "a b",
            "\"a b\"",
            "\"open",
            "\"a\"b",
            "\"a\";p=1",
            r#""a\x""#,
            "schlüssel",
        ] {
            assert_eq!(key(&[value]), Err(Code::MalformedRequest), "{value}");
        }
        assert_eq!(key(&[&"x".repeat(256)]), Err(Code::MalformedRequest));
        assert_eq!(key(&["a", "a"]), Err(Code::MalformedRequest));
    }

    #[test]
    fn finds_the_preference_among_others() {
        for (value, expected) in [
            ("respond-async", true),
            ("wait=10, Respond-Async", true),
            ("respond-async; foo=bar", true),
            ("return=minimal", false),
            ("respond-asynchronously", false),
        ] {
            let headers =
                HeaderMap::from_iter([(HeaderName::from_static("prefer"), HeaderValue::from_static(value))]);
            assert_eq!(prefers_async(&headers), expected, "{value}");
        }
    }
}
