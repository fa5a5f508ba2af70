//! Requests that change something and come with a cookie have to prove that the session's own page sent them, because a
//! browser sends the cookie along whoever made it send the request.
//!
//! Two proofs are asked for: `X-CSRF-Token`, which only a page that read an answer of ours knows, and the browser's own
//! word, `Origin` or `Sec-Fetch-Site`, that the page is of the host that it asks. A request with a bearer credential
//! needs neither: no browser adds that by itself.

use std::convert::Infallible;

use access::CsrfKey;
use axum::extract::FromRequestParts;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderName, Method};
use kernel::Code;

use crate::cors::AllowedPage;
use crate::state::AppState;

const X_CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Passes where the request changes nothing (RFC 9110 section 9.2.1), or proves where it comes from.
pub(crate) fn check(parts: &Parts, key: &CsrfKey, cookie: &str) -> Result<(), Code> {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(&parts.method) {
        return Ok(());
    }
    let token = one(parts, &X_CSRF_TOKEN);
    if token.is_some_and(|token| key.matches(cookie, token)) && is_own_page(parts) {
        Ok(())
    } else {
        Err(Code::CsrfRefused)
    }
}

/// Which page had the browser send a request that comes without a credential, a login above all: a page of another
/// site could log somebody in to an account of its own choice (login CSRF).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentBy {
    /// A page of the host itself, or no page at all: a program.
    OwnPageOrProgram,
    /// A page of another host.
    ForeignPage,
}

impl SentBy {
    /// Passes unless a foreign page sent it.
    pub fn require_own(self) -> Result<(), Code> {
        match self {
            Self::OwnPageOrProgram => Ok(()),
            Self::ForeignPage => Err(Code::CsrfRefused),
        }
    }
}

impl FromRequestParts<AppState> for SentBy {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Infallible> {
        let says_nothing = !parts.headers.contains_key(ORIGIN) && !parts.headers.contains_key(SEC_FETCH_SITE);
        Ok(if says_nothing || is_own_page(parts) {
            Self::OwnPageOrProgram
        } else {
            Self::ForeignPage
        })
    }
}

/// Whether the browser says so, in every way in which it says anything. A page that the tenant lets read its answers is
/// as good as its own.
fn is_own_page(parts: &Parts) -> bool {
    if parts.extensions.get::<AllowedPage>().is_some() {
        return true;
    }
    let says = |name: &HeaderName| parts.headers.contains_key(name);
    let origin = one(parts, &ORIGIN).and_then(authority_of);
    let own_origin = origin.is_some() && origin.map(str::to_ascii_lowercase) == host(parts);
    let own_site = one(parts, &SEC_FETCH_SITE) == Some("same-origin");
    (own_origin || !says(&ORIGIN))
        && (own_site || !says(&SEC_FETCH_SITE))
        && (says(&ORIGIN) || says(&SEC_FETCH_SITE))
}

/// An origin without its scheme: what TLS ends in front of us, nobody here knows.
fn authority_of(origin: &str) -> Option<&str> {
    origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"))
}

fn host(parts: &Parts) -> Option<String> {
    let asked = parts.uri.authority().map(Authority::as_str);
    asked.or_else(|| one(parts, &HOST)).map(str::to_ascii_lowercase)
}

/// The header, if it is there once.
fn one<'p>(parts: &'p Parts, name: &HeaderName) -> Option<&'p str> {
    let mut given = parts.headers.get_all(name).iter();
    match (given.next(), given.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use kernel::MasterKey;

    use super::*;

    fn passes(method: &str, headers: &[(&str, &str)]) -> bool {
        let key = CsrfKey::derive(&MasterKey::new([1; 32]));
        let token = key.token("cookie");
        let mut request = Request::builder()
            .method(method)
            .uri("/x")
            .header(HOST, "Acme.example.com:8080");
        for (name, value) in headers {
            let value = if *value == "right" { &token } else { *value };
            request = request.header(*name, value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        check(&parts, &key, "cookie").is_ok()
    }

    const RIGHT: (&str, &str) = ("x-csrf-token", "right");
    const OWN: (&str, &str) = ("origin", "https://acme.example.com:8080");

    #[test]
    fn asks_for_the_token_and_the_browsers_word() {
        assert!(passes("POST", &[RIGHT, OWN]));
        assert!(passes("DELETE", &[RIGHT, ("sec-fetch-site", "same-origin")]));
        assert!(passes("PUT", &[RIGHT, OWN, ("sec-fetch-site", "same-origin")]));
        assert!(passes("GET", &[]) && passes("HEAD", &[]));
        for refused in [
            &[][..],
            &[RIGHT],
            &[OWN],
            &[OWN, ("x-csrf-token", "wrong")],
            &[RIGHT, ("origin", "null")],
            &[RIGHT, ("origin", "https://evil.example")],
            &[RIGHT, ("origin", "https://acme.example.com")],
            &[RIGHT, ("origin", "https://acme.example.com:8080.evil.example")],
            &[RIGHT, ("sec-fetch-site", "same-site")],
            &[RIGHT, OWN, ("sec-fetch-site", "cross-site")],
            &[RIGHT, OWN, OWN],
            &[RIGHT, RIGHT, OWN],
        ] {
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                assert!(!passes(method, refused), "{method} {refused:?}");
            }
        }
    }
}
