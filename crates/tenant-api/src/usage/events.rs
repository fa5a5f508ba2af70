//! `POST /api/usage/events`.

use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use edge::layers::time_limit;
use edge::{IdempotencyKey, ProblemBody, ProblemResponse};
use gate::usage_events::{
    self, EventBatch, EventLines, EventReceipt, EventsBody, Portion, Portions, ReadEvent,
};
use gate::{Answer, AppState, Asked, OfTenantControl, TenantCaller, permitted};
use kernel::{Permission, TenantId};
use metering::events::{CloudEvent, Reason, Refusal};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

/// How long a stream may take in all; between two pieces of it the edge is less patient.
const STREAM_TIME: Duration = Duration::from_hours(1);

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(permitted(unhurried(routes!(report)), Permission::UsageWrite))
}

fn unhurried((schemas, paths, methods): UtoipaMethodRouter<AppState>) -> UtoipaMethodRouter<AppState> {
    (schemas, paths, methods.layer(time_limit(STREAM_TIME)))
}

/// Report usage
///
/// CloudEvents 1.0 whose `type` is a metric: one, a batch of at most 10,000, or a stream of lines of any length. An event
/// is known by `source` and `id` for at least 35 days; sent again it is a duplicate and counts nothing, whatever else it
/// says. The answer comes when everything is durable. Good events of a batch count whatever becomes of the others; one
/// event on its own that is refused is answered 422.
///
/// A stream is counted in portions of at most 10,000 events. Where it is cut off, the portions before are counted, and
/// where an answer can still be given, `receipt` in it says how many events these had. Send it again from its beginning:
/// what was counted is a duplicate then.
#[utoipa::path(post, path = "/api/usage/events", operation_id = "reportUsage", tag = "usage",
    security(("tenantKey" = [])), params(IdempotencyKey),
    request_body(content(
        (CloudEvent = "application/cloudevents+json"),
        (EventBatch = "application/cloudevents-batch+json"),
        (EventsBody = "application/json"),
        (EventLines = "application/x-ndjson"))),
    responses(
        (status = 202, description = "What became of the events; everything that counts is durable.", body = EventReceipt),
        (status = 413, description = "The batch is too large.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn report(State(state): State<AppState>, request: Request) -> Result<Answer, ProblemResponse> {
    let (mut parts, body) = request.into_parts();
    let caller = TenantCaller::from_request_parts(&mut parts, &state).await?;
    let mut portions = Portions::of(parts, body).await?;
    let mut receipt = EventReceipt::default();
    let last = all_but_last(&state, &caller, &mut portions, &mut receipt).await?;
    let (digest, single) = (portions.digested(), portions.single);
    let asked = Asked::<OfTenantControl>::of(caller, portions.parts, &digest)?;
    let (mut tx, kept) = asked.open().await?;
    if let Some(kept) = kept {
        return Ok(kept.into());
    }
    let tenant = asked.caller.tenant.id;
    let ingested = usage_events::count_in(&state.metering, &mut tx, tenant, own(last.events, tenant)).await?;
    receipt.add(ingested.receipt.clone(), |index| last.before + index as u64);
    if let Some(refusal) = receipt.refusal().filter(|_| single) {
        return Err(refusal.into());
    }
    let answer = asked.finish(tx, Answer::taken(&receipt)?).await?;
    usage_events::observed(&state.metering, tenant, ingested);
    Ok(answer)
}

/// Counts every portion but the last, each durably; answers the last one.
async fn all_but_last(
    state: &AppState,
    caller: &TenantCaller,
    portions: &mut Portions,
    receipt: &mut EventReceipt,
) -> Result<Portion, ProblemResponse> {
    let mut last = portions.next().await?.unwrap_or_default();
    loop {
        let next = match portions.next().await {
            Ok(Some(next)) => std::mem::replace(&mut last, next),
            Ok(None) => return Ok(last),
            Err(problem) => return Err(receipt.cut_off(problem)),
        };
        let events = own(next.events, caller.tenant.id);
        let counted = usage_events::count(&state.metering, &caller.ctx, events).await?;
        receipt.add(counted, |index| next.before + index as u64);
    }
}

/// An event that names a tenant must name the caller's.
fn own(mut events: Vec<ReadEvent>, tenant: TenantId) -> Vec<ReadEvent> {
    for event in &mut events {
        let named = event.as_ref().ok().and_then(|event| event.subject.as_deref());
        let foreign = named.and_then(|subject| subject.parse::<TenantId>().ok());
        if foreign.is_some_and(|foreign| foreign != tenant) {
            let detail = "subject: must be the caller's own tenant";
            *event = Err(Refusal::new(Reason::UnknownTenant, detail));
        }
    }
    events
}
