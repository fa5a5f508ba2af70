//! `POST /admin/usage/events` and `POST /admin/tenants/{id}/usage/events`: usage that operators report.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use edge::layers::time_limit;
use edge::{IdempotencyKey, Path, ProblemBody, ProblemResponse, Query};
use gate::usage_events::{
    self, EventBatch, EventLines, EventReceipt, EventsBody, Portion, Portions, ReadEvent,
};
use gate::{Answer, AppState, Asked, OfPlatform, PlatformCaller, permitted, unexpected};
use isolation::TenantCtx;
use kernel::{AdminPermission, Code, TenantId};
use metering::events::{CloudEvent, Reason, Refusal, Refused};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

/// How long a stream may take in all; between two pieces of it the edge is less patient.
const STREAM_TIME: Duration = Duration::from_hours(1);

pub(crate) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(permitted(unhurried(routes!(report)), AdminPermission::UsageWrite))
        .routes(permitted(
            unhurried(routes!(report_of)),
            AdminPermission::UsageWrite,
        ))
}

fn unhurried((schemas, paths, methods): UtoipaMethodRouter<AppState>) -> UtoipaMethodRouter<AppState> {
    (schemas, paths, methods.layer(time_limit(STREAM_TIME)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct WhoseEvents {
    /// The tenant of events that do not name one by their `subject`.
    tenant_id: Option<TenantId>,
}

/// Report usage of tenants
///
/// As tenants report it themselves (`POST /api/usage/events`). Each event names its tenant by its `subject`; `tenantId` is
/// the tenant of those that do not. What is of one tenant is counted together; sent again, it counts nothing.
#[utoipa::path(post, path = "/admin/usage/events", operation_id = "reportTenantsUsage", tag = "usage",
    security(("adminKey" = [])), params(WhoseEvents, IdempotencyKey),
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
    let caller = PlatformCaller::from_request_parts(&mut parts, &state).await?;
    let Query(whose) = Query::<WhoseEvents>::from_request_parts(&mut parts, &state).await?;
    let portions = Portions::of(parts, body).await?;
    take(
        &Desk::new(&state, caller, Whose::Named(whose.tenant_id)),
        portions,
    )
    .await
}

/// Report usage of one tenant
///
/// As it reports it itself (`POST /api/usage/events`).
#[utoipa::path(post, path = "/admin/tenants/{id}/usage/events", operation_id = "reportTenantUsage", tag = "usage",
    security(("adminKey" = [])), params(("id" = TenantId, Path), IdempotencyKey),
    request_body(content(
        (CloudEvent = "application/cloudevents+json"),
        (EventBatch = "application/cloudevents-batch+json"),
        (EventsBody = "application/json"),
        (EventLines = "application/x-ndjson"))),
    responses(
        (status = 202, description = "What became of the events; everything that counts is durable.", body = EventReceipt),
        (status = 413, description = "The batch is too large.", body = ProblemBody,
            content_type = "application/problem+json")))]
async fn report_of(State(state): State<AppState>, request: Request) -> Result<Answer, ProblemResponse> {
    let (mut parts, body) = request.into_parts();
    let caller = PlatformCaller::from_request_parts(&mut parts, &state).await?;
    let Path(tenant) = Path::<TenantId>::from_request_parts(&mut parts, &state).await?;
    let desk = Desk::new(&state, caller, Whose::Only(tenant));
    desk.inside(tenant).await?.ok_or(Code::NotFound)?;
    take(&desk, Portions::of(parts, body).await?).await
}

/// Of which tenants events may be.
#[derive(Debug, Clone, Copy)]
enum Whose {
    /// Of the one that each names, or otherwise of this one.
    Named(Option<TenantId>),
    /// Of this one.
    Only(TenantId),
}

/// Who reports, and of whom.
struct Desk<'a> {
    state: &'a AppState,
    caller: PlatformCaller,
    whose: Whose,
}

/// Counts everything, each tenant's events of a portion durably, and keeps the answer under the caller's key at the end.
async fn take(desk: &Desk<'_>, mut portions: Portions) -> Result<Answer, ProblemResponse> {
    let mut receipt = EventReceipt::default();
    loop {
        match portions.next().await {
            Ok(Some(portion)) => desk.count(portion, &mut receipt).await?,
            Ok(None) => break,
            Err(problem) => return Err(receipt.cut_off(problem)),
        }
    }
    if let Some(refusal) = receipt.refusal().filter(|_| portions.single) {
        return Err(refusal.into());
    }
    let digest = portions.digested();
    let asked = Asked::<OfPlatform>::of(desk.caller.clone(), portions.parts, &digest)?;
    let (tx, kept) = asked.open().await?;
    if let Some(kept) = kept {
        return Ok(kept.into());
    }
    asked.finish(tx, Answer::taken(&receipt.sorted())?).await
}

impl<'a> Desk<'a> {
    fn new(state: &'a AppState, caller: PlatformCaller, whose: Whose) -> Self {
        Self { state, caller, whose }
    }

    /// Counts a portion, tenant by tenant.
    async fn count(&self, portion: Portion, receipt: &mut EventReceipt) -> Result<(), ProblemResponse> {
        let mut parts: BTreeMap<TenantId, (Vec<u64>, Vec<ReadEvent>)> = BTreeMap::new();
        for (index, event) in (portion.before..).zip(portion.events) {
            match event
                .map_err(|refusal| (None, refusal))
                .and_then(|event| self.addressed(event))
            {
                Ok((tenant, event)) => {
                    let (indices, events) = parts.entry(tenant).or_default();
                    indices.push(index);
                    events.push(Ok(event));
                }
                Err((id, refusal)) => receipt.refuse(
                    index,
                    Refused {
                        index: 0,
                        id,
                        refusal,
                    },
                ),
            }
        }
        for (tenant, (indices, events)) in parts {
            let Some(inside) = self.inside(tenant).await? else {
                for (index, event) in indices.into_iter().zip(events) {
                    let id = event.ok().map(|event| event.id);
                    let refusal = unknown_tenant();
                    receipt.refuse(
                        index,
                        Refused {
                            index: 0,
                            id,
                            refusal,
                        },
                    );
                }
                continue;
            };
            let counted = usage_events::count(&self.state.metering, &inside, events).await?;
            receipt.add(counted, |place| indices[place]);
        }
        Ok(())
    }

    /// The event with its tenant.
    fn addressed(&self, event: CloudEvent) -> Result<(TenantId, CloudEvent), (Option<String>, Refusal)> {
        let named = event.subject.as_deref().map(str::parse::<TenantId>);
        let tenant = match (self.whose, named) {
            (Whose::Named(_), Some(Ok(named))) => Some(named),
            (Whose::Named(tenant), None) => tenant,
            (Whose::Only(tenant), Some(Ok(named))) => Some(tenant).filter(|tenant| *tenant == named),
            (Whose::Only(tenant), None | Some(Err(_))) => Some(tenant),
            (Whose::Named(_), Some(Err(_))) => None,
        };
        match tenant {
            Some(tenant) => Ok((tenant, event)),
            None => Err((Some(event.id), unknown_tenant())),
        }
    }

    /// The operator inside this tenant; none where there is no such tenant, or none of his.
    async fn inside(&self, tenant: TenantId) -> Result<Option<TenantCtx>, ProblemResponse> {
        let known = self.state.directory.by_id(tenant).await.map_err(unexpected)?;
        Ok(known.and_then(|known| self.caller.ctx.enter(known.store.as_ref().clone())))
    }
}

fn unknown_tenant() -> Refusal {
    Refusal::new(Reason::UnknownTenant, "subject: must be a tenant's identifier")
}
