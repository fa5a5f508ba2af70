//! `GET`, `PATCH` and `DELETE /admin/tenants/{id}`.

use std::collections::BTreeMap;

use axum::extract::State;
use billing::subscriptions;
use edge::json::Patch;
use edge::{ETag, IdempotencyKey, IfMatch, Json, Path, ProblemResponse, Query};
use gate::billing::subscription_refused;
use gate::{Answer, AppState, Change, NoBody, OfPlatform, PlatformCaller, forbidden, permitted, unexpected};
use kernel::{AdminPermission, Code, FieldError, TenantId, Validate};
use serde::Deserialize;
use serde_json::{Map, Value};
use tenants::plans::{FeaturePatch, LimitPatch, PlanId};
use tenants::view::TenantView;
use tenants::{BillingCycle, GraceDays, PatchTenant, Region, Slug, TenantName};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::tenant_failures::{changing, parameter};

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(get), AdminPermission::TenantsRead))
        .routes(permitted(routes!(update), AdminPermission::TenantsUpdate))
        .routes(permitted(routes!(delete), AdminPermission::TenantsDelete))
}

/// Get a tenant
#[utoipa::path(get, path = "/admin/tenants/{id}", operation_id = "getTenant", tag = "tenants",
    security(("adminKey" = [])), params(("id" = TenantId, Path)),
    responses((status = 200, description = "The tenant.", body = TenantView, headers(("ETag" = String)))))]
async fn get(
    caller: PlatformCaller,
    Path(id): Path<TenantId>,
) -> Result<(ETag, Json<TenantView>), ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let tenant = tenants::get(&mut tx, id)
        .await
        .map_err(unexpected)?
        .ok_or(Code::NotFound)?;
    Ok((ETag::version(tenant.version), Json(tenant.into())))
}

/// What is to change; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Acme Corporation", "config": {"features": {"sso": true}}}))]
struct TenantChange {
    /// What people call it.
    name: Option<TenantName>,
    /// What it is called in addresses; the old one leads to it for 30 days.
    slug: Option<Slug>,
    /// What it is on.
    plan: Option<PlanId>,
    /// How often it pays.
    billing_cycle: Option<BillingCycle>,
    /// Where it wants its data to be; `null` is anywhere.
    #[serde(default)]
    #[schema(value_type = Option<Region>)]
    region: Patch<Region>,
    /// Limits other than the plan's; `null` returns to the plan's.
    #[serde(default)]
    #[schema(value_type = LimitPatch)]
    limits: BTreeMap<String, Option<i64>>,
    /// What it has differently from its plan.
    #[serde(default, deserialize_with = "kernel::object")]
    config: ConfigChange,
}

/// Deviations from the plan.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConfigChange {
    /// Features granted (`true`) or withheld (`false`) whatever the plan says; `null` returns to the plan.
    #[serde(default)]
    #[schema(value_type = FeaturePatch)]
    features: BTreeMap<String, Option<bool>>,
    /// A JSON Merge Patch (RFC 7396) of the application's settings.
    #[serde(default)]
    #[schema(value_type = Object)]
    settings: Map<String, Value>,
}

impl TenantChange {
    fn features(&self) -> Result<FeaturePatch, Vec<FieldError>> {
        FeaturePatch::from_json("/config/features", self.config.features.clone())
    }

    fn limits(&self) -> Result<LimitPatch, Vec<FieldError>> {
        LimitPatch::from_json("/limits", self.limits.clone())
    }
}

impl Validate for TenantChange {
    fn check(&self, errors: &mut Vec<FieldError>) {
        errors.extend(self.limits().err().into_iter().flatten());
        errors.extend(self.features().err().into_iter().flatten());
    }
}

impl From<TenantChange> for PatchTenant {
    fn from(change: TenantChange) -> Self {
        let (features, limits) = (change.features(), change.limits());
        Self {
            name: change.name,
            slug: change.slug,
            plan: change.plan,
            billing_cycle: change.billing_cycle,
            region: match change.region {
                Patch::Keep => None,
                Patch::Clear => Some(None),
                Patch::Set(region) => Some(Some(region)),
            },
            features: features.unwrap_or_default(),
            limits: limits.unwrap_or_default(),
            settings: change.config.settings,
        }
    }
}

/// Change a tenant
///
/// Another plan or billing cycle is a change of its subscription, charged and credited at once as `PUT …/subscription` does;
/// for these `billing:write` is needed too.
#[utoipa::path(patch, path = "/admin/tenants/{id}", operation_id = "updateTenant", tag = "tenants",
    security(("adminKey" = [])), params(("id" = TenantId, Path), IfMatch, IdempotencyKey), request_body = TenantChange,
    responses((status = 200, description = "The changed tenant.", body = TenantView, headers(("ETag" = String)))))]
async fn update(
    State(state): State<AppState>,
    Path(id): Path<TenantId>,
    mut change: Change<OfPlatform, TenantChange>,
) -> Result<Answer, ProblemResponse> {
    let patch = PatchTenant::from(std::mem::take(&mut change.body));
    if subscriptions::buys(&patch) {
        let may = change.request.caller.ctx.authorize(AdminPermission::BillingWrite);
        may.map_err(|refused| forbidden(&refused))?;
    }
    let (terms, expected) = (state.payments.terms(), change.request.expected);
    let updated = subscriptions::update_tenant(&mut change.tx, terms, id, expected, patch).await;
    let tenant = updated.map_err(subscription_refused)?;
    let version = tenant.version;
    change
        .answer(Answer::ok(&TenantView::from(tenant))?.version(version))
        .await
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct DeletionOptions {
    /// Days until everything is removed, 0 to 365; the installation's default unless given.
    #[param(minimum = 0, maximum = 365)]
    grace_days: Option<u16>,
}

/// Delete a tenant
///
/// Its people are shut out at once. Until `deletion.purgeAt` it can be restored; then everything it has is removed.
#[utoipa::path(delete, path = "/admin/tenants/{id}", operation_id = "deleteTenant", tag = "tenants",
    security(("adminKey" = [])), params(("id" = TenantId, Path), DeletionOptions, IfMatch, IdempotencyKey),
    responses((status = 202, description = "The tenant will be removed.", body = TenantView)))]
async fn delete(
    State(state): State<AppState>,
    Path(id): Path<TenantId>,
    Query(options): Query<DeletionOptions>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let grace = match options.grace_days.map(GraceDays::new).transpose() {
        Ok(grace) => grace.unwrap_or(state.settings.deletion_grace),
        Err(error) => return Err(parameter("graceDays", &error.to_string())),
    };
    let tenant = tenants::request_deletion(&mut change.tx, id, change.request.expected, grace)
        .await
        .map_err(changing)?;
    let location = format!("/admin/tenants/{id}");
    change
        .answer(Answer::accepted(location, &TenantView::from(tenant))?)
        .await
}
