//! What the platform measures itself: a tenant's projects, bytes of files and people. Each is held to its quota where it
//! is kept, by the transaction that adds to it; here the tenant's meter is told how much there is, for the headers, the
//! alerts and the history, and a refusal is said.

use std::sync::Arc;

use edge::ProblemResponse;
use isolation::TenantCtx;
use kernel::{Code, Problem, TenantId};
use metering::metrics::BuiltIn;
use metering::{Meter, Metering};
use workspace::holdings::{self, Holdings, NoRoom};

use crate::failure::unexpected;
use crate::state::AppState;

/// The tenant's meter, with the quotas that hold now.
pub async fn meter(state: &AppState, tenant: TenantId) -> Result<Arc<Meter>, ProblemResponse> {
    let meter = state.metering.meter(tenant).await.map_err(unexpected)?;
    meter.ok_or_else(|| Code::NotFound.into())
}

/// The tenant's meter inside a request of the tenant, whose gate has asked for it: so that no connection is waited for
/// while the request's own transaction is open.
pub async fn meter_at_hand(state: &AppState, tenant: TenantId) -> Result<Arc<Meter>, ProblemResponse> {
    match state.metering.at_hand(tenant) {
        Some(meter) => Ok(meter),
        None => meter(state, tenant).await,
    }
}

/// Tells the meter what the tenant has of what is kept in its own store, once that is committed.
pub fn tell(metering: &Metering, meter: &Arc<Meter>, held: Holdings) {
    metering.set_as_of(meter, BuiltIn::Projects, held.projects, held.version);
    metering.set_as_of(meter, BuiltIn::Storage, held.file_bytes, held.version);
}

/// Looks what there is, and tells the meter. A store that does not answer leaves the meter as it is.
pub async fn measure(state: &AppState, ctx: &TenantCtx, meter: &Arc<Meter>) {
    if let Err(error) = look(state, ctx, meter).await {
        tracing::warn!(%error, tenant = %ctx.tenant_id(), "what the tenant has could not be measured");
    }
}

/// Sees to it that the meter knows what there is: from memory, but for the first time, after a change of the people, and
/// when a minute has passed in which another node may have changed something.
pub async fn know(state: &AppState, ctx: &TenantCtx, meter: &Arc<Meter>) {
    if !meter.knows_levels(ctx.seams().now()) {
        measure(state, ctx, meter).await;
    }
}

async fn look(state: &AppState, ctx: &TenantCtx, meter: &Arc<Meter>) -> Result<(), sqlx::Error> {
    let (measuring, started) = (meter.measuring(), ctx.seams().now());
    let mut tx = ctx.read().await?;
    let held = holdings::get(&mut tx).await?;
    drop(tx);
    tell(&state.metering, meter, held);
    let mut tx = ctx.control().await?;
    let people = identity::users::seated(&mut tx, ctx.tenant_id()).await?;
    if state
        .metering
        .usage(meter, BuiltIn::Users)
        .map(|users| users.current)
        != Some(people)
    {
        state.metering.set(meter, BuiltIn::Users, people);
    }
    meter.measured(measuring, started);
    Ok(())
}

/// The refusal of more than there may be.
pub fn no_room(metric: BuiltIn, NoRoom { most, used }: NoRoom) -> ProblemResponse {
    let metric = metric.name();
    let detail = format!("The quota of `{metric}` is {most}, and {used} are used.");
    let problem = ProblemResponse::from(Problem::new(Code::QuotaExceeded, detail));
    with_numbers(problem, metric, most, used)
}

/// The same refusal with the numbers.
pub(crate) fn with_numbers(problem: ProblemResponse, metric: &str, most: u64, used: u64) -> ProblemResponse {
    problem
        .with_member("metric", metric)
        .with_member("limit", most)
        .with_member("current", used)
}
