//! The body of a refusal (RFC 9457 §3), and its schema.

use kernel::{Code, FieldError, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

/// A refusal (RFC 9457): what went wrong, by a stable `code`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(examples(json!({
    "type": "/problems/not_found",
    "title": "There is no such thing here.",
    "status": 404,
    "instance": "/api/projects/project_01h455vb4pex5vsknk084sn02q",
    "code": "not_found",
    "requestId": "req_01h455vb4pex5vsknk084sn02q"
})))]
pub struct ProblemBody {
    /// The address of the page about this code.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference")]
    pub kind: String,
    /// One sentence for people, the same for every occurrence of the code.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What went wrong this time, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    pub detail: String,
    /// The path that was asked for.
    #[schema(format = "uri-reference")]
    pub instance: String,
    /// The stable name of what went wrong.
    #[schema(schema_with = code_schema)]
    pub code: String,
    /// Names this request in the logs; tell it to whoever runs the service.
    pub request_id: String,
    /// The fields that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
    /// What this code says beyond that, such as `metric`, `limit`, `current` and `resetAt` of `quota_exceeded`.
    #[serde(flatten)]
    #[schema(value_type = HashMap<String, Object>)]
    pub members: Map<String, Value>,
}

impl ProblemBody {
    /// The body for this problem with this request.
    pub fn new(problem: &Problem, instance: &str, request_id: &str) -> Self {
        Self {
            kind: page_address(problem.code),
            title: problem.code.title().to_owned(),
            status: problem.code.status(),
            detail: problem.detail.clone(),
            instance: instance.to_owned(),
            code: problem.code.name().to_owned(),
            request_id: request_id.to_owned(),
            errors: problem.errors.clone(),
            members: Map::new(),
        }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers serialise")
    }
}

/// Where the page about a code is served: the `type` member, relative to the service.
pub(crate) fn page_address(code: Code) -> String {
    format!("/problems/{}", code.name())
}

fn code_schema() -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Code::ALL.iter().map(|code| code.name())))
        .into()
}
