//! `GET` and `POST /admin/tenants`.

use axum::extract::State;
use edge::{Cursor, IdempotencyKey, Json, Limit, Page, ProblemResponse, Query};
use gate::{Answer, AppState, Keyed, OfPlatform, PlatformCaller, permitted, unexpected};
use isolation::IsolationStrategy;
use kernel::{AdminPermission, Timestamp};
use provisioning::ProvisionRequest;
use serde::Deserialize;
use tenants::plans::PlanId;
use tenants::view::TenantView;
use tenants::{Filter, ListTenantsError, PageRequest, Position, Sort, Status};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::provisioning_runs;
use crate::tenant_failures::parameter;

type TenantCursor = Cursor<Position>;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), AdminPermission::TenantsList))
        .routes(permitted(routes!(create), AdminPermission::TenantsCreate))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct TenantFilter {
    #[serde(default)]
    limit: Limit,
    /// `nextCursor` of the page before.
    cursor: Option<TenantCursor>,
    #[serde(default)]
    sort: Sort,
    status: Option<Status>,
    plan: Option<PlanId>,
    isolation_strategy: Option<IsolationStrategy>,
    /// How the name, the slug or the identifier begins.
    q: Option<String>,
    created_after: Option<Timestamp>,
    created_before: Option<Timestamp>,
    /// On a trial that ends within so many days.
    trial_ending: Option<u16>,
    /// Whose subscription ends within so many days.
    subscription_ending: Option<u16>,
}

impl TenantFilter {
    fn filter(&self) -> Filter {
        Filter {
            status: self.status,
            plan: self.plan,
            isolation_strategy: self.isolation_strategy,
            q: self.q.clone(),
            created_after: self.created_after,
            created_before: self.created_before,
            trial_ending_days: self.trial_ending,
            subscription_ending_days: self.subscription_ending,
        }
    }
}

/// List tenants
#[utoipa::path(get, path = "/admin/tenants", operation_id = "listTenants", tag = "tenants",
    security(("adminKey" = [])), params(TenantFilter),
    responses((status = 200, description = "A page of tenants.", body = Page<TenantView>)))]
async fn list(
    caller: PlatformCaller,
    Query(query): Query<TenantFilter>,
) -> Result<Json<Page<TenantView>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let page = PageRequest {
        limit: query.limit.rows(),
        after: query.cursor.as_ref().map(|at| at.0.clone()),
    };
    let rows = tenants::list(&mut tx, &query.filter(), query.sort, page)
        .await
        .map_err(listing)?;
    let page = Page::new(rows, query.limit, |tenant| tenant.position(query.sort));
    Ok(Json(page.map(TenantView::from)))
}

fn listing(error: ListTenantsError) -> ProblemResponse {
    match error {
        ListTenantsError::Database(error) => unexpected(error),
        ListTenantsError::ForeignPosition => {
            parameter("cursor", "is not a cursor that this order of the list gave out")
        }
    }
}

/// Create a tenant
///
/// The same order as `POST /admin/provision`, answered with the tenant.
#[utoipa::path(post, path = "/admin/tenants", operation_id = "createTenant", tag = "tenants",
    security(("adminKey" = [])), params(IdempotencyKey), request_body = ProvisionRequest,
    responses(
        (status = 201, description = "The tenant is ready.", body = TenantView, headers(("Location" = String))),
        (status = 202, description = "The tenant is being made.", body = TenantView, headers(("Location" = String)))))]
async fn create(
    State(state): State<AppState>,
    order: Keyed<OfPlatform, ProvisionRequest>,
) -> Result<Answer, ProblemResponse> {
    let ctx = order.request.caller.ctx.clone();
    let view = provisioning_runs::provision(&state, order).await?;
    let mut tx = ctx.control().await.map_err(unexpected)?;
    let tenant = tenants::get(&mut tx, view.tenant_id)
        .await
        .map_err(unexpected)?
        .ok_or(kernel::Code::NotFound)?;
    let location = format!("/admin/tenants/{}", tenant.id);
    let ended = view.status.is_final();
    let shown = TenantView::from(tenant);
    if ended {
        Answer::created(location, &shown)
    } else {
        Answer::accepted(location, &shown)
    }
}
