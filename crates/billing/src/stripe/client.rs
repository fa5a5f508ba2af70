//! One call: sent, and sent again with the same key where that is safe, until there is an answer or patience ends.
//!
//! Retried are: no connection, a connection that broke, 409 (the same key is in use this moment), 429 and 5xx, except
//! where `Stripe-Should-Retry` says otherwise. `https://docs.stripe.com/error-low-level#should-retry`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use kernel::{Seams, Secret};
use outbound::Limits;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::answer::{self, Verdict};
use super::form;
use super::transport::{Message, exchange};
use crate::providers::Failure;

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until a connection stands.
    pub connect: Duration,
    /// For one exchange.
    pub exchange: Duration,
    /// Exchanges of one call.
    pub tries: u32,
    /// Before the second one; it doubles from there, and half of it is left to chance.
    pub pause: Duration,
    /// The longest pause, also where Stripe asks for a longer one.
    pub longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            exchange: Duration::from_secs(20),
            tries: 3,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(5),
        }
    }
}

/// How to reach Stripe, and as whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://api.stripe.com`, or what stands in for it.
    pub base: Url,
    /// The secret key.
    pub key: Secret<String>,
    /// How long a call may take.
    pub patience: Patience,
}

/// A client of one account; cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: outbound::Client,
    settings: Settings,
    seams: Seams,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.0.settings.base.as_str())
            .finish_non_exhaustive()
    }
}

/// A call before it is made.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// Below the base, beginning with `/v1/`. What others say goes into it only as one [`segment`].
    pub(super) path: String,
    pub(super) parameters: Value,
    /// Needed by whatever changes something.
    pub(super) idempotency_key: Option<&'a str>,
}

/// What Stripe said, and in which of its requests.
#[derive(Debug, Clone)]
pub struct Said<T> {
    /// What.
    pub object: T,
    /// `req_…`, for their support.
    pub request_id: Option<String>,
}

impl Client {
    /// A client with these settings.
    pub fn new(settings: Settings, seams: Seams) -> Self {
        let limits = Limits {
            connect: settings.patience.connect,
            total: settings.patience.exchange,
            answer_bytes: 4 << 20,
        };
        Self(Arc::new(Inner {
            http: outbound::Client::trusted(limits),
            settings,
            seams,
        }))
    }

    /// Whether the key is for real money.
    pub fn livemode(&self) -> bool {
        let key = self.0.settings.key.expose();
        key.starts_with("sk_live_") || key.starts_with("rk_live_")
    }

    pub(super) async fn call<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<Said<T>, Failure> {
        let changes = call.method != Method::GET;
        let message = self.message(call)?;
        let mut tries = 0;
        // One lost exchange makes the whole call unknown, unless a later one is answered.
        let mut lost = false;
        loop {
            tries += 1;
            let answered = exchange(&self.0.http, &self.0.settings.key, &message).await;
            let (verdict, wait) = answer::judge(answered, changes);
            match verdict {
                Verdict::Done { body, request_id } => return read(&body, request_id, changes),
                // With the same key, a refusal is also what became of the exchange that was lost. One of the key itself is not.
                Verdict::Refused(Failure::Configuration(reason)) if lost => {
                    return Err(Failure::Unknown(reason));
                }
                Verdict::Refused(failure) => return Err(failure),
                Verdict::Again {
                    failure,
                    may_have_happened,
                } => {
                    lost |= may_have_happened;
                    tracing::debug!(path = message.url.path(), tries, %failure, "Stripe did not answer as hoped");
                    if tries >= self.0.settings.patience.tries {
                        return Err(outcome(failure, lost));
                    }
                }
            }
            tokio::time::sleep(self.pause(tries, wait)).await;
        }
    }

    fn message(&self, call: Call<'_>) -> Result<Message, Failure> {
        let encoded = form::encode(&call.parameters);
        let mut url = self.0.settings.base.clone();
        url.set_path(&call.path);
        let (query, body) = if call.method == Method::GET {
            (Some(encoded).filter(|query| !query.is_empty()), String::new())
        } else {
            if call.method == Method::POST && call.idempotency_key.is_none() {
                return Err(Failure::Configuration(
                    "a change without an idempotency key".to_owned(),
                ));
            }
            (None, encoded)
        };
        url.set_query(query.as_deref());
        Ok(Message {
            method: call.method,
            url,
            body,
            idempotency_key: call.idempotency_key.map(str::to_owned),
        })
    }

    /// Before the next exchange: as long as Stripe asks for, else doubling, with half of it left to chance.
    fn pause(&self, tries: u32, asked: Option<Duration>) -> Duration {
        let patience = &self.0.settings.patience;
        let doubled = patience
            .pause
            .saturating_mul(1 << tries.saturating_sub(1).min(16));
        let [chance] = self.0.seams.random::<1>();
        let jittered = doubled / 2 + doubled / 2 * u32::from(chance) / 255;
        asked
            .unwrap_or_default()
            .max(jittered)
            .min(patience.longest_pause)
    }
}

fn outcome(failure: Failure, lost: bool) -> Failure {
    match failure {
        Failure::Transient(reason) if lost => Failure::Unknown(reason),
        other => other,
    }
}

/// An answer that says it was done, but cannot be read, leaves open what was done.
fn read<T: DeserializeOwned>(
    body: &[u8],
    request_id: Option<String>,
    changes: bool,
) -> Result<Said<T>, Failure> {
    let object = serde_json::from_slice(body).map_err(|error| {
        let reason = format!("an answer of Stripe's could not be read: {error}");
        if changes {
            Failure::Unknown(reason)
        } else {
            Failure::Transient(reason)
        }
    })?;
    Ok(Said { object, request_id })
}

/// One segment of a path: an identifier of Stripe's, which holds nothing else. Whatever else somebody may have given in
/// its place is nothing that Stripe has.
pub(super) fn segment(reference: &str) -> Result<&str, Failure> {
    let is_identifier = (1..=255).contains(&reference.len())
        && reference
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if is_identifier {
        Ok(reference)
    } else {
        Err(Failure::NotFound)
    }
}
