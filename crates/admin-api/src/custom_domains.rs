//! `/admin/tenants/{id}/domains`.

use axum::extract::State;
use edge::{IdempotencyKey, Json, Page, Path, ProblemResponse};
use gate::{Answer, AppState, Change, NoBody, OfPlatform, PlatformCaller, permitted, unexpected};
use kernel::{AdminPermission, Code, FieldError, Problem, TenantId, Validate};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use white_label::custom_domains::{self, CustomDomainView, Hostname, ReleaseDomainError};

use crate::tenant_failures::registering;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), AdminPermission::TenantsRead))
        .routes(permitted(routes!(add), AdminPermission::TenantsUpdate))
        .routes(permitted(routes!(release), AdminPermission::TenantsUpdate))
}

/// A host name that a tenant brings.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"domain": "app.acme.com"}))]
struct DomainOrder {
    /// The name; international ones in either form.
    #[schema(value_type = Hostname)]
    domain: String,
}
impl Validate for DomainOrder {}

/// List a tenant's custom domains
#[utoipa::path(get, path = "/admin/tenants/{id}/domains", operation_id = "listDomains", tag = "domains",
    security(("adminKey" = [])), params(("id" = TenantId, Path)),
    responses((status = 200, description = "All of them, the first one first.", body = Page<CustomDomainView>)))]
async fn list(
    State(state): State<AppState>,
    caller: PlatformCaller,
    Path(tenant): Path<TenantId>,
) -> Result<Json<Page<CustomDomainView>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    tenants::get(&mut tx, tenant)
        .await
        .map_err(unexpected)?
        .ok_or(Code::NotFound)?;
    let domains = custom_domains::list(&mut tx, tenant).await.map_err(unexpected)?;
    let target = state.settings.routing_target();
    let items = domains
        .into_iter()
        .map(|domain| CustomDomainView::new(domain, target))
        .collect();
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Add a custom domain
///
/// It is served once its ownership is proved; `dnsRecords` says what to set.
#[utoipa::path(post, path = "/admin/tenants/{id}/domains", operation_id = "addDomain", tag = "domains",
    security(("adminKey" = [])), params(("id" = TenantId, Path), IdempotencyKey), request_body = DomainOrder,
    responses((status = 201, description = "The domain.", body = CustomDomainView, headers(("Location" = String)))))]
async fn add(
    State(state): State<AppState>,
    Path(tenant): Path<TenantId>,
    mut change: Change<OfPlatform, DomainOrder>,
) -> Result<Answer, ProblemResponse> {
    let own = state.provisioner.base_domain();
    let name = Hostname::parse(&change.body.domain, own)
        .map_err(|error| Problem::invalid(vec![FieldError::new("/domain", error.to_string())]))?;
    let domain = custom_domains::register(&mut change.tx, tenant, name)
        .await
        .map_err(registering)?;
    let location = format!("/admin/tenants/{tenant}/domains/{}", domain.domain.as_str());
    let shown = CustomDomainView::new(domain, state.settings.routing_target());
    change.answer(Answer::created(location, &shown)?).await
}

/// Give a custom domain up
#[utoipa::path(delete, path = "/admin/tenants/{id}/domains/{domain}", operation_id = "releaseDomain", tag = "domains",
    security(("adminKey" = [])), params(("id" = TenantId, Path), ("domain" = String, Path), IdempotencyKey),
    responses((status = 204, description = "The tenant does not have it any more.")))]
async fn release(
    State(state): State<AppState>,
    Path((tenant, domain)): Path<(TenantId, String)>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let name = Hostname::parse(&domain, state.provisioner.base_domain()).map_err(|_| Code::NotFound)?;
    custom_domains::release(&mut change.tx, tenant, &name)
        .await
        .map_err(|error| match error {
            ReleaseDomainError::NotFound => Code::NotFound.into(),
            ReleaseDomainError::Database(error) => unexpected(error),
        })?;
    change.answer(Answer::no_content()).await
}
