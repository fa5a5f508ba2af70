use axum::Router;
use axum::routing;
use kernel::{TenantId, Timestamp};
use serde::Deserialize;

use super::*;
use crate::answer::{Answer, get, layered};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    created_after: Option<Timestamp>,
    tenant_id: Option<TenantId>,
    size: Option<u8>,
    deleted: Option<bool>,
    status: Option<Status>,
    text: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Status {
    Active,
}

fn refusal(query: &str) -> Vec<(String, String)> {
    let problem = parse_query::<Filter>(query).expect_err(query);
    assert_eq!(problem.code, Code::InvalidParameter, "{query}");
    problem
        .errors
        .into_iter()
        .map(|error| (error.pointer, error.detail))
        .collect()
}

#[test]
fn reads_every_kind_of_parameter() {
    let filter: Filter = parse_query(
        "createdAfter=1709600000123&tenantId=tenant_01h455vb4pex5vsknk084sn02q&size=7&deleted=true&status=active&text=a%20b+c",
    )
    .expect("valid");
    assert_eq!(
        filter.created_after.expect("given").to_string(),
        "2024-03-05T00:53:20.123Z"
    );
    assert_eq!(
        filter.tenant_id.expect("given").to_string(),
        "tenant_01h455vb4pex5vsknk084sn02q"
    );
    assert_eq!(
        (filter.size, filter.deleted, filter.status),
        (Some(7), Some(true), Some(Status::Active))
    );
    assert_eq!(filter.text.as_deref(), Some("a b c"));
    let filter: Filter = parse_query("createdAfter=2026-03-05T11:42:00%2B01:00").expect("RFC 3339");
    assert_eq!(
        filter.created_after.expect("given").to_string(),
        "2026-03-05T10:42:00.000Z"
    );
    assert!(
        parse_query::<Filter>("")
            .expect("nothing is required")
            .text
            .is_none()
    );
}

#[test]
fn refuses_by_name() {
    for (query, name, detail) in [
        (
            "createdAfter=yesterday",
            "?createdAfter",
            "neither an RFC 3339 time nor epoch milliseconds, in the years 1 to 9999",
        ),
        ("tenantId=7", "?tenantId", "not a tenant identifier"),
        ("size=256", "?size", "must be a whole number within range"),
        ("size=", "?size", "must be a whole number within range"),
        ("deleted=1", "?deleted", "must be `true` or `false`"),
        (
            "status=gone",
            "?status",
            "unknown variant `gone`, expected `active`",
        ),
        ("text=a&text=b", "?text", "is given more than once"),
        ("text=a%00b", "?text", "must not contain the character U+0000"),
        ("Text=a", "?Text", "is not a known parameter"),
    ] {
        assert_eq!(refusal(query), [(name.to_owned(), detail.to_owned())], "{query}");
    }
    let names: Vec<_> = refusal("a=1&size=1&b=2")
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["?a", "?b"]);
}

#[tokio::test]
async fn a_refusal_is_a_400() {
    async fn list(Query(_): Query<Filter>) {}
    let router = layered(Router::new().route("/things", routing::get(list)));
    assert_eq!(
        Answer::of(&router, get("/things?size=1")).await.status.as_u16(),
        200
    );
    let answer = Answer::of(&router, get("/things?colour=red")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "invalid_parameter")
    );
    assert_eq!(answer.pointers(), ["?colour"]);
    assert_eq!(answer.json()["instance"], "/things"); // never the query
}
