//! `POST /admin/tenants/{id}/subscription/cancel`, `uncancel`, `pause`, `resume`, `end-trial`.

use axum::extract::State;
use billing::subscriptions::{self, CancelWhen, Changed, Outcome, Subscription};
use edge::{IdempotencyKey, IfMatch, Path, ProblemResponse};
use gate::billing::subscription_refused as refused;
use gate::{Answer, AppState, Change, NoBody, OfPlatform, Optional, permitted};
use kernel::{AdminPermission, FieldError, TenantId, Timestamp, Validate};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(routes!(cancel), AdminPermission::BillingWrite))
        .routes(permitted(routes!(uncancel), AdminPermission::BillingWrite))
        .routes(permitted(routes!(pause), AdminPermission::BillingWrite))
        .routes(permitted(routes!(resume), AdminPermission::BillingWrite))
        .routes(permitted(routes!(end_trial), AdminPermission::BillingWrite))
}

/// When a subscription ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum EndWhen {
    /// At once, and the tenant is cancelled with it.
    Now,
    /// With its period.
    #[default]
    PeriodEnd,
}

/// How a subscription is to end.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"when": "now", "credit": true}))]
struct Cancellation {
    /// When: `period_end` unless given.
    when: Option<EndWhen>,
    /// Whether the unused rest of what was charged is taken back, off what is due and to the balance: yes, unless given. Only
    /// with `now`.
    credit: Option<bool>,
}

impl Validate for Cancellation {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if self.credit.is_some() && self.when != Some(EndWhen::Now) {
            let detail = "is for `now`; with the end of the period nothing is left to take back";
            errors.push(FieldError::new("/credit", detail));
        }
    }
}

/// Cancel a tenant's subscription
///
/// With its period unless `now` is said. What was used and is not invoiced yet comes with a last invoice; with the end of the
/// subscription the tenant is cancelled.
#[utoipa::path(post, path = "/admin/tenants/{id}/subscription/cancel", operation_id = "cancelTenantSubscription",
    tag = "billing", security(("adminKey" = [])), params(("id" = TenantId, Path), IfMatch, IdempotencyKey),
    request_body = Option<Cancellation>,
    responses((status = 200, description = "The subscription, which ends.", body = Changed, headers(("ETag" = String)))))]
async fn cancel(
    State(state): State<AppState>,
    Path(tenant): Path<TenantId>,
    mut change: Change<OfPlatform, Optional<Cancellation>>,
) -> Result<Answer, ProblemResponse> {
    let wanted = &change.body.0;
    let when = match wanted.when.unwrap_or_default() {
        EndWhen::PeriodEnd => CancelWhen::PeriodEnd,
        EndWhen::Now => CancelWhen::Now {
            credit: wanted.credit.unwrap_or(true),
        },
    };
    let (terms, expected) = (state.payments.terms(), change.request.expected);
    let outcome = subscriptions::cancel(&mut change.tx, terms, tenant, expected, when).await;
    charged(change, outcome.map_err(refused)?).await
}

/// Take a cancellation back
///
/// While the period lasts with which the subscription was to end.
#[utoipa::path(post, path = "/admin/tenants/{id}/subscription/uncancel", operation_id = "uncancelTenantSubscription",
    tag = "billing", security(("adminKey" = [])), params(("id" = TenantId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The subscription, which goes on.", body = Subscription,
        headers(("ETag" = String)))))]
async fn uncancel(
    Path(tenant): Path<TenantId>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let expected = change.request.expected;
    let subscription = subscriptions::uncancel(&mut change.tx, tenant, expected).await;
    shown(change, subscription.map_err(refused)?).await
}

/// How a subscription pauses.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({}))]
struct Pause {
    /// When it goes on by itself; not by itself unless given.
    resumes_at: Option<Timestamp>,
}
impl Validate for Pause {}

/// Pause a tenant's subscription
///
/// Nothing is invoiced until it is resumed. The tenant stays open until what was charged is used up.
#[utoipa::path(post, path = "/admin/tenants/{id}/subscription/pause", operation_id = "pauseTenantSubscription",
    tag = "billing", security(("adminKey" = [])), params(("id" = TenantId, Path), IfMatch, IdempotencyKey),
    request_body = Option<Pause>,
    responses((status = 200, description = "The subscription, which pauses.", body = Subscription,
        headers(("ETag" = String)))))]
async fn pause(
    State(state): State<AppState>,
    Path(tenant): Path<TenantId>,
    mut change: Change<OfPlatform, Optional<Pause>>,
) -> Result<Answer, ProblemResponse> {
    let resumes_at = change.body.0.resumes_at;
    let (terms, expected) = (state.payments.terms(), change.request.expected);
    let paused = subscriptions::pause(&mut change.tx, terms, tenant, expected, resumes_at).await;
    shown(change, paused.map_err(refused)?).await
}

/// Resume a tenant's subscription
///
/// Within the period that was charged nothing is charged; after it a new one begins.
#[utoipa::path(post, path = "/admin/tenants/{id}/subscription/resume", operation_id = "resumeTenantSubscription",
    tag = "billing", security(("adminKey" = [])), params(("id" = TenantId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The subscription, which goes on.", body = Changed,
        headers(("ETag" = String)))))]
async fn resume(
    State(state): State<AppState>,
    Path(tenant): Path<TenantId>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (terms, expected) = (state.payments.terms(), change.request.expected);
    let outcome = subscriptions::resume(&mut change.tx, terms, tenant, expected).await;
    charged(change, outcome.map_err(refused)?).await
}

/// End a tenant's trial
///
/// What follows is paid from now on.
#[utoipa::path(post, path = "/admin/tenants/{id}/subscription/end-trial", operation_id = "endTenantTrial",
    tag = "billing", security(("adminKey" = [])), params(("id" = TenantId, Path), IfMatch, IdempotencyKey),
    responses((status = 200, description = "The subscription, which is paid for.", body = Changed,
        headers(("ETag" = String)))))]
async fn end_trial(
    State(state): State<AppState>,
    Path(tenant): Path<TenantId>,
    mut change: Change<OfPlatform, NoBody>,
) -> Result<Answer, ProblemResponse> {
    let (terms, expected) = (state.payments.terms(), change.request.expected);
    let outcome = subscriptions::end_trial(&mut change.tx, terms, tenant, expected).await;
    charged(change, outcome.map_err(refused)?).await
}

async fn charged<B>(change: Change<OfPlatform, B>, outcome: Outcome) -> Result<Answer, ProblemResponse> {
    let changed = Changed::from(outcome);
    let answer = Answer::ok(&changed)?.version(changed.subscription.version);
    change.answer(answer).await
}

async fn shown<B>(
    change: Change<OfPlatform, B>,
    subscription: Subscription,
) -> Result<Answer, ProblemResponse> {
    let answer = Answer::ok(&subscription)?.version(subscription.version);
    change.answer(answer).await
}
