//! `/api/subscription`: what the caller's tenant pays for. It can order less than an operator: no prices, no ways to reckon, no
//! trials, and only the plans and coupons that are for self-service.

use axum::extract::State;
use axum::response::Response;
use billing::subscriptions::{
    self, AddOnItem, CancelWhen, ChangeOrder, Changed, Order, OrderedBy, Placed, Quote, Subscription, When,
};
use edge::json::Patch;
use edge::{IdempotencyKey, IfMatch, ProblemResponse};
use gate::billing::subscription_refused as refused;
use gate::{Answer, AppState, Change, NoBody, OfOrders, Optional, TenantCaller, permitted, unexpected};
use kernel::{Permission, Validate};
use serde::Deserialize;
use tenants::BillingCycle;
use tenants::plans::PlanId;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::versioned::{IfNoneMatch, shown};

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(get), Permission::BillingRead))
        .routes(permitted(routes!(put), Permission::BillingWrite))
        .routes(permitted(routes!(preview), Permission::BillingWrite))
        .routes(permitted(routes!(unschedule), Permission::BillingWrite))
        .routes(permitted(routes!(cancel), Permission::BillingWrite))
        .routes(permitted(routes!(uncancel), Permission::BillingWrite))
}

/// When an order takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OwnOrderWhen)]
enum OwnWhen {
    /// At once; the rest of the present period is credited and charged.
    #[default]
    Now,
    /// With the end of the present period.
    PeriodEnd,
}

/// What is ordered; what is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = OwnSubscriptionOrder, example = json!({"plan": "pro", "billingCycle": "yearly"}))]
struct OwnOrder {
    /// The plan: one that is sold by self-service.
    plan: Option<PlanId>,
    /// How often it is paid for.
    billing_cycle: Option<BillingCycle>,
    /// How many seats, where the plan is priced by them.
    #[schema(minimum = 1, maximum = 1_000_000)]
    quantity: Option<u32>,
    /// What it has on top, all of it; without this, what goes with the plan stays.
    add_ons: Option<Vec<AddOnItem>>,
    /// The code of a coupon that is for anyone; `null` takes the coupon away.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    coupon: Patch<String>,
    /// When it takes effect: `now` unless given.
    when: Option<OwnWhen>,
}
impl Validate for OwnOrder {}

impl From<OwnOrder> for Order {
    fn from(order: OwnOrder) -> Self {
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
            by: OrderedBy::Tenant,
            change,
            when: match order.when.unwrap_or_default() {
                OwnWhen::Now => When::Now,
                OwnWhen::PeriodEnd => When::PeriodEnd,
            },
            proration: None,
            trial_days: None,
        }
    }
}

/// Get the subscription
///
/// The one that the tenant has, or the last that it had.
#[utoipa::path(get, path = "/api/subscription", operation_id = "getSubscription", tag = "billing",
    security(("tenantKey" = [])), params(IfNoneMatch),
    responses((status = 200, description = "The subscription.", body = Subscription, headers(("ETag" = String))),
        (status = 304, description = "The caller has this version.")))]
async fn get(caller: TenantCaller, known: IfNoneMatch) -> Result<Response, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let subscription = subscriptions::latest(&mut tx, caller.tenant.id)
        .await
        .map_err(refused)?;
    Ok(shown(&known, subscription.version, subscription))
}

/// Change the subscription
///
/// Plan, cycle, seats, add-ons. Another plan holds at once, with its features, limits and quotas. The answer says what was
/// charged and taken back.
#[utoipa::path(put, path = "/api/subscription", operation_id = "putSubscription", tag = "billing",
    security(("tenantKey" = [])), params(IfMatch, IdempotencyKey), request_body = OwnOrder,
    responses(
        (status = 200, description = "The changed subscription.", body = Changed, headers(("ETag" = String))),
        (status = 201, description = "The subscription, which is new.", body = Changed,
            headers(("ETag" = String), ("Location" = String)))))]
async fn put(
    State(state): State<AppState>,
    mut change: Change<OfOrders, OwnOrder>,
) -> Result<Answer, ProblemResponse> {
    let order = std::mem::take(&mut change.body).into();
    let (tenant, expected) = (change.request.caller.tenant.id, change.request.expected);
    let terms = state.payments.terms();
    let placed = subscriptions::place(&mut change.tx, terms, tenant, expected, order).await;
    let Placed { outcome, is_new } = placed.map_err(refused)?;
    let changed = Changed::from(outcome);
    let answer = if is_new {
        Answer::created("/api/subscription".to_owned(), &changed)?
    } else {
        Answer::ok(&changed)?
    };
    change.answer(answer.version(changed.subscription.version)).await
}

/// Preview a change of the subscription
///
/// What the same `PUT` would charge and take back, to the line. Nothing is stored.
#[utoipa::path(post, path = "/api/subscription/preview", operation_id = "previewSubscription", tag = "billing",
    security(("tenantKey" = [])), params(IdempotencyKey), request_body = OwnOrder,
    responses((status = 200, description = "What it would do.", body = Quote)))]
async fn preview(
    State(state): State<AppState>,
    mut change: Change<OfOrders, OwnOrder>,
) -> Result<Answer, ProblemResponse> {
    let order = std::mem::take(&mut change.body).into();
    let (tenant, terms) = (change.request.caller.tenant.id, state.payments.terms());
    let outcome = subscriptions::preview_order(&mut change.tx, terms, tenant, order).await;
    let quote = Quote::try_from(outcome.map_err(refused)?).map_err(|error| refused(error.into()))?;
    change.answer(Answer::ok(&quote)?).await
}

/// Take the scheduled change back
#[utoipa::path(delete, path = "/api/subscription/scheduled-change", operation_id = "unscheduleSubscription", tag = "billing",
    security(("tenantKey" = [])), params(IfMatch, IdempotencyKey),
    responses((status = 200, description = "The subscription, of which no change waits.", body = Subscription,
        headers(("ETag" = String)))))]
async fn unschedule(mut change: Change<OfOrders, NoBody>) -> Result<Answer, ProblemResponse> {
    let (tenant, expected) = (change.request.caller.tenant.id, change.request.expected);
    let subscription = subscriptions::unschedule(&mut change.tx, tenant, expected).await;
    answered(change, subscription.map_err(refused)?).await
}

/// When the subscription ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OwnEndWhen)]
enum OwnEnd {
    /// At once: nobody of the tenant is let in any more. The unused rest of what was charged is taken back.
    Now,
    /// With its period.
    #[default]
    PeriodEnd,
}

/// How the subscription is to end.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = OwnCancellation, example = json!({"when": "period_end"}))]
struct OwnCancellation {
    /// When: `period_end` unless given.
    when: Option<OwnEnd>,
}
impl Validate for OwnCancellation {}

/// Cancel the subscription
///
/// With its period unless `now` is said. With the end of the subscription the tenant is cancelled.
#[utoipa::path(post, path = "/api/subscription/cancel", operation_id = "cancelSubscription", tag = "billing",
    security(("tenantKey" = [])), params(IfMatch, IdempotencyKey), request_body = Option<OwnCancellation>,
    responses((status = 200, description = "The subscription, which ends.", body = Changed, headers(("ETag" = String)))))]
async fn cancel(
    State(state): State<AppState>,
    mut change: Change<OfOrders, Optional<OwnCancellation>>,
) -> Result<Answer, ProblemResponse> {
    let when = match change.body.0.when.unwrap_or_default() {
        OwnEnd::Now => CancelWhen::Now { credit: true },
        OwnEnd::PeriodEnd => CancelWhen::PeriodEnd,
    };
    let (tenant, expected) = (change.request.caller.tenant.id, change.request.expected);
    let terms = state.payments.terms();
    let outcome = subscriptions::cancel(&mut change.tx, terms, tenant, expected, when).await;
    let changed = Changed::from(outcome.map_err(refused)?);
    let answer = Answer::ok(&changed)?.version(changed.subscription.version);
    change.answer(answer).await
}

/// Take the cancellation back
///
/// While the period lasts with which the subscription was to end.
#[utoipa::path(post, path = "/api/subscription/uncancel", operation_id = "uncancelSubscription", tag = "billing",
    security(("tenantKey" = [])), params(IfMatch, IdempotencyKey),
    responses((status = 200, description = "The subscription, which goes on.", body = Subscription,
        headers(("ETag" = String)))))]
async fn uncancel(mut change: Change<OfOrders, NoBody>) -> Result<Answer, ProblemResponse> {
    let (tenant, expected) = (change.request.caller.tenant.id, change.request.expected);
    let subscription = subscriptions::uncancel(&mut change.tx, tenant, expected).await;
    answered(change, subscription.map_err(refused)?).await
}

async fn answered(
    change: Change<OfOrders, NoBody>,
    subscription: Subscription,
) -> Result<Answer, ProblemResponse> {
    let answer = Answer::ok(&subscription)?.version(subscription.version);
    change.answer(answer).await
}
