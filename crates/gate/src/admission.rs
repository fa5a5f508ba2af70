//! Whether a request may be served now: by the rate limit of its address before anything else is known, then by those
//! of its API key and its tenant, and by the tenant's quotas. All in memory, where one node serves; several share what
//! they decide by ([`metering::nodes`]), and a request rarely waits for that.
//!
//! - An address is asked about before its caller is recognised, so that guessing credentials is limited as well. IPv6
//!   counts by /64. Where the connection comes from a gateway that we trust, and it does not say for whom, no address
//!   is asked: it would be the gateway's. Health probes are never limited.
//! - A tenant's rate limit and quotas are asked for its active callers only. Who is let in nowhere uses nothing up.
//! - The refusal is 429 with `Retry-After`; what a key or a tenant was refused is counted, but is no call.
//!
//! What may not enter: what is counted afterwards ([`metered`](crate::metered)).

use std::net::IpAddr;

use axum::http::request::Parts;
use edge::ProblemResponse;
use kernel::{Code, Problem, TenantId, Timestamp, UserId};
use metering::counters::{Pace, Refusal, Visitor};
use metering::quotas::QuotaCheck;
use uuid::Uuid;

use crate::failure::unexpected;
use crate::metered::{Guest, Tab};
use crate::origin::peer;
use crate::state::AppState;

/// What a supervisor asks, however often.
const PROBES: &str = "/health";

/// Refuses an address that comes too fast.
pub(crate) async fn pace_address(parts: &Parts, state: &AppState) -> Result<(), ProblemResponse> {
    let Some(address) = address(parts, state) else {
        return Ok(());
    };
    let pace = state.metering.arrive_shared(address).await;
    if let Some(tab) = parts.extensions.get::<Tab>() {
        tab.arrived(pace);
    }
    if pace.passage.allowed {
        Ok(())
    } else {
        Err(too_fast(pace))
    }
}

/// The address that is asked about.
fn address(parts: &Parts, state: &AppState) -> Option<IpAddr> {
    let path = parts.uri.path();
    if path.starts_with(PROBES) {
        return None;
    }
    let peer = peer(parts, &state.settings);
    let by_gateway = peer.may_name_caller(&state.settings) || path.starts_with("/gateway/");
    peer.client
        .filter(|client| !by_gateway || peer.direct != Some(*client))
}

/// A caller who was recognised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recognised {
    pub(crate) tenant: TenantId,
    pub(crate) key: Option<Uuid>,
    pub(crate) person: Option<UserId>,
    /// Whether what passes here is his.
    pub(crate) bytes: bool,
}

/// Takes one of the tenant's calls, unless a rate limit or a quota says no. A request is asked once, and only inside
/// the layer that counts it.
pub(crate) async fn admit(
    parts: &Parts,
    state: &AppState,
    caller: Recognised,
) -> Result<(), ProblemResponse> {
    let Some(tab) = parts.extensions.get::<Tab>().filter(|tab| !tab.is_taken()) else {
        return Ok(());
    };
    let metering = &state.metering;
    let meter = if let Some(ready) = metering.ready(caller.tenant) {
        ready
    } else {
        let loaded = Box::pin(metering.meter(caller.tenant))
            .await
            .map_err(unexpected)?;
        loaded.ok_or(Code::Unauthenticated)?
    };
    let visitor = Visitor {
        address: None,
        key: caller.key,
    };
    let admission = metering.admit_shared(&meter, &visitor).await;
    let pace = tab
        .arrival()
        .map_or(admission.pace, |of_address| admission.pace.tighter(of_address));
    tab.take(Guest {
        meter,
        pace,
        calls: admission.calls,
        person: caller.person,
        bytes: caller.bytes,
    });
    match admission.refusal {
        None => Ok(()),
        Some(Refusal::TooFast(pace)) => Err(too_fast(pace)),
        Some(Refusal::Undecided) => Err(Code::Unavailable.into()),
        Some(Refusal::Quota(check)) => Err(quota_exceeded(&check, state.databases.seams().now())),
    }
}

fn too_fast(pace: Pace) -> ProblemResponse {
    let detail = format!(
        "This {} may send {} requests a second.",
        pace.scope.name(),
        pace.rate.per_second
    );
    ProblemResponse::from(Problem::new(Code::RateLimited, detail))
        .retry_after(pace.passage.retry_after_seconds())
}

/// The refusal of what a quota does not allow: which, how much is used, and when it starts anew.
pub fn quota_exceeded(check: &QuotaCheck, now: Timestamp) -> ProblemResponse {
    let (metric, limit) = (&check.quota.metric, check.quota.limit);
    let detail = format!(
        "The {} quota of `{metric}` is used up.",
        check.quota.period.name()
    );
    let refused = ProblemResponse::from(Problem::new(Code::QuotaExceeded, detail))
        .with_member("metric", metric.as_str())
        .with_member("limit", limit.at_most())
        .with_member("current", check.current);
    match check.reset_at {
        Some(reset) => {
            let wait = crate::metered::seconds_until(Some(reset), now)
                .unwrap_or(1)
                .max(1);
            refused
                .with_member("resetAt", reset.to_string())
                .retry_after(wait)
        }
        None => refused,
    }
}
