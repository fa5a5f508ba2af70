//! Forward-auth: a gateway asks who is behind a request that it was sent, before it passes it on to an application.
//!
//! The question is the request itself, as far as the gateway repeats it: credential, cookies and host. It is judged
//! like a request to ourselves, by the same code, with these differences:
//!
//! - `X-Tenant-Id` and `X-User-Id` count for nothing: they are the answer, and whoever sends them made them up. That
//!   the gateway stands in a trusted network says nothing about whose request it was sent.
//! - The method is the original one, as far as the gateway tells. Where several are told, the one that changes
//!   something counts: a gateway writes one of these headers and passes the other one on as its caller sent it, and
//!   with a wrong one a foreign web page would pass for a reader.
//! - The original host and address count from configured proxies only.

use axum::extract::FromRequestParts;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use edge::ProblemResponse;
use kernel::{Code, Permission};

use crate::origin::{AskedAbout, peer};
use crate::permission::Required;
use crate::selection::{X_TENANT_ID, X_USER_ID};
use crate::state::AppState;
use crate::tenant::TenantCaller;

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const METHODS: [HeaderName; 2] = [
    HeaderName::from_static("x-original-method"),
    HeaderName::from_static("x-forwarded-method"),
];
const ADDRESSES: [HeaderName; 2] = [
    HeaderName::from_static("x-original-uri"),
    HeaderName::from_static("x-forwarded-uri"),
];

/// Who is behind the request that a gateway asks about, where it may be passed on.
pub async fn forwarded_caller(
    mut parts: Parts,
    state: &AppState,
    permission: Option<Permission>,
) -> Result<TenantCaller, ProblemResponse> {
    become_original(&mut parts, state);
    let required = permission.map_or(Required::Nothing, Required::Permission);
    parts.extensions.insert(required);
    // Every request to an application behind the gateway comes by here once: it is a call of its tenant like any other,
    // under the same limits.
    <TenantCaller as FromRequestParts<AppState>>::from_request_parts(&mut parts, state)
        .await
        .map_err(in_terms_of_gateways)
}

/// Turns the gateway's question into the request that it asks about.
fn become_original(parts: &mut Parts, state: &AppState) {
    let by_proxy = peer(parts, &state.settings).is_proxy(&state.settings);
    parts.extensions.insert(AskedAbout);
    parts.method = original_method(&parts.method, &parts.headers);
    let host = by_proxy
        .then(|| last(&parts.headers, &X_FORWARDED_HOST))
        .flatten();
    let authority = parts
        .uri
        .authority()
        .and_then(|named| named.as_str().parse().ok());
    if let Some(host) = host.or(authority) {
        parts.headers.insert(HOST, host);
    }
    let address = ADDRESSES.iter().find_map(|name| last(&parts.headers, name));
    let address = address
        .filter(|_| by_proxy)
        .and_then(|text| path(text.to_str().ok()?));
    parts.uri = address.unwrap_or_else(|| path(parts.uri.path()).unwrap_or_default());
    let read = [X_TENANT_ID, X_USER_ID, X_FORWARDED_HOST];
    for name in read.into_iter().chain(METHODS).chain(ADDRESSES) {
        parts.headers.remove(name);
    }
}

/// Of what is told, what changes something; else what is told.
fn original_method(asked: &Method, headers: &HeaderMap) -> Method {
    let read = |value: &HeaderValue| value.to_str().ok().and_then(|text| text.trim().parse().ok());
    // What cannot be read may change anything.
    let told: Vec<Method> = METHODS
        .iter()
        .flat_map(|name| headers.get_all(name))
        .map(|value| read(value).unwrap_or(Method::POST))
        .collect();
    let changing = std::iter::once(asked)
        .chain(&told)
        .find(|method| !method.is_safe());
    changing.or(told.first()).unwrap_or(asked).clone()
}

/// What the nearest proxy said.
fn last(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let value = headers.get_all(name).iter().next_back()?;
    let nearest = value.to_str().ok()?.rsplit(',').next()?.trim();
    HeaderValue::from_str(nearest).ok()
}

/// The path alone: a host of its own would be believed, and a query may hold secrets.
fn path(address: &str) -> Option<Uri> {
    let address: Uri = address.parse().ok()?;
    let path = address.path();
    path.starts_with('/').then(|| path.parse().ok()).flatten()
}

/// A gateway knows 401, 403 and 429; whatever else a caller has done wrong is forbidden. Our own failures stay what
/// they are: a gateway lets nothing pass on them.
fn in_terms_of_gateways(refused: ProblemResponse) -> ProblemResponse {
    match refused.problem().code.status() {
        401 | 403 | 429 | 500.. => refused,
        _ => Code::Forbidden.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(asked: &Method, told: &[(&'static str, &str)]) -> Method {
        let mut headers = HeaderMap::new();
        for (name, value) in told {
            headers.append(*name, value.parse().expect("a header"));
        }
        original_method(asked, &headers)
    }

    #[test]
    fn of_several_methods_the_one_that_changes_something_counts() {
        let (original, forwarded) = ("x-original-method", "x-forwarded-method");
        assert_eq!(method(&Method::GET, &[]), Method::GET);
        assert_eq!(method(&Method::POST, &[]), Method::POST);
        assert_eq!(method(&Method::GET, &[(original, "HEAD")]), Method::HEAD);
        assert_eq!(method(&Method::GET, &[(original, "PUT")]), Method::PUT);
        assert_eq!(method(&Method::DELETE, &[(original, "GET")]), Method::DELETE);
        for told in [
            [(original, "GET"), (forwarded, "POST")],
            [(forwarded, "GET"), (original, "POST")],
            [(original, "GET"), (original, "POST")],
            [(original, "GET"), (original, "GET, POST")],
            [(original, "GET"), (original, "")],
        ] {
            assert!(!method(&Method::GET, &told).is_safe(), "{told:?}");
        }
    }

    #[test]
    fn of_an_address_only_the_path_is_kept() {
        let read = |text| path(text).map(|uri| uri.to_string());
        assert_eq!(read("/a/b?token=secret").as_deref(), Some("/a/b"));
        assert_eq!(read("https://evil.example/a?x").as_deref(), Some("/a"));
        assert_eq!(read("//evil.example/a").as_deref(), Some("//evil.example/a"));
        assert_eq!(read("*"), None);
        assert_eq!(read("a b"), None);
    }
}
