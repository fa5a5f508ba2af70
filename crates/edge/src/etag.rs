//! Preconditions (RFC 9110 §13): a resource's version as its strong entity tag, and `If-Match` against lost
//! updates.

use std::convert::Infallible;
use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponseParts, ResponseParts};
use kernel::{Code, Problem};

use crate::problem::ProblemResponse;

/// A strong entity tag; as a part of an answer it becomes the `ETag` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// The tag of a resource's version: `"v7"`.
    pub fn version(version: i64) -> Self {
        Self(["v", &version.to_string()].concat())
    }

    /// The tag of content by its digest or the like; only characters that a tag may have (RFC 9110 §8.8.3).
    pub fn opaque(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        text.bytes().all(is_tag_byte).then_some(Self(text))
    }
}

fn is_tag_byte(byte: u8) -> bool {
    byte == 0x21 || (0x23..=0x7e).contains(&byte)
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

impl From<&ETag> for HeaderValue {
    fn from(tag: &ETag) -> Self {
        Self::try_from(["\"", &tag.0, "\""].concat()).expect("a tag is visible ASCII")
    }
}

impl IntoResponseParts for ETag {
    type Error = Infallible;
    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        parts.headers_mut().insert(ETAG, HeaderValue::from(&self));
        Ok(parts)
    }
}

/// The condition of a change. As an extractor it is `Any` without the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// No condition, or `*`: whatever there is.
    Any,
    /// Only if the present tag is one of these. A weak tag never matches (RFC 9110 §13.1.1), so it is not here.
    OneOf(Vec<ETag>),
}

impl IfMatch {
    /// Reads the header; one that is not well formed is `malformed_request`.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(listed) = tags(headers, &IF_MATCH)? else {
            return Ok(Self::Any);
        };
        Ok(match listed {
            Listed::Any => Self::Any,
            Listed::Tags(tags) => Self::OneOf(
                tags.into_iter()
                    .filter(|(_, weak)| !weak)
                    .map(|(tag, _)| tag)
                    .collect(),
            ),
        })
    }

    /// Whether the condition holds for a resource with this tag.
    pub fn allows(&self, present: &ETag) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.contains(present),
        }
    }

    /// Whether the condition holds for a resource of this version.
    pub fn allows_version(&self, version: i64) -> bool {
        self.allows(&ETag::version(version))
    }

    /// `precondition_failed` (412) unless the condition holds.
    pub fn check(&self, present: &ETag) -> Result<(), Problem> {
        if self.allows(present) {
            Ok(())
        } else {
            Err(Code::PreconditionFailed.into())
        }
    }

    /// The versions that an operation may find, which knows nothing of tags: `None` is any.
    pub fn versions(&self) -> Option<Vec<i64>> {
        match self {
            Self::Any => None,
            Self::OneOf(tags) => Some(
                tags.iter()
                    .filter_map(|tag| tag.0.strip_prefix('v')?.parse().ok())
                    .collect(),
            ),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ProblemResponse;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ProblemResponse> {
        Ok(Self::from_headers(&parts.headers)?)
    }
}

/// Whether the caller already has this (`If-None-Match`, weak comparison): then a GET answers 304. A header that
/// is not well formed asks for nothing.
pub fn not_modified(headers: &HeaderMap, present: &ETag) -> bool {
    match tags(headers, &IF_NONE_MATCH) {
        Ok(Some(Listed::Any)) => true,
        Ok(Some(Listed::Tags(tags))) => tags.iter().any(|(tag, _)| tag == present),
        Ok(None) | Err(_) => false,
    }
}

/// Whether a change is asked for only where nothing is yet (`If-None-Match: *`, RFC 9110 §13.1.2).
pub fn only_if_absent(headers: &HeaderMap) -> bool {
    matches!(tags(headers, &IF_NONE_MATCH), Ok(Some(Listed::Any)))
}

enum Listed {
    Any,
    Tags(Vec<(ETag, bool)>),
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Listed>, Problem> {
    let mut listed = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| not_a_list(name))?.trim();
        if text == "*" {
            return Ok(Some(Listed::Any));
        }
        listed.extend(read_list(text).ok_or_else(|| not_a_list(name))?);
    }
    Ok(headers.contains_key(name).then_some(Listed::Tags(listed)))
}

/// `1#entity-tag`; true marks a weak one.
fn read_list(mut text: &str) -> Option<Vec<(ETag, bool)>> {
    let mut listed = Vec::new();
    loop {
        let weak = text.starts_with("W/");
        let quoted = text.strip_prefix("W/").unwrap_or(text).strip_prefix('"')?;
        let (tag, rest) = quoted.split_once('"')?;
        listed.push((ETag::opaque(tag)?, weak));
        let rest = rest.trim_start();
        if rest.is_empty() {
            return Some(listed);
        }
        text = rest.strip_prefix(',')?.trim_start();
    }
}

fn not_a_list(name: &HeaderName) -> Problem {
    let name = if name == IF_MATCH {
        "If-Match"
    } else {
        "If-None-Match"
    };
    Problem::new(
        Code::MalformedRequest,
        format!("`{name}` must be `*` or a list of quoted entity tags."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (IF_MATCH, HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn reads_lists_and_leaves_weak_tags_out() {
        for (values, expected) in [
            (&[][..], None),
            (&["*"], None),
            (&["\"v7\""], Some(vec![7])),
            (&["\"v7\", W/\"v8\" ,\"abc\""], Some(vec![7])),
            (&["\"v1\"", "\"v2\""], Some(vec![1, 2])),
            (&["W/\"v7\""], Some(vec![])),
            (&["\"a,b\""], Some(vec![])),
        ] {
            let condition = IfMatch::from_headers(&headers(values)).expect("well formed");
            assert_eq!(condition.versions(), expected, "{values:?}");
        }
    }

    #[test]
    fn holds_for_the_listed_versions_only() {
        let condition = IfMatch::from_headers(&headers(&["\"v7\""])).expect("well formed");
        assert!(condition.allows_version(7) && !condition.allows_version(8));
        assert_eq!(
            condition.check(&ETag::version(8)).expect_err("changed").code,
            Code::PreconditionFailed
        );
        assert!(IfMatch::Any.check(&ETag::version(8)).is_ok());
    }

    #[test]
    fn refuses_what_is_no_list() {
        for value in [
            "",
            "v7",
            "7",
            "\"v7",
            "\"v7\" \"v8\"",
            "\"v7\",",
            "w/\"v7\"",
            "\"a b\"",
        ] {
            let problem = IfMatch::from_headers(&headers(&[value])).expect_err(value);
            assert_eq!(problem.code, Code::MalformedRequest);
        }
    }

    #[test]
    fn compares_weakly_for_reading() {
        let asked = |value| {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(value))]);
            not_modified(&headers, &ETag::version(7))
        };
        assert!(asked("*") && asked("W/\"v7\"") && asked("\"v6\", \"v7\""));
        assert!(!asked("\"v6\"") && !asked("v7"));
    }

    #[test]
    fn a_star_asks_for_what_is_not_there() {
        let asked = |value| {
            only_if_absent(&HeaderMap::from_iter([(
                IF_NONE_MATCH,
                HeaderValue::from_static(value),
            )]))
        };
        assert!(asked("*"));
        assert!(!asked("\"v1\"") && !asked("") && !only_if_absent(&headers(&["*"])));
    }
}
