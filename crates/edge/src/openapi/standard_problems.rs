//! The refusals that an operation can answer because of what it is, declared once as components and referred
//! to by every operation. What an operation declares itself stays.

use kernel::{Code, FieldError, Problem};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::{Components, Content, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::problem::{MEDIA_TYPE, ProblemBody};

/// A standard refusal: its component's name, its status, what it means, and the code of its example.
struct Standard(&'static str, &'static str, &'static str, Code);

const ALL: [Standard; 13] = [
    Standard(
        "BadRequest",
        "400",
        "The request or a parameter of it is not well formed.",
        Code::MalformedRequest,
    ),
    Standard(
        "Unauthenticated",
        "401",
        "A valid credential is required.",
        Code::Unauthenticated,
    ),
    Standard(
        "Forbidden",
        "403",
        "The credential does not allow this, the tenant is not active, or its plan does not have the feature.",
        Code::Forbidden,
    ),
    Standard(
        "NotFound",
        "404",
        "There is no such thing here, or none that the caller may know of.",
        Code::NotFound,
    ),
    Standard(
        "RequestTimeout",
        "408",
        "The body took too long to arrive.",
        Code::RequestTimeout,
    ),
    Standard(
        "Conflict",
        "409",
        "The request conflicts with the present state.",
        Code::Conflict,
    ),
    Standard(
        "PreconditionFailed",
        "412",
        "The resource was changed in the meantime.",
        Code::PreconditionFailed,
    ),
    Standard(
        "PayloadTooLarge",
        "413",
        "The body is larger than allowed.",
        Code::PayloadTooLarge,
    ),
    Standard(
        "UnsupportedMediaType",
        "415",
        "The body is of a type that is not accepted.",
        Code::UnsupportedMediaType,
    ),
    Standard(
        "Invalid",
        "422",
        "The request has fields that are not valid.",
        Code::ValidationFailed,
    ),
    Standard(
        "TooManyRequests",
        "429",
        "A rate limit or a quota is used up.",
        Code::RateLimited,
    ),
    Standard(
        "Unavailable",
        "503",
        "The service is busy or away; `Retry-After` says when to try again.",
        Code::Overloaded,
    ),
    Standard("Timeout", "504", "The request took too long.", Code::Timeout),
];

pub(super) fn add_to(components: &mut Components) {
    let mut schemas = vec![(ProblemBody::name().into_owned(), ProblemBody::schema())];
    ProblemBody::schemas(&mut schemas);
    components.schemas.extend(schemas);
    for Standard(name, _, description, code) in ALL {
        components
            .responses
            .insert(name.to_owned(), response(description, code).into());
    }
}

fn response(description: &str, code: Code) -> Response {
    let mut problem = Problem::from(code);
    if code == Code::ValidationFailed {
        problem.errors.push(FieldError::new("/name", "is required"));
    }
    let example = ProblemBody::new(&problem, "/api/projects", "req_01h455vb4pex5vsknk084sn02q");
    let example = serde_json::to_value(example).expect("strings and numbers serialise");
    let schema = Ref::from_schema_name(ProblemBody::name());
    let content = Content::builder()
        .schema(Some(schema))
        .example(Some(example))
        .build();
    ResponseBuilder::new()
        .description(description)
        .content(MEDIA_TYPE, content)
        .build()
}

/// Adds what the operation can answer and does not declare itself.
pub(super) fn declare(method: &str, operation: &mut Operation) {
    let can_answer = statuses(method, operation);
    for Standard(name, status, ..) in ALL {
        if can_answer.contains(&status) {
            let reference = Ref::from_response_name(name);
            let responses = &mut operation.responses.responses;
            responses
                .entry(status.to_owned())
                .or_insert_with(|| RefOr::Ref(reference));
        }
    }
}

fn statuses(method: &str, operation: &Operation) -> Vec<&'static str> {
    let has = |wanted: &dyn Fn(&Parameter) -> bool| {
        let parameters = operation.parameters.iter().flatten();
        parameters
            .into_iter()
            .any(|parameter| matches!(parameter, RefOr::T(inline) if wanted(inline)))
    };
    let secured = operation
        .security
        .as_ref()
        .is_some_and(|schemes| !schemes.is_empty());
    let mut statuses = vec!["400", "503", "504"];
    if secured {
        statuses.extend(["401", "403", "404", "429"]);
    }
    if has(&|parameter| parameter.parameter_in == ParameterIn::Path) {
        statuses.push("404");
    }
    if operation.request_body.is_some() {
        statuses.extend(["408", "413", "415", "422"]);
    }
    if method != "GET" {
        statuses.push("409");
    }
    if has(&|parameter| parameter.name.eq_ignore_ascii_case("if-match")) {
        statuses.push("412");
    }
    statuses
}
