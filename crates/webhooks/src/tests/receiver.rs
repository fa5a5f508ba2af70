//! A receiver as its documentation tells him to be: he checks signatures himself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::task::JoinHandle;

/// What he got.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// What he answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Says {
    Status(u16),
    RetryAfter(u32),
    Redirect,
    Nothing,
}

#[derive(Default)]
struct Book {
    got: Mutex<Vec<Got>>,
    says: Mutex<VecDeque<Says>>,
    otherwise: Mutex<Option<Says>>,
}

pub(super) struct Receiver {
    pub(super) url: String,
    book: Arc<Book>,
    serving: JoinHandle<()>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let book = Arc::new(Book::default());
        let routes = Router::new().fallback(take).with_state(Arc::clone(&book));
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.expect("serves") });
        Self { url, book, serving }
    }

    /// Answers so from now on.
    pub(super) fn says(&self, says: Says) {
        *self.book.otherwise.lock().unwrap() = Some(says);
    }

    /// Answers so once.
    pub(super) fn says_once(&self, says: Says) {
        self.book.says.lock().unwrap().push_back(says);
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.book.got.lock().unwrap().clone()
    }

    /// The numbers of the events that he got, in the order in which they came.
    pub(super) fn numbers(&self) -> Vec<u64> {
        let number = |got: &Got| got.json()["data"]["number"].as_u64().expect("a number");
        self.got().iter().map(number).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(book): State<Arc<Book>>, headers: HeaderMap, body: Bytes) -> Response {
    let body = String::from_utf8(body.to_vec()).expect("text");
    book.got.lock().unwrap().push(Got { headers, body });
    let next = book.says.lock().unwrap().pop_front();
    let says = next
        .or(*book.otherwise.lock().unwrap())
        .unwrap_or(Says::Status(204));
    match says {
        Says::Status(status) => {
            let status = StatusCode::from_u16(status).expect("a status");
            (status, "what he says\u{0}\n").into_response()
        }
        Says::RetryAfter(seconds) => {
            let headers = [("retry-after", seconds.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, headers).into_response()
        }
        Says::Redirect => (StatusCode::FOUND, [("location", "/elsewhere")]).into_response(),
        Says::Nothing => std::future::pending().await,
    }
}

impl Got {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).expect(name).to_str().expect("ASCII")
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// How many of its signatures are by this secret.
    pub(super) fn signatures_by(&self, secret: &str) -> usize {
        let key = STANDARD
            .decode(secret.strip_prefix("whsec_").expect("the tag"))
            .expect("base64");
        let (id, timestamp) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let signed = format!("{id}.{timestamp}.{}", self.body);
        let expected = format!("v1,{}", STANDARD.encode(hmac_sha256(&key, signed.as_bytes())));
        let signatures = self.header("webhook-signature").split(' ');
        signatures.filter(|signature| *signature == expected).count()
    }
}

/// RFC 2104, by hand: not what the product signs with.
fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<_>>();
    let hash = |one: &[u8], other: &[u8]| {
        digest::digest(&digest::SHA256, &[one, other].concat())
            .as_ref()
            .to_vec()
    };
    hash(&pad(0x5c), &hash(&pad(0x36), message))
}
