//! One exchange over the wire: what is sent, and whether anything can have been sent when there is no answer.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use kernel::Secret;
use outbound::{Client, OutboundError, Request};
use url::Url;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const STRIPE_VERSION: HeaderName = HeaderName::from_static("stripe-version");

/// What is said.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) method: http::Method,
    pub(super) url: Url,
    pub(super) body: String,
    pub(super) idempotency_key: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) request_id: Option<String>,
    /// Stripe's own opinion on whether the same request may be sent again.
    pub(super) should_retry: Option<bool>,
    pub(super) retry_after_seconds: Option<u64>,
    pub(super) body: Bytes,
}

/// Nothing came back.
#[derive(Debug)]
pub(super) enum Silence {
    /// It was never sent.
    NotSent(String),
    /// It may have been received.
    Lost(String),
}

/// Sends one message, in the account of the key.
pub(super) async fn exchange(
    client: &Client,
    key: &Secret<String>,
    message: &Message,
) -> Result<Reply, Silence> {
    let headers = headers(key, message).map_err(|_| Silence::NotSent("a header is not text".to_owned()))?;
    let request = Request {
        method: message.method.clone(),
        url: message.url.clone(),
        headers,
        body: Bytes::from(message.body.clone()),
    };
    let answer = client.send(request).await.map_err(|error| silence(&error))?;
    if answer.cut_off {
        return Err(Silence::Lost("the answer is too long".to_owned()));
    }
    let text = |name: &str| {
        answer
            .headers
            .get(name)
            .and_then(|value| Some(value.to_str().ok()?.to_owned()))
    };
    Ok(Reply {
        status: answer.status,
        request_id: text("request-id"),
        should_retry: text("stripe-should-retry").and_then(|said| said.parse().ok()),
        retry_after_seconds: text("retry-after").and_then(|said| said.parse().ok()),
        body: answer.body,
    })
}

fn headers(key: &Secret<String>, message: &Message) -> Result<HeaderMap, http::header::InvalidHeaderValue> {
    let mut headers = HeaderMap::new();
    let mut authorization = HeaderValue::try_from(format!("Bearer {}", key.expose()))?;
    authorization.set_sensitive(true);
    headers.insert(AUTHORIZATION, authorization);
    headers.insert(STRIPE_VERSION, HeaderValue::from_static(super::API_VERSION));
    if message.method != http::Method::GET {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
    }
    if let Some(key) = &message.idempotency_key {
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::try_from(key)?);
    }
    Ok(headers)
}

/// Without a connection nothing was sent. A time limit does not say where the time went.
fn silence(error: &OutboundError) -> Silence {
    let reason = error.to_string();
    match error {
        OutboundError::Refused(_) | OutboundError::Name | OutboundError::Connect(_) => {
            Silence::NotSent(reason)
        }
        OutboundError::Timeout | OutboundError::Broken(_) => Silence::Lost(reason),
    }
}
