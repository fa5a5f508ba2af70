//! `POST /admin/tenants/{id}/suspend`, `reactivate`, `cancel`, `restore`.

use axum::extract::State;
use billing::subscriptions;
use edge::{IdempotencyKey, IfMatch, Path, ProblemResponse};
use gate::billing::subscription_refused;
use gate::{Answer, AppState, Change, NoBody, OfPlatform, permitted};
use kernel::{AdminPermission, TenantId, Validate};
use serde::Deserialize;
use tenants::view::TenantView;
use tenants::{SuspensionReason, Tenant};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tenant_failures::changing;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(suspend), AdminPermission::TenantsUpdate))
        .routes(permitted(routes!(reactivate), AdminPermission::TenantsUpdate))
        .routes(permitted(routes!(cancel), AdminPermission::TenantsUpdate))
        .routes(permitted(routes!(restore), AdminPermission::TenantsDelete))
}

/// Why a tenant is suspended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"reason": "Abuse report 4711"}))]
struct Suspension {
    /// Shown to the tenant's people.
    reason: SuspensionReason,
}
impl Validate for Suspension {}

/// Suspend a tenant
///
/// Its people are refused with `tenant_suspended`; its data stays.
#[utoipa::path(post, path = "/admin/tenants/{id}/suspend", operation_id = "suspendTenant", tag = "tenants",
    security(("adminKey" = [])), params(("id" = TenantId, Path), IfMatch, IdempotencyKey), request_body = Suspension,
    responses((status = 200, description = "The suspended tenant.", body = TenantView)))]
async fn suspend(
    Path(id): Path<TenantId>,
    mut change: Change<OfPlatform, Suspension>,
) -> Result<Answer, ProblemResponse> {
    let reason = change.body.reason.clone();
    let tenant = tenants::suspend(&mut change.tx, id, change.request.expected, reason)
        .await
        .map_err(changing)?;
    shown(change, tenant).await
}

/// Reactivate a suspended tenant
#[utoipa::path(post, path = "/admin/tenants/{id}/reactivate", operation_id = "reactivateTenant", tag = "tenants",
    security(("adminKey" = [])), params(("id" = TenantId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The active tenant.", body = TenantView)))]
async fn reactivate(
    Path(id): Path<TenantId>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let tenant = tenants::reactivate(&mut change.tx, id, change.request.expected)
        .await
        .map_err(changing)?;
    shown(change, tenant).await
}

/// Cancel a tenant
///
/// Its subscription ends with it; the unused rest of what was charged is taken back, off what is due and to the balance.
#[utoipa::path(post, path = "/admin/tenants/{id}/cancel", operation_id = "cancelTenant", tag = "tenants",
    security(("adminKey" = [])), params(("id" = TenantId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The cancelled tenant.", body = TenantView)))]
async fn cancel(
    State(state): State<AppState>,
    Path(id): Path<TenantId>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (terms, expected) = (state.payments.terms(), change.request.expected);
    let canceled = subscriptions::cancel_tenant(&mut change.tx, terms, id, expected).await;
    let tenant = canceled.map_err(subscription_refused)?;
    shown(change, tenant).await
}

/// Restore a tenant
///
/// Undoes a cancellation, or a deletion whose grace time is not over.
#[utoipa::path(post, path = "/admin/tenants/{id}/restore", operation_id = "restoreTenant", tag = "tenants",
    security(("adminKey" = [])), params(("id" = TenantId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The restored tenant.", body = TenantView)))]
async fn restore(
    Path(id): Path<TenantId>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let tenant = tenants::restore(&mut change.tx, id, change.request.expected)
        .await
        .map_err(changing)?;
    shown(change, tenant).await
}

async fn shown<B>(change: Change<OfPlatform, B>, tenant: Tenant) -> Result<Answer, ProblemResponse> {
    let version = tenant.version;
    change
        .answer(Answer::ok(&TenantView::from(tenant))?.version(version))
        .await
}
