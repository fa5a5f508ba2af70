use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Multipart;
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{delete, get as on_get, post as on_post};
use futures_util::stream;
use kernel::{Code, FieldError, Id, Problem, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::alone::layers;
use super::*;
use crate::answer::{Answer, ask, get, layered, logged, post};
use crate::body::{body_limit, read_error};
use crate::path::Path;
use crate::problem::ProblemResponse;
use crate::{Json, body};

enum Thing {}
impl kernel::Entity for Thing {
    const PREFIX: &'static str = "thing";
}

async fn lookup(Path(id): Path<Id<Thing>>) -> Result<String, ProblemResponse> {
    if id.hex().ends_with('0') {
        Err(Code::NotFound.into())
    } else {
        Ok(id.to_string())
    }
}

fn quick(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

fn within(router: Router, change: impl FnOnce(&mut Limits)) -> Router {
    layers(router, &Seams::real(), &quick(change))
}

#[tokio::test]
async fn a_problem_has_every_member() {
    async fn refuse() -> Result<(), ProblemResponse> {
        let errors = vec![FieldError::new("/name", "is required")];
        Err(Problem {
            code: Code::ValidationFailed,
            detail: "Look at it.".to_owned(),
            errors,
        }
        .into())
    }
    let router = layered(Router::new().route("/api/things", on_post(refuse)));
    let mut request = ask("POST", "/api/things?secret=1");
    request
        .headers_mut()
        .insert("x-request-id", HeaderValue::from_static("trace-1.2_3"));
    let answer = Answer::of(&router, request).await;
    let expected = r#"{"type":"/problems/validation_failed","title":"The request has fields that are not valid.","status":422,"detail":"Look at it.","instance":"/api/things","code":"validation_failed","requestId":"trace-1.2_3","errors":[{"pointer":"/name","detail":"is required"}]}"#;
    assert_eq!(answer.text, expected);
    assert_eq!(answer.header("content-length"), expected.len().to_string());
    assert_eq!(answer.code(), "validation_failed");
}

#[tokio::test]
async fn a_foreign_an_unknown_and_an_impossible_id_answer_the_same() {
    let router = layered(Router::new().route("/things/{id}", on_get(lookup)));
    let known: Id<Thing> = Id::from_parts(Timestamp::from_micros(0), [7; 8]);
    assert_eq!(
        Answer::of(&router, get(&format!("/things/{known}"))).await.text,
        known.to_string()
    );
    let mut seen = Vec::new();
    for id in [
        "thing_00000000000000000000000000",
        "user_01h455vb4pex5vsknk084sn02q",
        "%00",
        "%ff",
        "..",
        "7",
    ] {
        let answer = Answer::of(&router, get(&format!("/things/{id}"))).await;
        assert_eq!(answer.code(), "not_found", "{id}");
        let mut body = answer.json();
        assert_eq!(body["instance"], format!("/things/{id}"));
        assert!(body["requestId"].as_str().expect("text").starts_with("req_"));
        for own in ["instance", "requestId"] {
            body[own] = Value::Null;
        }
        let mut headers = answer.headers.clone();
        headers.remove("x-request-id");
        headers.remove("content-length");
        seen.push((answer.status, headers, body.to_string()));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
}

#[tokio::test]
async fn what_the_router_does_not_have_is_a_problem_too() {
    let nested = Router::new().route("/things", on_get(|| async {}).post(|| async {}));
    let router = layered(
        Router::new()
            .nest("/api", nested)
            .route("/one", delete(|| async {})),
    );
    let answer = Answer::of(&router, get("/api/nothing")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (404, "not_found")
    );
    assert_eq!(answer.json()["instance"], "/api/nothing");
    for method in ["DELETE", "TRACE", "OPTIONS", "PATCH", "CONNECT", "BREW"] {
        let answer = Answer::of(&router, ask(method, "/api/things")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (405, "method_not_allowed"),
            "{method}"
        );
        assert_eq!(answer.header("allow"), "GET,HEAD,POST");
    }
    assert_eq!(Answer::of(&router, get("/one")).await.header("allow"), "DELETE");
    assert_eq!(Answer::of(&router, ask("OPTIONS", "*")).await.code(), "not_found");
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let router = layered(
        Router::new()
            .route("/", on_get(|| async { "hello" }))
            .route("/things/{id}", on_get(lookup)),
    );
    let answer = Answer::of(&router, ask("HEAD", "/")).await;
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.header("content-length"),
            answer.text.as_str()
        ),
        (200, "5", "")
    );
    let answer = Answer::of(&router, ask("HEAD", "/things/7")).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (404, ""));
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

#[tokio::test]
async fn request_ids_are_taken_only_when_harmless() {
    let router = layered(Router::new().route("/", on_get(|id: RequestId| async move { id.to_string() })));
    let ask_with = async |ids: &[&str]| {
        let mut request = get("/");
        for id in ids {
            request.headers_mut().append(
                "x-request-id",
                HeaderValue::from_bytes(id.as_bytes()).expect("legal"),
            );
        }
        let answer = Answer::of(&router, request).await;
        assert_eq!(
            answer.text,
            answer.header("x-request-id"),
            "the handler sees what the caller sees"
        );
        answer.text
    };
    let long = "a".repeat(64);
    for id in ["a", "A-b_c.9", &long] {
        assert_eq!(ask_with(&[id]).await, id);
    }
    for forged in [
        &["a b"][..],
        &["a\"b"],
        &["ä"],
        &[&"a".repeat(65)],
        &[""],
        &["a", "b"],
        &[],
    ] {
        let id = ask_with(forged).await;
        assert!(id.starts_with("req_") && id.len() == 30, "{forged:?} became {id}");
    }
}

#[tokio::test]
async fn a_panic_is_a_500_that_tells_nothing_and_a_log_line_that_tells_all() {
    async fn broken() {
        panic!("the {} is on fire", "cellar");
    }
    async fn failing() -> ProblemResponse {
        ProblemResponse::internal(std::io::Error::other("no such table"))
    }
    let router = layered(
        Router::new()
            .route("/panic", on_get(broken))
            .route("/fail/{id}", on_get(failing)),
    );
    for (path, cause) in [
        ("/panic", "panicked: the cellar is on fire"),
        ("/fail/7?token=secret", "no such table"),
    ] {
        let answer = Answer::of(&router, get(path)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (500, "internal")
        );
        let body = answer.json();
        assert!(
            body.get("detail").is_none() && !answer.text.contains("cellar") && !answer.text.contains("table")
        );
        let lines = logged(answer.header("x-request-id"));
        assert!(
            lines
                .iter()
                .any(|line| line.contains("\"failed\"") && line.contains(cause)),
            "{lines:?}"
        );
        let answered = lines.last().expect("logged");
        assert!(
            answered.contains("\"answered\"") && answered.contains("\"status\":500"),
            "{answered}"
        );
        assert!(
            answered.contains("latency_ms") && !lines.concat().contains("secret"),
            "{lines:?}"
        );
        assert!(
            !path.starts_with("/fail") || answered.contains("/fail/{id}"),
            "{answered}"
        );
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_whether_it_says_so_or_not() {
    async fn take(_: Json<Value>) {}
    async fn raw(_: Bytes) {}
    async fn upload(request: axum::extract::Request) -> Result<String, ProblemResponse> {
        let (_, body) = body::stream(request)?;
        let whole = axum::body::to_bytes(body, usize::MAX)
            .await
            .map_err(|error| read_error(&error))?;
        Ok(whole.len().to_string())
    }
    let router = Router::new()
        .route("/json", on_post(take))
        .route("/raw", on_post(raw));
    let router = router
        .route("/stream", on_post(upload))
        .route("/upload", on_post(upload).layer(body_limit(1000)));
    let router = within(router, |limits| limits.body_bytes = 100);
    let body = format!("\"{}\"", "x".repeat(99));
    for path in ["/json", "/raw", "/stream"] {
        let mut announced = post(path, body.clone());
        announced
            .headers_mut()
            .insert("content-length", HeaderValue::from(body.len()));
        let pieces = body
            .as_bytes()
            .chunks(30)
            .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()));
        let chunked = post(path, Body::from_stream(stream::iter(pieces.collect::<Vec<_>>())));
        for request in [announced, chunked] {
            let answer = Answer::of(&router, request).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (413, "payload_too_large"),
                "{path}"
            );
        }
    }
    assert_eq!(
        Answer::of(&router, post("/json", "\"x\"")).await.status,
        StatusCode::OK
    );
    assert_eq!(Answer::of(&router, post("/upload", body)).await.text, "101");
    assert_eq!(
        Answer::of(&router, post("/upload", "x".repeat(1001)))
            .await
            .code(),
        "payload_too_large"
    );
}

#[tokio::test]
async fn the_announced_length_is_believed_before_the_body_is_read() {
    async fn take(_: Json<Value>) {}
    let router = layered(Router::new().route("/", on_post(take)));
    let mut request = post(
        "/",
        Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()),
    );
    request
        .headers_mut()
        .insert("content-length", HeaderValue::from_static("99999999999"));
    assert_eq!(Answer::of(&router, request).await.code(), "payload_too_large");
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_given_up() {
    async fn slow() -> &'static str {
        tokio::time::sleep(Duration::from_mins(1)).await;
        "done"
    }
    async fn take(_: Json<Value>) {}
    async fn upload(request: axum::extract::Request) -> Result<(), ProblemResponse> {
        let (_, body) = body::stream(request)?;
        axum::body::to_bytes(body, 100)
            .await
            .map_err(|error| read_error(&error))?;
        Ok(())
    }
    let router = Router::new()
        .route("/slow", on_get(slow))
        .route("/json", on_post(take));
    let router = router.route("/longer", on_get(slow).layer(time_limit(Duration::from_secs(90))));
    let router = layered(router.route("/upload", on_post(upload)));
    let answer = Answer::of(&router, get("/slow")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (504, "timeout"));
    assert_eq!(Answer::of(&router, get("/longer")).await.text, "done");
    for path in ["/json", "/upload"] {
        let stuck = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let answer = Answer::of(&router, post(path, stuck)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (408, "request_timeout"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400() {
    async fn take(_: Json<Value>) {}
    let router = layered(Router::new().route("/", on_post(take)));
    let broken = stream::iter([Ok(Bytes::from("{")), Err(std::io::Error::other("reset"))]);
    let answer = Answer::of(&router, post("/", Body::from_stream(broken))).await;
    assert_eq!(answer.json()["detail"], "The body ended before it was complete.");
    assert_eq!(answer.code(), "malformed_request");
}

#[tokio::test]
async fn more_than_can_be_done_at_once_is_shed() {
    let (begun, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (begun.clone(), end.clone());
    let busy = move || async move {
        tell.notify_one();
        wait.notified().await;
    };
    let router = Router::new()
        .route("/busy", on_get(busy))
        .route("/health/live", on_get(|| async { "up" }));
    let router = within(router, |limits| limits.concurrency = 1);
    let first = tokio::spawn({
        let router = router.clone();
        async move { Answer::of(&router, get("/busy")).await.status }
    });
    begun.notified().await;
    let answer = Answer::of(&router, get("/busy")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (503, "overloaded")
    );
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(
        Answer::of(&router, get("/health/live")).await.text,
        "up",
        "probes are always let in"
    );
    end.notify_one();
    assert_eq!(first.await.expect("finishes"), StatusCode::OK);
    end.notify_one();
    assert_eq!(
        Answer::of(&router, get("/busy")).await.status,
        StatusCode::OK,
        "there is room again"
    );
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    async fn page() -> impl IntoResponse {
        (
            [
                ("content-security-policy", "default-src 'self'"),
                ("cache-control", "max-age=60"),
            ],
            "page",
        )
    }
    let router = layered(
        Router::new()
            .route("/", on_get(|| async {}))
            .route("/page", on_get(page)),
    );
    for path in ["/", "/none"] {
        let answer = Answer::of(&router, get(path)).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("strict-transport-security", ""),
            ("server", ""),
        ] {
            assert_eq!(answer.header(name), value, "{path} {name}");
        }
    }
    let answer = Answer::of(&router, get("/page")).await;
    assert_eq!(answer.header("content-security-policy"), "default-src 'self'");
    assert_eq!(answer.header("cache-control"), "max-age=60");
    let mut request = get("/");
    request.extensions_mut().insert(Tls);
    assert!(
        Answer::of(&router, request)
            .await
            .header("strict-transport-security")
            .starts_with("max-age=63072000")
    );
    let router = within(Router::new(), |limits| limits.strict_transport_security = true);
    assert!(
        !Answer::of(&router, get("/"))
            .await
            .header("strict-transport-security")
            .is_empty()
    );
}

#[tokio::test]
async fn standard_headers_come_with_their_codes() {
    async fn nobody() -> ProblemResponse {
        Code::Unauthenticated.into()
    }
    async fn later() -> ProblemResponse {
        ProblemResponse::from(Code::TooManyRequests).retry_after(7)
    }
    let router = layered(
        Router::new()
            .route("/nobody", on_get(nobody))
            .route("/later", on_get(later)),
    );
    let answer = Answer::of(&router, get("/nobody")).await;
    assert_eq!(
        (answer.code().as_str(), answer.header("www-authenticate")),
        ("unauthenticated", "Bearer realm=\"tenantry\"")
    );
    assert_eq!(
        Answer::of(&router, get("/later")).await.header("retry-after"),
        "7"
    );
}

#[tokio::test]
async fn errors_in_other_words_become_problems_unless_they_are_meant() {
    async fn form(_: Multipart) {}
    async fn meant() -> impl IntoResponse {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            axum::Json(json!({"status": "degraded"})),
        )
    }
    async fn leaking() -> impl IntoResponse {
        (StatusCode::BAD_GATEWAY, "postgres://secret")
    }
    let router = Router::new()
        .route("/form", on_post(form))
        .route("/meant", on_get(meant));
    let router = layered(router.route("/leaking", on_get(leaking)));
    assert_eq!(
        Answer::of(&router, post("/form", "x")).await.code(),
        "malformed_request"
    );
    assert_eq!(
        Answer::of(&router, get("/meant")).await.json(),
        json!({"status": "degraded"})
    );
    let answer = Answer::of(&router, get("/leaking")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (500, "internal")
    );
    assert!(!answer.text.contains("secret"));
}
