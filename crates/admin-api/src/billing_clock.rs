//! `/admin/clock`: billing's time, which can be moved ahead where it is not for real.

use std::time::Duration;

use axum::extract::State;
use billing::clock::{self, ClockError, Ran};
use edge::layers::time_limit;
use edge::{IdempotencyKey, Json, ProblemBody, ProblemResponse};
use gate::{Answer, AppState, Keyed, OfPlatform, PlatformCaller, permitted, unexpected};
use isolation::Tx;
use kernel::{AdminPermission, Code, FieldError, Problem, Timestamp, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Years with many tenants take a while.
const PATIENCE: Duration = Duration::from_mins(10);
/// The furthest that time is moved at once, in days.
const MOST_DAYS: u16 = 3660;

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    let advance = OpenApiRouter::new().routes(permitted(routes!(advance), AdminPermission::ClockWrite));
    OpenApiRouter::new()
        .routes(permitted(routes!(get), AdminPermission::ClockRead))
        .merge(advance.layer(time_limit(PATIENCE)))
}

/// Billing's time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BillingClock {
    /// The present, as far as billing is concerned.
    now: Timestamp,
    /// The real present.
    real_time: Timestamp,
    /// How far billing is ahead.
    ahead_seconds: i64,
    /// Whether it can be moved: not in production.
    can_be_advanced: bool,
}

/// Get billing's time
#[utoipa::path(get, path = "/admin/clock", operation_id = "getClock", tag = "billing", security(("adminKey" = [])),
    responses((status = 200, description = "The time.", body = BillingClock)))]
async fn get(
    State(state): State<AppState>,
    caller: PlatformCaller,
) -> Result<Json<BillingClock>, ProblemResponse> {
    let mut tx = caller.ctx.control().await.map_err(unexpected)?;
    let now = clock::now(&mut tx).await.map_err(unexpected)?;
    let real_time = tx.now();
    Ok(Json(BillingClock {
        now,
        real_time,
        ahead_seconds: (now.as_micros() - real_time.as_micros()) / 1_000_000,
        can_be_advanced: state.settings.time_can_be_moved,
    }))
}

/// To when time is moved: one of both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"days": 1}))]
struct Advance {
    /// So many times 24 hours ahead.
    #[schema(minimum = 1, maximum = 3660)]
    days: Option<u16>,
    /// To this instant; one that is over changes nothing.
    to: Option<Timestamp>,
}

impl Validate for Advance {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if self.days.is_some() == self.to.is_some() {
            errors.push(FieldError::new("", "must have either `days` or `to`"));
        }
        if self.days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
            let detail = format!("must be from 1 to {MOST_DAYS}");
            errors.push(FieldError::new("/days", detail));
        }
    }
}

/// What moving the time did.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Advanced {
    /// The present, as far as billing is concerned.
    now: Timestamp,
    /// Steps of subscriptions that became due: trials that ended, periods that were renewed.
    steps: usize,
    /// Drafts that became final.
    drafts: usize,
    /// What followed from invoices that were not paid: retries, reminders, ends of patience.
    dunned: usize,
    /// What failed, and is tried again later.
    failed: usize,
}

/// Move billing's time ahead
///
/// Everything that becomes due on the way is done at its instant and in order, so that months pass in a second. Not in
/// production: time does not go back.
#[utoipa::path(post, path = "/admin/clock/advance", operation_id = "advanceClock", tag = "billing",
    security(("adminKey" = [])), params(IdempotencyKey), request_body = Advance,
    responses((status = 200, description = "The time was moved.", body = Advanced),
        (status = 403, description = "The installation is for production.",
            body = ProblemBody, content_type = "application/problem+json")))]
async fn advance(
    State(state): State<AppState>,
    keyed: Keyed<OfPlatform, Advance>,
) -> Result<Answer, ProblemResponse> {
    if !state.settings.time_can_be_moved {
        let detail = "Time is not moved in production: security.environment says that this is.";
        return Err(Problem::new(Code::Forbidden, detail).into());
    }
    let (wanted, request) = (keyed.body, keyed.request);
    let (mut tx, kept) = request.open().await?;
    if let Some(kept) = kept {
        return Ok(kept.into());
    }
    let present = clock::now(&mut tx).await.map_err(unexpected)?;
    drop(tx);
    let later = wanted.days.map(|days| present.plus_days(days.into()));
    let to = wanted.to.or(later).unwrap_or(present);
    let advanced = clock::advance_with_charges(&request.caller.ctx, state.payments.terms(), to).await;
    let (now, ran) = advanced.map_err(refused)?;
    let Ran {
        steps,
        drafts,
        dunned,
        failed,
        ..
    } = ran;
    let shown = Advanced {
        now,
        steps,
        drafts,
        dunned,
        failed,
    };
    let (tx, kept) = request.open().await?;
    match kept {
        Some(kept) => Ok(kept.into()),
        None => request.finish(tx, Answer::ok(&shown)?).await,
    }
}

fn refused(error: ClockError) -> ProblemResponse {
    match error {
        ClockError::Database(error) => unexpected(error),
        ClockError::TooFar(_) => Problem::invalid(vec![FieldError::new("/to", error.to_string())]).into(),
    }
}
