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
