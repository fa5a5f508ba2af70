//! `/admin/tenants/{id}/quotas`: how much a tenant may use, where that is not simply what its plan says.

use axum::extract::State;
use edge::{IdempotencyKey, IfMatch, Json, Path, ProblemResponse, Query};
use gate::{Answer, AppState, Change, NoBody, OfPlatform, PlatformCaller, permitted, unexpected};
use isolation::ControlTx;
use kernel::{AdminPermission, Code, FieldError, Problem, TenantId, Validate};
use metering::metrics::MetricName;
use metering::periods::Period;
use metering::quotas::{self, Mode, OwnQuota, Quota, QuotaCheck, QuotaError};
use metering::reading::CalendarView;
use serde::{Deserialize, Serialize};
use tenants::plans::Limit;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::usage::opened;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(list), AdminPermission::UsageRead))
        .routes(permitted(routes!(put), AdminPermission::QuotasWrite))
        .routes(permitted(routes!(delete), AdminPermission::QuotasWrite))
}

/// Where a quota comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Origin {
    /// The tenant's plan.
    Plan,
    /// It was set for the tenant itself.
    Own,
}

/// A quota, its use, and where it comes from.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TenantQuota {
    #[serde(flatten)]
    check: QuotaCheck,
    /// Where it comes from.
    origin: Origin,
    /// What `If-Match` compares: 0 of what the plan says.
    version: i64,
}

/// The quotas that hold for a tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TenantQuotas {
    /// Where their days and months begin.
    calendar: CalendarView,
    /// By metric and period.
    items: Vec<TenantQuota>,
}

/// List a tenant's quotas
///
/// Those that hold: its plan's, replaced and extended by its own, each with its use.
#[utoipa::path(get, path = "/admin/tenants/{id}/quotas", operation_id = "listTenantQuotas", tag = "usage",
    security(("adminKey" = [])), params(("id" = TenantId, Path)),
    responses((status = 200, description = "The quotas.", body = TenantQuotas)))]
async fn list(
    State(state): State<AppState>,
    caller: PlatformCaller,
    Path(tenant): Path<TenantId>,
) -> Result<Json<TenantQuotas>, ProblemResponse> {
    let (mut tx, meter, _) = opened(&state, &caller, tenant).await?;
    let own = quotas::own(&mut tx, tenant).await.map_err(unexpected)?;
    let mut items: Vec<TenantQuota> = meter
        .checks(caller.ctx.seams().now())
        .into_iter()
        .map(|check| with_origin(check, &own))
        .collect();
    items.sort_by(|one, other| {
        let key = |quota: &TenantQuota| (quota.check.quota.metric.clone(), quota.check.quota.period);
        key(one).cmp(&key(other))
    });
    Ok(Json(TenantQuotas {
        calendar: CalendarView::from(&*meter.calendar()),
        items,
    }))
}

fn with_origin(check: QuotaCheck, own: &[OwnQuota]) -> TenantQuota {
    let of_it =
        |own: &&OwnQuota| (&own.quota.metric, own.quota.period) == (&check.quota.metric, check.quota.period);
    let version = own.iter().find(of_it).map(|own| own.version);
    TenantQuota {
        check,
        origin: version.map_or(Origin::Plan, |_| Origin::Own),
        version: version.unwrap_or(0),
    }
}

/// A quota that is set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"limit": 100_000, "period": "monthly", "softLimit": 80_000, "mode": "hard"}))]
struct QuotaOrder {
    /// How much; -1 is unlimited.
    limit: Limit,
    /// How often it starts anew. Of what there is now, such as storage, there is a total only.
    period: Period,
    /// From where on it warns, where that is not 80 %.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    soft_limit: Option<u64>,
    /// What happens at the limit: `hard` unless given.
    mode: Option<Mode>,
}

impl Validate for QuotaOrder {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if self.soft_limit.is_some_and(|soft| soft >= 1 << 53) {
            let detail = "must be from 0 to 9007199254740991";
            errors.push(FieldError::new("/softLimit", detail));
        }
    }
}

/// Set a tenant's quota
///
/// In place of what its plan says of this metric and period, or beside it. It holds on every node within a second; what
/// was used in the period stays used.
#[utoipa::path(put, path = "/admin/tenants/{id}/quotas/{metric}", operation_id = "putTenantQuota", tag = "usage",
    security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("metric" = String, Path, description = "The metric's name.", example = "api_calls"),
        IfMatch, IdempotencyKey),
    request_body = QuotaOrder,
    responses((status = 200, description = "The quota.", body = Quota, headers(("ETag" = String)))))]
async fn put(
    Path((tenant, metric)): Path<(TenantId, String)>,
    mut change: Change<OfPlatform, QuotaOrder>,
) -> Result<Answer, ProblemResponse> {
    lock(&mut change.tx, tenant).await?;
    let quota = Quota {
        metric: metric.parse().map_err(|_| Code::NotFound)?,
        limit: change.body.limit,
        period: change.body.period,
        soft_limit: change.body.soft_limit,
        mode: change.body.mode.unwrap_or(Mode::Hard),
    };
    let expected = change.request.expected;
    let version = quotas::set(&mut change.tx, tenant, &quota, expected)
        .await
        .map_err(failed)?;
    change.answer(Answer::ok(&quota)?.version(version)).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct WhichPeriod {
    /// Of this period; without it, of each.
    period: Option<Period>,
}

/// Clear a tenant's own quota
///
/// What the plan says holds again.
#[utoipa::path(delete, path = "/admin/tenants/{id}/quotas/{metric}", operation_id = "deleteTenantQuota", tag = "usage",
    security(("adminKey" = [])),
    params(("id" = TenantId, Path), ("metric" = String, Path, description = "The metric's name.", example = "api_calls"),
        WhichPeriod, IfMatch, IdempotencyKey),
    responses((status = 204, description = "The tenant has no such quota of its own any more.")))]
async fn delete(
    Path((tenant, metric)): Path<(TenantId, String)>,
    Query(which): Query<WhichPeriod>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    lock(&mut change.tx, tenant).await?;
    let metric: MetricName = metric.parse().map_err(|_| Code::NotFound)?;
    let (tx, expected) = (&mut change.tx, change.request.expected);
    let own = quotas::own(tx, tenant).await.map_err(unexpected)?;
    let wanted = |own: &&OwnQuota| {
        own.quota.metric == metric && which.period.is_none_or(|period| period == own.quota.period)
    };
    let meant: Vec<&OwnQuota> = own.iter().filter(wanted).collect();
    if meant.is_empty() {
        return Err(Code::NotFound.into());
    }
    for own in meant {
        quotas::clear(tx, tenant, &metric, own.quota.period, expected)
            .await
            .map_err(failed)?;
    }
    change.answer(Answer::no_content()).await
}

/// Keeps others from setting the tenant's quotas until the transaction ends; 404 for a tenant that there is not.
pub(crate) async fn lock(tx: &mut ControlTx, tenant: TenantId) -> Result<(), ProblemResponse> {
    let known = tenants::get_for_update(tx, tenant).await.map_err(unexpected)?;
    let known = known.ok_or(Code::NotFound)?;
    if known.status.is_editable() {
        return Ok(());
    }
    let detail = format!("The tenant is {}.", known.status.name());
    Err(Problem::new(Code::InvalidTransition, detail).into())
}

fn failed(error: QuotaError) -> ProblemResponse {
    match error {
        QuotaError::Database(error) => unexpected(error),
        QuotaError::Invalid(invalid) => Problem::invalid(vec![invalid.field()]).into(),
        QuotaError::UnknownMetric | QuotaError::NotFound => Code::NotFound.into(),
        QuotaError::VersionMismatch => Code::PreconditionFailed.into(),
    }
}
