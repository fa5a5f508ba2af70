//! `/admin/tenants/{id}/subscription`: what a tenant pays for, and how that changes by an operator's order.

use axum::extract::State;
use billing::subscriptions::{
    self, AddOnItem, ChangeOrder, Changed, Order, OrderedBy, Placed, Quote, Subscription, When,
};
use edge::json::Patch;
use edge::{ETag, IdempotencyKey, IfMatch, Json, Page, Path, ProblemResponse};
use gate::billing::subscription_refused as refused;
use gate::{Answer, AppState, Change, NoBody, OfPlatform, PlatformCaller, permitted, unexpected};
use kernel::{AdminPermission, Code, FieldError, TenantId, Timestamp, Validate};
use pricing::ProrationMode;
use serde::Deserialize;
use tenants::BillingCycle;
use tenants::plans::PlanId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(get), AdminPermission::BillingRead))
        .routes(permitted(routes!(history), AdminPermission::BillingRead))
        .routes(permitted(routes!(put), AdminPermission::BillingWrite))
        .routes(permitted(routes!(preview), AdminPermission::BillingWrite))
        .routes(permitted(routes!(unschedule), AdminPermission::BillingWrite))
}

/// When an order takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum OrderWhen {
    /// At once; the rest of the present period is credited and charged.
    #[default]
    Now,
    /// With the end of the present period.
    PeriodEnd,
}

/// What is ordered; what is left out stays. The first order begins the subscription and needs a plan.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"plan": "enterprise", "billingCycle": "yearly"}))]
struct SubscriptionOrder {
    /// The plan.
    plan: Option<PlanId>,
    /// How often it is paid for.
    billing_cycle: Option<BillingCycle>,
    /// How many seats, where the plan is priced by them.
    #[schema(minimum = 1, maximum = 1_000_000)]
    quantity: Option<u32>,
    /// What it has on top, all of it; without this, what goes with the plan stays.
    add_ons: Option<Vec<AddOnItem>>,
    /// A coupon's code, from the next invoice on; `null` takes the coupon away.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    coupon: Patch<String>,
    /// When it takes effect: `now` unless given.
    when: Option<OrderWhen>,
    /// At this instant within the present period, instead of `when`.
    at: Option<Timestamp>,
    /// How parts of the period are measured; as the installation does unless given. Of what takes effect at once.
    proration_mode: Option<ProrationMode>,
    /// Of a first subscription: days to try it, instead of the price list's.
    #[schema(maximum = 730)]
    trial_days: Option<u16>,
}

impl Validate for SubscriptionOrder {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if self.when.is_some() && self.at.is_some() {
            errors.push(FieldError::new("/at", "must not be given with `when`"));
        }
        if self.trial_days.is_some_and(|days| days > 730) {
            errors.push(FieldError::new("/trialDays", "must be from 0 to 730"));
        }
    }
}

impl From<SubscriptionOrder> for Order {
    fn from(order: SubscriptionOrder) -> Self {
        let when = match (order.at, order.when.unwrap_or_default()) {
            (Some(at), _) => When::At(at),
            (None, OrderWhen::Now) => When::Now,
            (None, OrderWhen::PeriodEnd) => When::PeriodEnd,
        };
        let change = ChangeOrder {
            plan: order.plan,
            cycle: order.billing_cycle,
            quantity: order.quantity,
            add_ons: order.add_ons,
            coupon: match order.coupon {
                Patch::Keep => None,
                Patch::Clear => Some(String::new()),
                Patch::Set(code) => Some(code),
            },
        };
        Self {
            by: OrderedBy::Operator,
            change,
            when,
            proration: order.proration_mode,
            trial_days: order.trial_days,
        }
    }
}

/// Get a tenant's subscription
///
/// The one that it has, or the last that it had.
#[utoipa::path(get, path = "/admin/tenants/{id}/subscription", operation_id = "getTenantSubscription", tag = "billing",
    security(("adminKey" = [])), params(("id" = TenantId, Path)),
    responses((status = 200, description = "The subscription.", body = Subscription, headers(("ETag" = String)))))]
async fn get(
    caller: PlatformCaller,
    Path(tenant): Path<TenantId>,
) -> Result<(ETag, Json<Subscription>), ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let subscription = subscriptions::latest(&mut tx, tenant).await.map_err(refused)?;
    Ok((ETag::version(subscription.version), Json(subscription)))
}

/// List a tenant's subscriptions
///
/// All that it ever had, the latest first; there are few.
#[utoipa::path(get, path = "/admin/tenants/{id}/subscriptions", operation_id = "listTenantSubscriptions", tag = "billing",
    security(("adminKey" = [])), params(("id" = TenantId, Path)),
    responses((status = 200, description = "The subscriptions.", body = Page<Subscription>)))]
async fn history(
    caller: PlatformCaller,
    Path(tenant): Path<TenantId>,
) -> Result<Json<Page<Subscription>>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let known = tenants::get(&mut tx, tenant).await.map_err(unexpected)?;
    known.ok_or(Code::NotFound)?;
    let items = subscriptions::history(&mut tx, tenant)
        .await
        .map_err(unexpected)?;
    Ok(Json(Page {
        items,
        next_cursor: None,
    }))
}

/// Put a tenant on a plan
///
/// Begins its subscription, or changes the one that it has: plan, cycle, seats, add-ons, coupon. Another plan is the tenant's
/// at once, with its features, limits and quotas. The answer says what was charged and taken back.
#[utoipa::path(put, path = "/admin/tenants/{id}/subscription", operation_id = "putTenantSubscription", tag = "billing",
    security(("adminKey" = [])), params(("id" = TenantId, Path), IfMatch, IdempotencyKey),
    request_body = SubscriptionOrder,
    responses(
        (status = 200, description = "The changed subscription.", body = Changed, headers(("ETag" = String))),
        (status = 201, description = "The subscription, which is new.", body = Changed,
            headers(("ETag" = String), ("Location" = String)))))]
async fn put(
    State(state): State<AppState>,
    Path(tenant): Path<TenantId>,
    mut change: Change<OfPlatform, SubscriptionOrder>,
) -> Result<Answer, ProblemResponse> {
    let order = std::mem::take(&mut change.body).into();
    let (terms, expected) = (state.payments.terms(), change.request.expected);
    let placed = subscriptions::place(&mut change.tx, terms, tenant, expected, order).await;
    let Placed { outcome, is_new } = placed.map_err(refused)?;
    let changed = Changed::from(outcome);
    let answer = if is_new {
        Answer::created(format!("/admin/tenants/{tenant}/subscription"), &changed)?
    } else {
        Answer::ok(&changed)?
    };
    change.answer(answer.version(changed.subscription.version)).await
}

/// Preview a change of a tenant's subscription
///
/// What the same `PUT` would charge and take back, to the line. Nothing is stored.
#[utoipa::path(post, path = "/admin/tenants/{id}/subscription/preview", operation_id = "previewTenantSubscription",
    tag = "billing", security(("adminKey" = [])), params(("id" = TenantId, Path), IdempotencyKey),
    request_body = SubscriptionOrder,
    responses((status = 200, description = "What it would do.", body = Quote)))]
async fn preview(
    State(state): State<AppState>,
    Path(tenant): Path<TenantId>,
    mut change: Change<OfPlatform, SubscriptionOrder>,
) -> Result<Answer, ProblemResponse> {
    let order = std::mem::take(&mut change.body).into();
    let terms = state.payments.terms();
    let outcome = subscriptions::preview_order(&mut change.tx, terms, tenant, order).await;
    let quote = Quote::try_from(outcome.map_err(refused)?).map_err(|error| refused(error.into()))?;
    change.answer(Answer::ok(&quote)?).await
}

/// Take a scheduled change back
#[utoipa::path(delete, path = "/admin/tenants/{id}/subscription/scheduled-change",
    operation_id = "unscheduleTenantSubscription", tag = "billing",
    security(("adminKey" = [])), params(("id" = TenantId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The subscription, of which no change waits.", body = Subscription,
        headers(("ETag" = String)))))]
async fn unschedule(
    Path(tenant): Path<TenantId>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let expected = change.request.expected;
    let subscription = subscriptions::unschedule(&mut change.tx, tenant, expected).await;
    let subscription = subscription.map_err(refused)?;
    let version = subscription.version;
    change.answer(Answer::ok(&subscription)?.version(version)).await
}
