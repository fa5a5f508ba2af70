//! `GET` and `PATCH /api/tenant`: the caller's own.

use axum::extract::State;
use axum::response::Response;
use edge::{IdempotencyKey, IfMatch, ProblemResponse};
use gate::{Answer, AppState, Change, OfTenantControl, TenantCaller, permitted, unexpected};
use kernel::{Code, Permission, Problem, TenantId, Validate};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenants::directory::TenantSnapshot;
use tenants::plans::PlanId;
use tenants::view::TenantView;
use tenants::{ChangeTenantError, Slug, Status, TenantName};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::refusals::sentence;
use crate::versioned::{IfNoneMatch, shown_as_kept};

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(get), Permission::TenantRead))
        .routes(permitted(routes!(update), Permission::TenantUpdate))
}

/// A tenant in few words.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TenantSummary {
    /// Which one.
    id: TenantId,
    /// What people call it.
    name: TenantName,
    /// What it is called in addresses.
    slug: Slug,
    /// Where it stands.
    status: Status,
    /// What it is on.
    plan: PlanId,
}

impl From<&TenantSnapshot> for TenantSummary {
    fn from(tenant: &TenantSnapshot) -> Self {
        Self {
            id: tenant.id,
            name: tenant.name.clone(),
            slug: tenant.slug.clone(),
            status: tenant.status,
            plan: tenant.plan,
        }
    }
}

/// Get the tenant
///
/// The caller's own: whose credential he has.
#[utoipa::path(get, path = "/api/tenant", operation_id = "getOwnTenant", tag = "tenant",
    security(("tenantKey" = [])), params(IfNoneMatch),
    responses(
        (status = 200, description = "The tenant.", body = TenantView, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version.")))]
async fn get(
    caller: TenantCaller,
    State(state): State<AppState>,
    known: IfNoneMatch,
) -> Result<Response, ProblemResponse> {
    let record = state.records.own(&caller.ctx).await.map_err(unexpected)?;
    let record = record.ok_or(Code::NotFound)?;
    Ok(shown_as_kept(&known, record.version, || record.json()))
}

/// What a tenant changes about itself; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Acme Corporation", "config": {"settings": {"timezone": "Europe/Berlin"}}}))]
struct OwnTenantChange {
    /// What people call it.
    name: Option<TenantName>,
    /// What its application is told.
    #[serde(default, deserialize_with = "kernel::object")]
    config: OwnConfigChange,
}
impl Validate for OwnTenantChange {}

/// What a tenant's application is told.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OwnConfigChange {
    /// A JSON Merge Patch (RFC 7396) of the application's settings.
    #[serde(default)]
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

/// Change the tenant
///
/// Its name and its application's settings; everything else is the platform's to change.
#[utoipa::path(patch, path = "/api/tenant", operation_id = "updateOwnTenant", tag = "tenant",
    security(("tenantKey" = [])), params(IfMatch, IdempotencyKey), request_body = OwnTenantChange,
    responses((status = 200, description = "The changed tenant.", body = TenantView, headers(("ETag" = String)))))]
async fn update(mut change: Change<OfTenantControl, OwnTenantChange>) -> Result<Answer, ProblemResponse> {
    let OwnTenantChange { name, config } = std::mem::take(&mut change.body);
    let expected = change.request.expected;
    let tenant = tenants::update_own(&mut change.tx, expected, name, config.settings)
        .await
        .map_err(failed)?;
    let version = tenant.version;
    change
        .answer(Answer::ok(&TenantView::from(tenant))?.version(version))
        .await
}

fn failed(error: ChangeTenantError) -> ProblemResponse {
    match error {
        ChangeTenantError::NotFound => Code::NotFound.into(),
        ChangeTenantError::VersionMismatch(_) => Code::PreconditionFailed.into(),
        ChangeTenantError::InvalidTransition(_) | ChangeTenantError::NotEditable(_) => {
            Problem::new(Code::InvalidTransition, sentence(&error)).into()
        }
        ChangeTenantError::SlugTaken => Code::SlugTaken.into(),
        ChangeTenantError::Settings(invalid) => Problem::invalid(vec![invalid.at("/config/settings")]).into(),
        ChangeTenantError::Database(error) => unexpected(error),
    }
}
