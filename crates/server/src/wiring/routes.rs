//! Every route of the product, its document, and the layers around them.

use axum::Router;
use axum::middleware::from_fn_with_state;
use edge::Limits;
use gate::AppState;
use utoipa::openapi::{Info, License, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use super::documentation_ids;

const ABOUT: &str = "Tenants, walled off on PostgreSQL: provisioning, tenant data, keys, audit. \
    Errors are RFC 9457 problems, lists page by cursor, every change takes an Idempotency-Key.";

pub(super) fn router(state: &AppState, limits: &Limits) -> Router {
    let (routes, part) = routes().split_for_parts();
    let document = describe(part);
    let routes = routes.with_state(state.clone()).merge(edge::docs_page::routes(&document));
    let checked = edge::openapi::refuse_undeclared_queries(routes, &document)
        .layer(from_fn_with_state(state.clone(), gate::redirect_moved_slug));
    let layered = edge::layers(checked, state.databases.seams(), limits);
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
    admin_api::router().merge(tenant_api::router())
}

fn describe(part: OpenApi) -> OpenApi {
    let mut info = Info::new("Tenantry", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    let mut licence = License::new("MIT");
    licence.identifier = Some("MIT".to_owned());
    info.license = Some(licence);
    edge::openapi::document(info, [part])
}
