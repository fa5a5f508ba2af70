//! Somebody who receives webhooks, and checks their signatures by himself.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What he got.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    /// The event's identifier.
    pub(crate) id: String,
    /// What is signed before the body.
    head: String,
    signatures: String,
    text: String,
}

struct Book {
    hooks: Mutex<Vec<Hook>>,
    status: Mutex<StatusCode>,
}

/// A receiver on this machine.
pub(crate) struct Receiver {
    /// Where he listens.
    pub(crate) url: String,
    book: Arc<Book>,
    serving: JoinHandle<()>,
}

impl Receiver {
    /// On a free port.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let book = Arc::new(Book {
            hooks: Mutex::default(),
            status: Mutex::new(StatusCode::OK),
        });
        let routes = Router::new().fallback(take).with_state(Arc::clone(&book));
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
        Self { url, book, serving }
    }

    /// Answers so from now on.
    pub(crate) fn answers(&self, status: u16) {
        *self.book.status.lock().expect("no panic") = StatusCode::from_u16(status).expect("a status");
    }

    /// What he got, in the order in which it came.
    pub(crate) fn hooks(&self) -> Vec<Hook> {
        self.book.hooks.lock().expect("no panic").clone()
    }

    /// What he got of this type.
    pub(crate) fn of_type(&self, kind: &str) -> Vec<Hook> {
        let hooks = self.hooks().into_iter();
        hooks.filter(|hook| hook.json()["type"] == kind).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(book): State<Arc<Book>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let id = header("webhook-id");
    let hook = Hook {
        head: format!("{id}.{}.", header("webhook-timestamp")),
        id,
        signatures: header("webhook-signature"),
        text: String::from_utf8_lossy(&body).into_owned(),
    };
    book.hooks.lock().expect("no panic").push(hook);
    *book.status.lock().expect("no panic")
}

impl Hook {
    /// The body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    /// Whether one of its signatures is by this secret.
    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("the tag"));
        let code = hmac_sha256(
            &key.expect("base64"),
            format!("{}{}", self.head, self.text).as_bytes(),
        );
        let expected = format!("v1,{}", STANDARD.encode(code));
        self.signatures.split(' ').any(|signature| signature == expected)
    }
}

/// RFC 2104 for keys of at most 64 bytes.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let hash = |with: u8, message: &[u8]| {
        let mut digest = Sha256::new();
        digest.update(block.map(|byte| byte ^ with));
        digest.update(message);
        digest.finalize().to_vec()
    };
    hash(0x5c, &hash(0x36, message))
}
