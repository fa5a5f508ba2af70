//! `GET /api/permissions`.

use edge::{Json, Page};
use gate::{AppState, TenantCaller, any_caller};
use kernel::Permission;
use kernel::permission::Registry;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(any_caller(routes!(list)))
}

/// Something that a caller may be allowed.
#[derive(Debug, Serialize, ToSchema)]
struct PermissionView {
    /// As scopes are written.
    #[schema(example = "projects:read")]
    name: &'static str,
    /// What it allows.
    #[schema(example = "Read projects and their tasks.")]
    description: &'static str,
}

/// List the permissions there are
///
/// Scopes are made of these names, `noun:*` or `*`.
#[utoipa::path(get, path = "/api/permissions", operation_id = "listPermissions", tag = "identity",
    security(("tenantKey" = [])),
    responses((status = 200, description = "Every permission.", body = Page<PermissionView>)))]
async fn list(_caller: TenantCaller) -> Json<Page<PermissionView>> {
    let view = |permission: &Permission| PermissionView {
        name: permission.name(),
        description: permission.description(),
    };
    Json(Page {
        items: Permission::ALL.iter().map(view).collect(),
        next_cursor: None,
    })
}
