//! Every route of the product, its document, and the layers around them.

use axum::Router;
use axum::middleware::from_fn_with_state;
use edge::Limits;
use gate::AppState;
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{Info, License, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use super::documentation_ids;

const ABOUT: &str = "Tenants, walled off on PostgreSQL: provisioning, tenant data, keys, audit. \
    Errors are RFC 9457 problems, lists page by cursor, every change takes an Idempotency-Key.";

/// What operations are grouped under.
const TAGS: &[(&str, &str)] = &[
    (
        "tenants",
        "The platform's tenants: their records and their lifecycle.",
    ),
    ("provisioning", "How a tenant is made and removed, step by step."),
    ("domains", "Host names that tenants bring."),
    ("keys", "API keys of tenants and of operators."),
    (
        "operators",
        "People who operate the platform, and what they may do.",
    ),
    ("identity", "People, and how they come in."),
    ("auth", "Logging in, second factors, sessions, and access tokens."),
    ("security", "What tenants demand at their doors."),
    (
        "gateway",
        "Judging requests for a gateway in front of other applications.",
    ),
    ("tenant", "The caller's own tenant."),
    ("projects", "Projects of the caller's tenant."),
    ("tasks", "Tasks of its projects."),
    ("files", "Its files: records and contents."),
    ("settings", "What its application keeps by name."),
    ("billing", "What is paid, by what, and who collects it."),
    ("webhooks", "Who is told of what happens, and what was delivered."),
    ("usage", "What tenants use, and how much they may."),
    ("audit", "Who did what, and when."),
    ("health", "Whether the service works."),
    ("documentation", "This contract, for programs and for people."),
];

pub(super) fn router(state: &AppState, limits: &Limits) -> Router {
    let (routes, part) = routes().split_for_parts();
    let document = describe(part);
    let routes = routes
        .with_state(state.clone())
        .merge(edge::docs_page::routes(&document));
    let layered = gate::layers(routes, state, &document, limits);
    match &state.settings.development {
        Some(development) => {
            // Around the routes, because it changes which route a path leads to.
            let ids = documentation_ids::Ids::of(development);
            let whole = tower::ServiceBuilder::new()
                .layer(from_fn_with_state(ids, documentation_ids::replace))
                .service(layered);
            Router::new().fallback_service(whole)
        }
        None => layered,
    }
}

pub(super) fn document() -> OpenApi {
    describe(routes().split_for_parts().1)
}

fn routes() -> OpenApiRouter<AppState> {
    admin_api::router()
        .merge(auth_api::router())
        .merge(tenant_api::router())
}

fn describe(part: OpenApi) -> OpenApi {
    let mut info = Info::new("Tenantry", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    let mut licence = License::new("MIT");
    licence.identifier = Some("MIT".to_owned());
    info.license = Some(licence);
    let mut document = edge::openapi::document(info, [part]);
    document.tags = Some(TAGS.iter().map(tag).collect());
    document
}

fn tag((name, about): &(&str, &str)) -> Tag {
    TagBuilder::new().name(*name).description(Some(*about)).build()
}
