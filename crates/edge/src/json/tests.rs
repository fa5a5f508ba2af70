use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::post as route;
use kernel::TenantId;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::answer::{Answer, layered, post};
use crate::validate::Checks;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewThing {
    name: String,
    #[serde(default)]
    sizes: Vec<u8>,
    owner: Option<Owner>,
    tenant: Option<TenantId>,
    kind: Option<Kind>,
    #[serde(default)]
    note: Patch<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Owner {
    email: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Big,
    Named { title: String },
}

impl Validate for NewThing {
    fn check(&self, errors: &mut Vec<FieldError>) {
        Checks::new(errors)
            .length("/name", &self.name, 1..=5)
            .at_most("/sizes", self.sizes.len(), 2);
    }
}

async fn create(Json(thing): Json<NewThing>) -> String {
    let title = match thing.kind {
        Some(Kind::Named { title }) => title,
        Some(Kind::Big) => "big".to_owned(),
        None => String::new(),
    };
    let owner = thing.owner.map(|owner| owner.email).unwrap_or_default();
    format!(
        "{} {:?} {owner} {:?} {title}",
        thing.name, thing.note, thing.tenant
    )
}

#[test]
fn a_whole_number_may_be_written_with_a_fraction() {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let read = |body: &str| parse_json::<NewThing>(&headers, body.as_bytes());
    assert_eq!(
        read(r#"{"name":"a","sizes":[7.0,8]}"#).expect("whole").sizes,
        [7, 8]
    );
    for (body, pointer) in [
        (r#"{"name":"a","sizes":[7.5]}"#, "/sizes/0"),
        (r#"{"name":2.0,"sizes":[7.0]}"#, "/name"),
    ] {
        let refused = read(body).expect_err(body);
        assert_eq!(refused.errors[0].pointer, pointer, "{body}");
    }
}

async fn send(body: impl Into<Body>) -> Answer {
    Answer::of(&layered(Router::new().route("/", route(create))), post("/", body)).await
}

fn refusal(body: &str) -> Problem {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    parse_json::<NewThing>(&headers, body.as_bytes()).expect_err(body)
}

#[tokio::test]
async fn takes_what_is_valid() {
    let answer =
        send(r#" {"name":"a","owner":{"email":"e"},"note":null,"kind":{"named":{"title":"t"}}} "#).await;
    assert_eq!(answer.text, "a Clear e None t");
    assert_eq!(
        send(r#"{"name":"a\\u0000","kind":"big"}"#).await.code(),
        "validation_failed"
    ); // 7 characters
    assert_eq!(
        send(r#"{"name":"\\u00","kind":"big"}"#).await.text,
        r"\u00 Keep  None big"
    );
}

#[tokio::test]
async fn malformed_json_is_400_and_says_where() {
    let answer = send("{\n  \"name\": }").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "malformed_request")
    );
    let detail = answer.json()["detail"].clone();
    assert_eq!(
        detail,
        "The body is not JSON: expected value at line 2 column 11."
    );
    for body in [
        "{",
        "nul",
        "{\"name\":\"a\"} x",
        "{'name':1}",
        "\u{feff}{}",
        "{\"name\":\"\\ud800\"}",
        "{\"name\":\"a\u{1}\"}",
    ] {
        assert_eq!(refusal(body).code, Code::MalformedRequest, "{body}");
    }
    let deep = format!("{{\"name\":{}", "[".repeat(100_000)); // stopped long before the stack is used up
    assert_eq!(refusal(&deep).code, Code::ValidationFailed);
    assert_eq!(
        send(&b"{\"name\":\"\xff\"}"[..]).await.code(),
        "malformed_request"
    );
    assert_eq!(
        send(" \n").await.json()["detail"],
        "The body is empty where JSON is expected."
    );
}

#[test]
fn what_does_not_fit_is_422_with_its_pointer() {
    for (body, pointer, detail) in [
        (
            r#"{"name":7}"#,
            "/name",
            "invalid type: integer `7`, expected a string",
        ),
        (
            r#"{"name":"a","sizes":[1,"x"]}"#,
            "/sizes/1",
            "invalid type: string \"x\", expected u8",
        ),
        (
            r#"{"name":"a","sizes":[1,256]}"#,
            "/sizes/1",
            "invalid value: integer `256`, expected u8",
        ),
        (r#"{"name":"a","owner":{}}"#, "/owner/email", "is required"),
        (
            r#"{"name":"a","owner":{"email":"e","a/b~c":1}}"#,
            "/owner/a~1b~0c",
            "is not a known field",
        ),
        (
            r#"{"name":"a","tenant":"user_1"}"#,
            "/tenant",
            "not a tenant identifier",
        ),
        (
            r#"{"name":"a","kind":"small"}"#,
            "/kind",
            "unknown variant `small`, expected `big` or `named`",
        ),
        (
            r#"{"name":"a","kind":{"named":{"title":1}}}"#,
            "/kind/named/title",
            "invalid type: integer `1`, expected a string",
        ),
        ("{}", "/name", "is required"),
        ("[]", "", "must be an object"),
        ("7", "", "must be an object"),
        (r#"{"name":"a","name":"b"}"#, "", "duplicate field `name`"),
    ] {
        let problem = refusal(body);
        assert_eq!(problem.code, Code::ValidationFailed, "{body}");
        assert_eq!(problem.errors, [FieldError::new(pointer, detail)], "{body}");
    }
}

#[test]
fn unknown_members_are_refused_all_at_once_without_asking_each_type() {
    let problem = refusal(r#"{"name":"a","colour":1,"a/b":{"c":2}}"#);
    let pointers: Vec<_> = problem
        .errors
        .iter()
        .map(|error| error.pointer.as_str())
        .collect();
    assert_eq!(pointers, ["/colour", "/a~1b"]);
}

#[test]
fn checks_report_every_field() {
    let problem = refusal(r#"{"name":"","sizes":[1,2,3]}"#);
    let pointers: Vec<_> = problem
        .errors
        .iter()
        .map(|error| error.pointer.as_str())
        .collect();
    assert_eq!(pointers, ["/name", "/sizes"]);
}

#[test]
fn nul_is_refused_wherever_it_is() {
    for (body, pointers) in [
        (
            r#"{"name":"a\u0000b","owner":{"email":"\\\u0000"}}"#,
            vec!["/name", "/owner/email"],
        ),
        (r#"{"name":"a","x\u0000":1}"#, vec![""]),
        (r#"{"sizes":["\u0000"]}"#, vec!["/sizes/0"]),
        (r#"{"name":"\u0000","name":"b"}"#, vec![""]),
    ] {
        let problem = refusal(body);
        let found: Vec<_> = problem
            .errors
            .iter()
            .map(|error| error.pointer.as_str())
            .collect();
        assert_eq!(
            (problem.code, found),
            (Code::ValidationFailed, pointers),
            "{body}"
        );
        assert_eq!(problem.errors[0].detail, NUL);
    }
    assert!(!has_nul_escape(br"\\u0000") && has_nul_escape(br"\\\u0000") && !has_nul_escape(br"\"));
}

#[tokio::test]
async fn other_media_types_are_415() {
    let router = layered(Router::new().route("/", route(create)));
    let body = r#"{"name":"a"}"#;
    for (content_type, status) in [
        ("application/json", 200),
        ("application/JSON; charset=UTF-8", 200),
        ("application/merge-patch+json", 200),
        ("application/json; charset=utf-16", 415),
        ("application/jsonp", 415),
        ("text/json", 415),
        ("application/x-www-form-urlencoded", 415),
    ] {
        let request = Request::post("/")
            .header("content-type", content_type)
            .body(body.into())
            .expect("valid");
        assert_eq!(
            Answer::of(&router, request).await.status.as_u16(),
            status,
            "{content_type}"
        );
    }
    let answer = Answer::of(&router, Request::post("/").body(body.into()).expect("valid")).await;
    assert_eq!(answer.code(), "unsupported_media_type");
}

#[tokio::test]
async fn a_body_may_be_optional() {
    async fn cancel(thing: Option<Json<NewThing>>) -> String {
        thing.map_or("none".to_owned(), |Json(thing)| thing.name)
    }
    let router = layered(Router::new().route("/", route(cancel)));
    let bare = Request::post("/").body(Body::empty()).expect("valid");
    assert_eq!(Answer::of(&router, bare).await.text, "none");
    assert_eq!(Answer::of(&router, post("/", r#"{"name":"a"}"#)).await.text, "a");
    assert_eq!(
        Answer::of(&router, post("/", "{}")).await.code(),
        "validation_failed"
    );
}

#[tokio::test]
async fn answers_plain_json() {
    let response = Json(json!({"a": 1})).into_response();
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
}
