//! Tests only: a router is asked without a socket and its whole answer read.

use std::sync::{Mutex, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use kernel::Seams;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::layers::Limits;
use crate::layers::alone::layers;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(router: &Router, request: Request<Body>) -> Self {
        log();
        let response = router.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        Self {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// The `code` of a well formed problem.
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text
        );
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16());
        assert_eq!(body["requestId"], self.header("x-request-id"));
        body["code"].as_str().expect("a code").to_owned()
    }

    /// The pointers of a problem's errors.
    pub(crate) fn pointers(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|error| error["pointer"].as_str().expect("a pointer").to_owned())
            .collect()
    }
}

pub(crate) fn layered(router: Router) -> Router {
    layers(router, &Seams::real(), &Limits::default())
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("a request")
}

pub(crate) fn ask(method: &str, path: &str) -> Request<Body> {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty())
        .expect("a request")
}

pub(crate) fn post(path: &str, json: impl Into<Body>) -> Request<Body> {
    Request::post(path)
        .header("content-type", "application/json")
        .body(json.into())
        .expect("a request")
}

/// Everything that any test logs. One subscriber for the whole process: with one per thread, a callsite first
/// reached by another thread stays silent for all.
fn log() -> &'static Mutex<Vec<u8>> {
    static LOG: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();
    LOG.get_or_init(|| {
        let subscriber = tracing_subscriber::fmt().json().with_writer(|| Sink).finish();
        tracing::subscriber::set_global_default(subscriber).expect("the only one");
        Mutex::default()
    })
}

struct Sink;
impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        log().lock().expect("whole").extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines about one request.
pub(crate) fn logged(request_id: &str) -> Vec<String> {
    let text = String::from_utf8(log().lock().expect("whole").clone()).expect("UTF-8");
    text.lines()
        .filter(|line| line.contains(request_id))
        .map(str::to_owned)
        .collect()
}
