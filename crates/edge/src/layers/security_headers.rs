//! Headers that tell browsers to do as little as possible with an answer. A handler that has set one of them
//! knows better and keeps its own.

use std::mem;
use std::sync::LazyLock;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Marks a request that came over TLS which ended in this process; a request extension.
#[derive(Debug, Clone, Copy)]
pub struct Tls;

const ALWAYS: [(HeaderName, HeaderValue); 9] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-embedder-policy"),
        HeaderValue::from_static("require-corp"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    ),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

const TWO_YEARS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// Headers that an answer has beside these, and room for a few more.
const OTHERS: usize = 12;

/// All of them, made once: to copy them costs a fraction of putting each into a map.
static TEMPLATE: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HeaderMap::with_capacity(ALWAYS.len() + OTHERS);
    headers.extend(ALWAYS);
    headers
});

pub(super) fn add(tls: bool, headers: &mut HeaderMap) {
    let own = mem::replace(headers, TEMPLATE.clone());
    if tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, TWO_YEARS);
    }
    // Each of these takes the place of what is there.
    headers.extend(own);
}
