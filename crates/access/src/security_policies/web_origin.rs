//! Web pages that may read a tenant's answers.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use url::{Host, Url};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// An origin (RFC 6454) exactly as a browser writes it: scheme, host, and the port where it is not the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WebOrigin(String);

/// The text is no origin that can be let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWebOrigin {
    /// It cannot be read, or is more than an origin.
    #[error("must be scheme, host and port alone, such as https://app.example.com: no path, not even `/`")]
    Malformed,
    /// Any page of a domain is any page that anybody gets onto it.
    #[error("must name one host: a wildcard is not supported")]
    Wildcard,
    /// What comes in the clear can be changed on its way.
    #[error("must be https, except on localhost")]
    InTheClear,
}

/// As long as the longest host name with scheme and port.
const LONGEST: usize = 8 + 253 + 6;

impl WebOrigin {
    /// As a browser writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WebOrigin {
    type Err = InvalidWebOrigin;
    fn from_str(text: &str) -> Result<Self, InvalidWebOrigin> {
        if text.contains('*') {
            return Err(InvalidWebOrigin::Wildcard);
        }
        let authority = text.split_once("://").map(|(_, rest)| rest);
        let more = |c: char| "/\\?#@%".contains(c);
        let is_more = authority.is_none_or(|authority| authority.is_empty() || authority.contains(more));
        // A URL's reader passes over space.
        if is_more || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(InvalidWebOrigin::Malformed);
        }
        let url: Url = text.parse().map_err(|_| InvalidWebOrigin::Malformed)?;
        match (url.scheme(), url.host()) {
            ("https", Some(_)) => {}
            ("http", Some(host)) if is_local(&host) => {}
            ("http", Some(_)) => return Err(InvalidWebOrigin::InTheClear),
            _ => return Err(InvalidWebOrigin::Malformed),
        }
        let origin = url.origin().ascii_serialization();
        if origin.len() > LONGEST {
            return Err(InvalidWebOrigin::Malformed);
        }
        Ok(Self(origin))
    }
}

/// This machine, which nothing stands in between to (W3C Secure Contexts section 3.1).
fn is_local(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for WebOrigin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl PartialSchema for WebOrigin {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(LONGEST))
            .description(Some(
                "Scheme, host and port, without a path; https, except on localhost.",
            ))
            .examples(["https://app.example.com"])
            .into()
    }
}
impl ToSchema for WebOrigin {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, InvalidWebOrigin> {
        text.parse::<WebOrigin>().map(|origin| origin.to_string())
    }

    #[test]
    fn is_written_as_browsers_write_it() {
        for (text, canonical) in [
            ("https://app.example.com", "https://app.example.com"),
            ("HTTPS://App.Example.COM:443", "https://app.example.com"),
            ("https://app.example.com:8443", "https://app.example.com:8443"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://app.localhost:5173", "http://app.localhost:5173"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://[::1]:5173", "http://[::1]:5173"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(canonical), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_more_or_less_than_one() {
        for text in [
            "",
            "null",
            "https://",
            "app.example.com",
            "https:app.example.com",
            "https://app.example.com/",
            "https://app.example.com?x",
            "https://app.example.com#x",
            "https://user@app.example.com",
            "https://app.example.com\\x",
            "https://app.example.com ",
            " https://app.example.com",
            "ftp://example.com",
            "https://exa%6dple.com",
            "file:///etc",
            "https://a\tb.example",
            "javascript://x",
            "https://[::1",
        ] {
            assert_eq!(read(text), Err(InvalidWebOrigin::Malformed), "{text}");
        }
        for text in ["*", "https://*.example.com", "https://*"] {
            assert_eq!(read(text), Err(InvalidWebOrigin::Wildcard), "{text}");
        }
        for text in [
            "http://example.com",
            "http://localhost.example.com",
            "http://192.168.0.1",
            "http://notlocalhost",
        ] {
            assert_eq!(read(text), Err(InvalidWebOrigin::InTheClear), "{text}");
        }
    }
}
