//! Requests as they come in: who asks, whether he asked before, and what goes wrong.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::books::{Books, Kept, Request};
use super::form;
use super::mishaps::Mishap;
use super::routes;

type Shared = Arc<Mutex<Books>>;

pub(super) async fn start(books: Shared) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let routes = Router::new().fallback(answer).with_state(books);
    let serving = tokio::spawn(async move { axum::serve(listener, routes).await.expect("it serves") });
    (address, serving)
}

async fn answer(
    State(books): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| Some(value.to_str().ok()?.to_owned()))
    };
    let request = Request {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
        idempotency_key: header("idempotency-key"),
        version: header("stripe-version"),
    };
    let known = header("authorization")
        .is_some_and(|key| key.starts_with("Bearer sk_") || key.starts_with("Bearer rk_"));
    if !known {
        return reply(
            401,
            &error("invalid_request_error", None, "You did not provide an API key."),
            None,
        );
    }
    let (mishap, answered) = {
        let mut books = books.lock().expect("no test panics with the books open");
        books.requests.push(request.clone());
        let mishap = books.mishap(&request.path);
        let answered = handle(&mut books, &request, mishap.as_ref());
        books.answers.push(answered.body.clone());
        (mishap, answered)
    };
    match mishap {
        Some(Mishap::LostBefore | Mishap::LostAfter) => lost(),
        Some(Mishap::Slow(time)) => {
            tokio::time::sleep(time).await;
            reply(answered.status, &answered.body, None)
        }
        _ => reply(
            answered.status,
            &answered.body,
            Some("0").filter(|_| answered.status == 429),
        ),
    }
}

fn handle(books: &mut Books, request: &Request, mishap: Option<&Mishap>) -> Kept {
    match mishap {
        Some(Mishap::LostBefore) => return Kept::new(0, Value::Null),
        Some(Mishap::Busy(status)) => {
            return Kept::new(*status, error("api_error", Some("lock_timeout"), "Busy."));
        }
        _ => {}
    }
    let fingerprint = format!("{} {} {}", request.method, request.path, request.body);
    let key = request
        .idempotency_key
        .clone()
        .filter(|_| request.method == "POST");
    if let Some((kept_print, kept)) = key.as_ref().and_then(|key| books.kept.get(key)) {
        if *kept_print != fingerprint {
            return Kept::new(
                400,
                error(
                    "idempotency_error",
                    None,
                    "Keys for idempotent requests can only be used with the same parameters.",
                ),
            );
        }
        return kept.clone();
    }
    let mut answered = match mishap {
        Some(Mishap::BrokenBefore) => Kept::new(500, Value::Null),
        _ => act(books, request),
    };
    if matches!(mishap, Some(Mishap::BrokenAfter | Mishap::BrokenBefore)) {
        answered = Kept::new(500, error("api_error", None, "Something went wrong on our end."));
    }
    // What was not begun is not kept: parameters that are not acceptable may be mended under the same key.
    if let Some(key) = key.filter(|_| answered.status != 400 && answered.status != 404) {
        books.kept.insert(key, (fingerprint, answered.clone()));
    }
    answered
}

fn act(books: &mut Books, request: &Request) -> Kept {
    let sent = if request.method == "GET" {
        &request.query
    } else {
        &request.body
    };
    let parameters = form::parse(sent);
    let path = request.path.strip_prefix("/v1/").unwrap_or_default();
    routes::act(books, &request.method, path, &parameters)
}

/// The answer begins and breaks off.
fn lost() -> Response {
    let broken = stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("lost"))]);
    Response::new(Body::from_stream(broken))
}

fn reply(status: u16, body: &Value, retry_after: Option<&str>) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header("request-id", "req_fake");
    let response = match retry_after {
        Some(seconds) => response.header("retry-after", seconds),
        None => response,
    };
    response.body(Body::from(body.to_string())).expect("an answer")
}

/// `https://docs.stripe.com/api/errors`.
pub(super) fn error(kind: &str, code: Option<&str>, message: &str) -> Value {
    let mut error = json!({"type": kind, "message": message});
    if let Some(code) = code {
        error["code"] = code.into();
    }
    json!({"error": error})
}
