//! Who may come from where: a tenant's callers from the networks of its policy, operators from those of the
//! configuration.
//!
//! It is asked before anything else is told, and costs no statement. Refusals are recorded, but not each of them:
//! whoever knocks again and again could otherwise fill the trail.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use audit::{Event, EventType};
use axum::http::request::Parts;
use edge::ProblemResponse;
use ipnet::{IpNet, Ipv6Net};
use isolation::RequestInfo;
use kernel::{Actor, Code, TenantId};
use moka::sync::Cache;

use crate::failure::unexpected;
use crate::origin::{request_info, within};
use crate::refusal;
use crate::state::AppState;

const REASON: &str = "address_not_allowed";

/// Which refusals were recorded a short while ago. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RecordedRefusals {
    /// By whose door it was, and the network it came from.
    recently: Cache<(Option<TenantId>, IpNet), ()>,
    /// How many by whose door.
    counts: Cache<Option<TenantId>, Arc<AtomicU32>>,
    /// How many of whom.
    actors: Cache<(Option<TenantId>, String), Arc<AtomicU32>>,
}

impl RecordedRefusals {
    const SPAN: Duration = Duration::from_mins(1);
    /// Recorded within the span for one door, wherever they come from.
    const MOST: u32 = 60;
    const CAPACITY: u64 = 10_000;

    /// Whether it is to be recorded that somebody who was let in was refused something.
    pub(crate) fn admit_actor(&self, tenant: Option<TenantId>, actor: &Actor) -> bool {
        let counted = self.actors.get_with((tenant, actor.id.clone()), Arc::default);
        counted.fetch_add(1, Relaxed) < Self::MOST
    }

    /// Whether this one is to be recorded; asked once for each refusal.
    fn admit(&self, door: Option<TenantId>, address: Option<IpAddr>) -> bool {
        let first = self.recently.entry((door, neighbourhood(address))).or_insert(());
        first.is_fresh() && self.counts.get_with(door, Arc::default).fetch_add(1, Relaxed) < Self::MOST
    }
}

impl Default for RecordedRefusals {
    fn default() -> Self {
        let recently = Cache::builder()
            .max_capacity(Self::CAPACITY)
            .time_to_live(Self::SPAN);
        let counts = Cache::builder()
            .max_capacity(Self::CAPACITY)
            .time_to_live(Self::SPAN);
        let actors = Cache::builder()
            .max_capacity(Self::CAPACITY)
            .time_to_live(Self::SPAN);
        Self {
            recently: recently.build(),
            counts: counts.build(),
            actors: actors.build(),
        }
    }
}

/// An IPv4 address, and of IPv6 the /64 that one subscriber has to himself (RFC 6177).
fn neighbourhood(address: Option<IpAddr>) -> IpNet {
    match address.unwrap_or(IpAddr::from([0; 4])) {
        IpAddr::V6(six) => Ipv6Net::new_assert(six, 64).trunc().into(),
        four @ IpAddr::V4(_) => four.into(),
    }
}

/// Passes where the tenant lets its callers come from this address.
pub(crate) async fn require(
    state: &AppState,
    tenant: TenantId,
    actor: &Actor,
    request: &RequestInfo,
) -> Result<(), ProblemResponse> {
    let policy = state.policies.of(tenant).await.map_err(unexpected)?;
    if policy.lets_in(request.ip) {
        return Ok(());
    }
    Err(refused(state, Some(tenant), actor, request).await)
}

/// Refuses whatever is the operators' to everybody outside their networks, also trying to log in.
pub(crate) async fn confine_operators(parts: &Parts, state: &AppState) -> Result<(), ProblemResponse> {
    let networks = &state.settings.admin_networks;
    let path = parts.uri.path();
    let theirs = path == "/admin" || path.starts_with("/admin/");
    if networks.is_empty() || !theirs {
        return Ok(());
    }
    let info = request_info(parts, &state.settings);
    if info.ip.is_some_and(|address| within(address, networks)) {
        return Ok(());
    }
    Err(refused(state, None, &Actor::system("visitor"), &info).await)
}

async fn refused(
    state: &AppState,
    door: Option<TenantId>,
    actor: &Actor,
    request: &RequestInfo,
) -> ProblemResponse {
    if state.recorded_refusals.admit(door, request.ip) {
        let event = Event::new(EventType::AccessDenied).meta("reason", REASON);
        refusal::write_down(&state.databases, door, actor, request, event).await;
    }
    Code::AddressNotAllowed.into()
}

#[cfg(test)]
mod tests {
    use kernel::Seams;

    use super::*;

    fn admits(recorded: &RecordedRefusals, door: Option<TenantId>, address: &str) -> bool {
        recorded.admit(door, Some(address.parse().expect("an address")))
    }

    #[test]
    fn one_neighbour_is_recorded_once_a_minute() {
        let recorded = RecordedRefusals::default();
        let tenant = Some(Seams::real().new_id());
        assert!(admits(&recorded, tenant, "192.0.2.1"));
        assert!(!admits(&recorded, tenant, "192.0.2.1"));
        assert!(admits(&recorded, tenant, "192.0.2.2"));
        assert!(admits(&recorded, None, "192.0.2.1"), "another door");
        assert!(admits(&recorded, tenant, "2001:db8::1"));
        assert!(!admits(&recorded, tenant, "2001:db8::2"), "the same /64");
        assert!(admits(&recorded, tenant, "2001:db8:0:1::2"));
    }

    #[test]
    fn of_what_one_actor_is_refused_so_much_is_recorded_in_a_minute() {
        let recorded = RecordedRefusals::default();
        let tenant = Some(Seams::real().new_id());
        let (one, other) = (Actor::system("one"), Actor::system("other"));
        let written = (0..200).filter(|_| recorded.admit_actor(tenant, &one));
        assert_eq!(written.count(), 60);
        assert!(recorded.admit_actor(tenant, &other));
        assert!(recorded.admit_actor(None, &one), "another plane");
    }

    #[test]
    fn however_many_there_are_the_trail_is_not_filled() {
        let recorded = RecordedRefusals::default();
        let tenant = Some(Seams::real().new_id());
        let written = (0..2000_u128).filter(|number| {
            let six = std::net::Ipv6Addr::from(number << 64);
            recorded.admit(tenant, Some(six.into()))
        });
        assert_eq!(written.count(), 60);
    }
}
