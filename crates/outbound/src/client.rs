//! Calling.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method};
use url::Url;

use crate::policy::{Policy, Refused};
use crate::resolver::Guard;

/// How long and how much.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// Until the answer is read.
    pub total: Duration,
    /// Bytes of an answer that are read.
    pub answer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            total: Duration::from_secs(15),
            answer_bytes: 1 << 20,
        }
    }
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// How.
    pub method: Method,
    /// To whom.
    pub url: Url,
    /// With these headers.
    pub headers: HeaderMap,
    /// And this body.
    pub body: Bytes,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status; a redirect is one like any other.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as far as it was read.
    pub body: Bytes,
    /// Whether there was more of it.
    pub cut_off: bool,
}

/// There is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// It is not to be called.
    #[error("the address is refused: it {0}")]
    Refused(#[from] Refused),
    /// The name is nobody's.
    #[error("the host's name could not be resolved")]
    Name,
    /// No connection came about, or no TLS.
    #[error("no connection: {0}")]
    Connect(String),
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
    /// It broke off, or what came back was no HTTP.
    #[error("the exchange broke off: {0}")]
    Broken(String),
}

/// A client for many calls; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    /// Or why there is none: without certificates to trust, nothing can be called by `https`.
    http: Result<reqwest::Client, Arc<str>>,
    policy: Option<Arc<Policy>>,
    limits: Limits,
}

impl Client {
    /// For addresses that somebody outside had a say in.
    pub fn guarded(policy: Policy, limits: Limits) -> Self {
        let policy = Arc::new(policy);
        let guard = Guard(Arc::clone(&policy));
        // An idle connection is one to an address that was checked, but the name may have moved since.
        let builder = builder(&limits).dns_resolver(guard).pool_max_idle_per_host(0);
        Self {
            http: built(builder),
            policy: Some(policy),
            limits,
        }
    }

    /// For hosts that the configuration names.
    pub fn trusted(limits: Limits) -> Self {
        Self {
            http: built(builder(&limits)),
            policy: None,
            limits,
        }
    }

    /// Whether this may be called, as far as that is known without a look-up; anything on a trusted client.
    pub fn check(&self, url: &str) -> Result<Url, Refused> {
        match &self.policy {
            Some(policy) => policy.check(url),
            None => url.parse().map_err(|_| Refused::NotAnUrl),
        }
    }

    /// Calls once.
    pub async fn send(&self, request: Request) -> Result<Answer, OutboundError> {
        if let Some(policy) = &self.policy {
            policy.check_url(&request.url)?;
        }
        let http = self
            .http
            .as_ref()
            .map_err(|reason| OutboundError::Connect(reason.to_string()))?;
        let call = http
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body);
        // Around everything: reqwest's own limit does not begin before a name is looked up.
        let exchange = async { self.read(call.send().await?).await };
        match tokio::time::timeout(self.limits.total, exchange).await {
            Ok(done) => done.map_err(|error| failed(&error)),
            Err(_) => Err(OutboundError::Timeout),
        }
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Answer, reqwest::Error> {
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let (mut body, mut cut_off) = (BytesMut::new(), false);
        while let Some(piece) = response.chunk().await? {
            let room = self.limits.answer_bytes - body.len();
            body.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.len() > room {
                cut_off = true;
                break;
            }
        }
        Ok(Answer {
            status,
            headers,
            body: body.freeze(),
            cut_off,
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one guarded client of the context"
)]
fn builder(limits: &Limits) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(limits.connect)
        .timeout(limits.total)
        .user_agent(concat!("Tenantry/", env!("CARGO_PKG_VERSION")))
}

fn built(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, Arc<str>> {
    builder.build().map_err(|error| {
        let reason = innermost(&error);
        tracing::error!(%reason, "nothing can be called over HTTP");
        reason.into()
    })
}

/// Says what is wrong without what the other side, or our own network, would not want told.
fn failed(error: &reqwest::Error) -> OutboundError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if let Some(refused) = one.downcast_ref::<Refused>() {
            return OutboundError::Refused(*refused);
        }
        cause = one.source();
    }
    if error.is_timeout() {
        return OutboundError::Timeout;
    }
    if error.is_dns() {
        return OutboundError::Name;
    }
    let reason = innermost(error);
    if error.is_connect() {
        OutboundError::Connect(reason)
    } else {
        OutboundError::Broken(reason)
    }
}

fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}
