//! The OpenAPI 3.1 document: one contract from the parts that the API crates describe, with what every
//! operation has in common added here, so that a route declares only what is its own.

use std::collections::BTreeMap;

use kernel::Timestamp;
use kernel::permission::Registry;
use serde_json::Value;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, Info, OpenApi, PathItem, Server};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::docs_page;
use crate::page::{Cursor, Limit};

mod consistency;
mod corrections;
mod declared_queries;
mod header_parameters;
mod standard_problems;

pub use declared_queries::DeclaredQueries;

/// The security scheme of operators: `security(("adminKey" = []))`.
pub const ADMIN_KEY: &str = "adminKey";
/// The security scheme of a tenant's callers: `security(("tenantKey" = []))`.
pub const TENANT_KEY: &str = "tenantKey";
/// The cookie of an operator's session.
pub const ADMIN_COOKIE: &str = "__Host-tenantry_admin";
/// The cookie of a session of a tenant's person.
pub const TENANT_COOKIE: &str = "__Host-tenantry_session";

/// Whoever may come with the one may come with the other.
const SESSIONS: [(&str, &str, &str); 2] = [
    (ADMIN_KEY, "adminSession", ADMIN_COOKIE),
    (TENANT_KEY, "tenantSession", TENANT_COOKIE),
];

const PERMISSION: &str = "x-permission";
const FEATURE: &str = "x-feature";

/// One document from its parts: paths and schemas merged, security schemes and standard problems added.
///
/// # Panics
/// If the parts contradict each other (two schemas by one name, two operations by one id) or refer to a schema
/// that none of them has: defects of the code that the first test finds.
pub fn document(info: Info, parts: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    let mut whole = OpenApi::default();
    whole.info = info;
    whole.servers = Some(vec![Server::new("/")]);
    for part in parts.into_iter().chain([docs_page::described()]) {
        consistency::refuse_contradiction(&whole, &part);
        whole.merge(part);
    }
    let components = whole.components.get_or_insert_default();
    add_security_schemes(components);
    add_shared_schemas(components);
    standard_problems::add_to(components);
    corrections::name_items_of_pages(components);
    for (method, operation) in whole.paths.paths.values_mut().flat_map(operations) {
        standard_problems::declare(method, operation);
        corrections::parameters_are_never_null(operation);
        corrections::times_in_queries_may_be_numbers(operation);
        add_sessions(operation.security.get_or_insert_default()); // without any, said rather than left out
    }
    consistency::refuse_ambiguity(&mut whole);
    whole
}

/// The same operations, marked in the document as needing this permission.
pub fn permitted<S, P: Registry>(mut routes: UtoipaMethodRouter<S>, permission: P) -> UtoipaMethodRouter<S> {
    for (_, operation) in routes.1.paths.values_mut().flat_map(operations) {
        let marked = Extensions::from_iter([(PERMISSION, permission.name())]);
        operation.extensions.get_or_insert_default().merge(marked);
    }
    routes
}

/// The same operations, marked in the document as open only to tenants that have this feature of a plan.
pub fn of_feature<S>(mut routes: UtoipaMethodRouter<S>, feature: &'static str) -> UtoipaMethodRouter<S> {
    for (_, operation) in routes.1.paths.values_mut().flat_map(operations) {
        let marked = Extensions::from_iter([(FEATURE, feature)]);
        operation.extensions.get_or_insert_default().merge(marked);
        let about = operation.description.get_or_insert_default();
        let gap = if about.is_empty() { "" } else { "\n\n" };
        about.extend([gap, "For tenants that have the feature `", feature, "`."]);
    }
    routes
}

/// The document as it is committed and served: members in alphabetical order, so that the same contract is the
/// same bytes.
pub fn to_json(document: &OpenApi) -> String {
    let value = serde_json::to_value(document).expect("a document is plain JSON");
    let mut text = serde_json::to_string_pretty(&sorted(value)).expect("a value is plain JSON");
    text.push('\n');
    text
}

/// serde_json sorts by itself unless some crate of the build turns `preserve_order` on.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let ordered: BTreeMap<_, _> = members
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(elements) => Value::Array(elements.into_iter().map(sorted).collect()),
        other => other,
    }
}

fn add_security_schemes(components: &mut Components) {
    for (name, about) in [
        (
            ADMIN_KEY,
            "An API key of an operator of the platform, or an access token of his.",
        ),
        (
            TENANT_KEY,
            "An API key of a tenant, or an access token of one of its people; the tenant is derived from it.",
        ),
    ] {
        let scheme = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(about))
            .build();
        components
            .security_schemes
            .insert(name.to_owned(), SecurityScheme::Http(scheme).into());
    }
    let about = "The cookie of somebody who logged in. Whatever changes something also needs `X-CSRF-Token`, which the \
                 answer to the login holds, and comes from a page of the same origin.";
    for (_, session, cookie) in SESSIONS {
        let scheme = ApiKey::Cookie(ApiKeyValue::with_description(cookie, about));
        components
            .security_schemes
            .insert(session.to_owned(), SecurityScheme::ApiKey(scheme).into());
    }
}

/// Whoever logged in by a browser comes with a cookie instead.
fn add_sessions(security: &mut Vec<SecurityRequirement>) {
    for (key, session, _) in SESSIONS {
        if security.contains(&SecurityRequirement::new(key, NO_SCOPES)) {
            security.push(SecurityRequirement::new(session, NO_SCOPES));
        }
    }
}

const NO_SCOPES: [&str; 0] = [];

/// What parameters refer to without utoipa collecting it.
fn add_shared_schemas(components: &mut Components) {
    let shared = [
        (Limit::name(), Limit::schema()),
        (Cursor::<()>::name(), Cursor::<()>::schema()),
        (Timestamp::name(), Timestamp::schema()),
    ];
    for (name, schema) in shared {
        let same = components
            .schemas
            .get(&*name)
            .is_none_or(|other| *other == schema);
        assert!(same, "two different schemas are called `{name}`");
        components.schemas.insert(name.into_owned(), schema);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = item;
    [
        ("GET", get),
        ("PUT", put),
        ("POST", post),
        ("DELETE", delete),
        ("PATCH", patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}

#[cfg(test)]
pub(crate) mod tests;
