//! A caller of the server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Calls one server with one key; its connections stay open.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Arc<str>,
    key: Arc<str>,
}

/// An answer, and how long it took to come completely.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Value,
    pub(crate) took: Duration,
}

impl Client {
    #[expect(
        clippy::disallowed_methods,
        reason = "it calls the server that this program has started itself"
    )]
    pub(crate) fn new(base: &str, key: &str) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build()?;
        Ok(Self {
            http,
            base: base.into(),
            key: key.into(),
        })
    }

    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self {
            key: key.into(),
            ..self.clone()
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.http.get(format!("{}{path}", self.base)), path)
            .await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.http.post(format!("{}{path}", self.base)).json(body), path)
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.http.put(format!("{}{path}", self.base)).json(body), path)
            .await
    }

    /// JSON that is written already.
    pub(crate) async fn post_bytes(&self, path: &str, body: Vec<u8>) -> Result<Answer> {
        let request = self.http.post(format!("{}{path}", self.base)).body(body);
        self.send(request.header("content-type", "application/json"), path)
            .await
    }

    /// JSON that its sender has signed in this header.
    pub(crate) async fn post_signed(&self, path: &str, body: String, signature: &str) -> Result<Answer> {
        let request = self.http.post(format!("{}{path}", self.base)).body(body);
        let request = request.header("content-type", "application/json");
        self.send(request.header("stripe-signature", signature), path)
            .await
    }

    /// How long it takes until the server refuses this, and with what status.
    pub(crate) async fn refused(&self, path: &str, body: Option<&Value>) -> Result<(u16, Duration)> {
        let url = format!("{}{path}", self.base);
        let request = match body {
            Some(body) => self.http.post(url).json(body),
            None => self.http.get(url).bearer_auth(&self.key),
        };
        let begun = Instant::now();
        let response = request.send().await.with_context(|| path.to_owned())?;
        let status = response.status().as_u16();
        response.bytes().await?;
        Ok((status, begun.elapsed()))
    }

    /// Sends this without a key; answers the status and the seconds that the server asks to wait.
    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> Result<(u16, u64)> {
        let url = format!("{}{path}", self.base);
        let response = self.http.post(url).json(body).send().await?;
        let status = response.status().as_u16();
        let wait = response.headers().get("retry-after");
        let wait = wait
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .unwrap_or(0);
        response.bytes().await?;
        Ok((status, wait))
    }

    async fn send(&self, request: reqwest::RequestBuilder, path: &str) -> Result<Answer> {
        let begun = Instant::now();
        let response = request
            .bearer_auth(&self.key)
            .send()
            .await
            .with_context(|| path.to_owned())?;
        let status = response.status();
        let bytes = response.bytes().await?;
        let took = begun.elapsed();
        ensure!(
            status.is_success(),
            "{path} answered {status}: {}",
            String::from_utf8_lossy(&bytes)
        );
        Ok(Answer {
            body: serde_json::from_slice(&bytes)?,
            took,
        })
    }
}

impl Answer {
    /// A member of the body that is text.
    pub(crate) fn text(&self, pointer: &str) -> Result<String> {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        Ok(found
            .with_context(|| format!("no text at {pointer} in {}", self.body))?
            .to_owned())
    }
}
