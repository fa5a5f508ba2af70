use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use kernel::{Entity, Id, Permission, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::*;
use crate::answer::{Answer, ask, get, layered, post};
use crate::problem::ProblemResponse;
use crate::{Cursor, ETag, IdempotencyKey, IfMatch, Json, Limit, Page, Patch, Path, Query, Validate};

enum Thing {}
impl Entity for Thing {
    const PREFIX: &'static str = "thing";
}
type ThingId = Id<Thing>;
/// An alias, because utoipa wants to look into type parameters that it sees.
type ThingCursor = Cursor<(Timestamp, ThingId)>;

/// A thing as it is shown.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThingView {
    id: ThingId,
    tenant_id: TenantId,
    owner: Option<UserId>,
    created_at: Timestamp,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ThingChange {
    /// The new name.
    #[schema(min_length = 1, max_length = 200, examples("Apollo"))]
    name: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    note: Patch<String>,
}
impl Validate for ThingChange {}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ThingFilter {
    #[serde(default)]
    limit: Limit,
    cursor: Option<ThingCursor>,
    created_after: Option<Timestamp>,
    name: Option<String>,
    owner: Option<UserId>,
}

/// List things
#[utoipa::path(get, path = "/things", tag = "things", params(ThingFilter), security(("tenantKey" = [])),
    responses((status = 200, description = "A page of things.", body = Page<ThingView>)))]
async fn list(Query(filter): Query<ThingFilter>) -> Json<Page<ThingView>> {
    assert!(
        filter.cursor.is_none()
            && filter.created_after.is_none()
            && filter.name.is_none()
            && filter.owner.is_none()
    );
    Json(Page::new(Vec::new(), filter.limit, |thing: &ThingView| thing.id))
}

/// Change a thing
#[utoipa::path(patch, path = "/things/{id}", tag = "things", security(("tenantKey" = [])),
    params(("id" = ThingId, Path), IfMatch, IdempotencyKey), request_body = ThingChange,
    responses((status = 204, description = "Changed."), (status = 409, description = "Its own conflict.")))]
async fn change(
    Path(_id): Path<ThingId>,
    condition: IfMatch,
    Json(change): Json<ThingChange>,
) -> Result<(ETag, String), ProblemResponse> {
    condition.check(&ETag::version(1))?;
    Ok((ETag::version(2), format!("{:?} {:?}", change.name, change.note)))
}

#[utoipa::path(get, path = "/health", responses((status = 200, description = "Up.")))]
async fn health(_: HeaderMap) {}

pub(crate) fn example() -> (Router, OpenApi) {
    let things = OpenApiRouter::new()
        .routes(permitted(routes!(list), Permission::ProjectsRead))
        .routes(permitted(routes!(change), Permission::ProjectsWrite));
    let (things, first) = OpenApiRouter::new().nest("/api", things).split_for_parts();
    let (health, second) = OpenApiRouter::default().routes(routes!(health)).split_for_parts();
    (
        things.merge(health),
        document(Info::new("Example", "1.2.3"), [first, second]),
    )
}

pub(crate) fn example_json() -> Value {
    serde_json::from_str(&to_json(&example().1)).expect("JSON")
}

fn statuses(document: &Value, pointer: &str) -> Vec<String> {
    document.pointer(pointer).expect(pointer)["responses"]
        .as_object()
        .expect("map")
        .keys()
        .cloned()
        .collect()
}

#[test]
fn every_operation_declares_what_it_can_answer() {
    let document = example_json();
    assert_eq!(document["openapi"], "3.1.0");
    let list = "/paths/~1api~1things/get";
    let change = "/paths/~1api~1things~1{id}/patch";
    assert_eq!(
        statuses(&document, "/paths/~1health/get"),
        ["200", "400", "503", "504"]
    );
    assert_eq!(
        statuses(&document, list),
        ["200", "400", "401", "403", "404", "429", "503", "504"]
    );
    let all = "204 400 401 403 404 408 409 412 413 415 422 429 503 504";
    assert_eq!(statuses(&document, change), all.split(' ').collect::<Vec<_>>());
    let responses = &document.pointer(change).expect("there")["responses"];
    assert_eq!(responses["409"]["description"], "Its own conflict.");
    assert_eq!(responses["422"]["$ref"], "#/components/responses/Invalid");
    assert_eq!(
        document.pointer(change).expect("there")["x-permission"],
        "projects:write"
    );
    assert_eq!(
        document["components"]["securitySchemes"]["tenantKey"]["scheme"],
        "bearer"
    );
}

#[test]
fn schemas_say_what_holds() {
    let document = example_json();
    let schemas = &document["components"]["schemas"];
    assert_eq!(
        schemas["TenantId"]["pattern"],
        "^tenant_[0-7][0-9a-hjkmnp-tv-z]{25}$"
    );
    assert_eq!(
        schemas["ThingId"]["pattern"],
        "^thing_[0-7][0-9a-hjkmnp-tv-z]{25}$"
    );
    let items = json!({"$ref": "#/components/schemas/ThingView"});
    assert_eq!(schemas["Page_ThingView"]["properties"]["items"]["items"], items);
    let parameters = document
        .pointer("/paths/~1api~1things/get/parameters")
        .expect("there");
    let name = parameters
        .as_array()
        .expect("list")
        .iter()
        .find(|parameter| parameter["name"] == "name");
    assert_eq!(name.expect("there")["schema"], json!({"type": "string"}));
    assert_eq!(schemas["ThingChange"]["additionalProperties"], false);
}

#[test]
fn the_same_contract_is_the_same_bytes() {
    let first = to_json(&example().1);
    assert!(first.ends_with("}\n") && first.find("\"components\"") < first.find("\"info\""));
    for _ in 0..5 {
        assert_eq!(to_json(&example().1), first);
    }
}

#[test]
#[should_panic(expected = "GET /health: another operation has the id `health` already")]
fn operation_ids_are_unique() {
    let mut part = OpenApiRouter::<()>::default()
        .routes(routes!(health))
        .into_openapi();
    let again = part.paths.paths["/health"].clone();
    part.paths.paths.insert("/again".to_owned(), again);
    document(Info::new("Example", "1"), [part]);
}

#[test]
#[should_panic(expected = "two different schemas are called `ThingView`")]
fn schema_names_are_unique() {
    let part = || {
        OpenApiRouter::<()>::default()
            .routes(routes!(list))
            .into_openapi()
    };
    let mut other = part();
    let schemas = &mut other.components.as_mut().expect("has some").schemas;
    schemas.insert("ThingView".to_owned(), Limit::schema());
    document(Info::new("Example", "1"), [part(), other]);
}

#[test]
#[should_panic(expected = "#/components/schemas/ThingId")]
fn what_is_referred_to_is_there() {
    let mut part = OpenApiRouter::<()>::default()
        .routes(routes!(list))
        .into_openapi();
    part.components
        .as_mut()
        .expect("has some")
        .schemas
        .remove("ThingId");
    document(Info::new("Example", "1"), [part]);
}

#[tokio::test]
async fn undeclared_parameters_are_refused_where_no_handler_looks() {
    let (router, document) = example();
    let declared = Arc::new(DeclaredQueries::of(&document));
    let checked = from_fn(move |request: Request, next: Next| {
        let declared = Arc::clone(&declared);
        async move {
            let (parts, body) = request.into_parts();
            match declared.check(&parts) {
                Ok(()) => next.run(Request::from_parts(parts, body)).await,
                Err(refused) => refused.into_response(),
            }
        }
    });
    let own = router.route("/own", axum::routing::get(|| async {}));
    let router = layered(own.layer(checked));
    assert_eq!(Answer::of(&router, get("/health")).await.status.as_u16(), 200);
    let answer = Answer::of(&router, get("/health?deep=1&a")).await;
    assert_eq!(
        (answer.code().as_str(), answer.pointers()),
        ("invalid_parameter", vec!["?a".into(), "?deep".into()])
    );
    assert_eq!(
        Answer::of(&router, ask("HEAD", "/health?deep=1"))
            .await
            .status
            .as_u16(),
        400
    );
    let answer = Answer::of(&router, get("/api/things?limit=7")).await;
    assert_eq!(answer.json(), json!({"items": [], "nextCursor": null}));
    assert_eq!(
        Answer::of(&router, get("/own?x=1")).await.status.as_u16(),
        200,
        "not in the document"
    );
    assert_eq!(Answer::of(&router, get("/none?x=1")).await.code(), "not_found");
}

#[tokio::test]
async fn a_patch_tells_null_from_absent_and_holds_its_precondition() {
    let router = layered(example().0);
    let patch = |body: &'static str, condition: &'static str| {
        let mut request = post("/api/things/thing_01h455vb4pex5vsknk084sn02q", body);
        *request.method_mut() = Method::PATCH;
        request
            .headers_mut()
            .insert("if-match", HeaderValue::from_static(condition));
        request
    };
    let answer = Answer::of(&router, patch(r#"{"note":null}"#, "\"v1\"")).await;
    assert_eq!(
        (answer.text.as_str(), answer.header("etag")),
        ("None Clear", "\"v2\"")
    );
    assert_eq!(Answer::of(&router, patch("{}", "*")).await.text, "None Keep");
    assert_eq!(
        Answer::of(&router, patch("{}", "\"v2\"")).await.code(),
        "precondition_failed"
    );
    assert_eq!(
        Answer::of(&router, patch("{}", "v1")).await.code(),
        "malformed_request"
    );
}
