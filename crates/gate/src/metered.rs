//! What counts, around every route, what a tenant's request was: status, latency, bytes, person.
//!
//! A [`Tab`] is laid beside the request. Whoever recognises the caller (the extractor of [`TenantCaller`], the
//! forward-auth) puts his tenant's meter on it, once he was [admitted](crate::admission). When the answer comes back, the
//! rate limits and quotas are written into its headers, and it is settled: at once where the whole answer is known, else
//! with the last byte that was sent, or when the caller leaves before it. What ends without an answer, because the
//! caller left first, counts as 499; a panic is answered 500 by a layer inside of this one.
//!
//! What counts and what does not: requests of callers who were recognised, whatever they were answered, also 429. Not
//! those of an unknown caller, of a suspended or closed tenant, and of operators: they are no tenant's use. Bytes are
//! those of bodies, as they pass here, which is without transfer coding. A gateway's question counts as a request
//! without bytes, because what the application answers does not pass here.
//!
//! Invariants: no statement and no waiting; nothing is settled twice; whatever happens to a request, it is settled.
//!
//! [`TenantCaller`]: crate::TenantCaller

mod counted;
mod fields;

use std::mem;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use kernel::UserId;
use metering::Metering;
use metering::counters::{Meter, Outcome, Pace, Standing};

use crate::state::AppState;
use counted::Counted;
pub(crate) use fields::seconds_until;

/// What nginx writes down for a caller who left before he was answered.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Who is to pay for a request, once that is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tab(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    arrival: OnceLock<Pace>,
    guest: OnceLock<Guest>,
    /// Bytes of the request's body that were read.
    received: AtomicU64,
}

/// A caller who was recognised.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) meter: Arc<Meter>,
    pub(crate) pace: Pace,
    pub(crate) calls: Option<Standing>,
    pub(crate) person: Option<UserId>,
    /// Whether what passes here is his. It is not where a gateway only asks.
    pub(crate) bytes: bool,
}

impl Tab {
    /// How the request's address came.
    pub(crate) fn arrived(&self, pace: Pace) {
        let _ = self.0.arrival.set(pace);
    }

    /// How its address came, where it was asked.
    pub(crate) fn arrival(&self) -> Option<Pace> {
        self.0.arrival.get().copied()
    }

    /// Whether somebody was put on it.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.guest.get().is_some()
    }

    /// Puts him on it.
    pub(crate) fn take(&self, guest: Guest) {
        let _ = self.0.guest.set(guest);
    }
}

/// A request under way. Dropping it settles.
#[derive(Debug)]
pub(crate) struct Visit {
    metering: Metering,
    tab: Tab,
    started: Instant,
    answered: Option<(u16, Duration)>,
    sent: u64,
}

impl Visit {
    fn answered(&mut self, response: &Response) {
        self.answered = Some((response.status().as_u16(), self.started.elapsed()));
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let Some(guest) = self.tab.0.guest.get() else {
            return;
        };
        let gone = || (CLIENT_CLOSED_REQUEST, self.started.elapsed());
        let (status, latency) = self.answered.unwrap_or_else(gone);
        let passed = self.tab.0.received.load(Relaxed).saturating_add(self.sent);
        self.metering.settle(
            &guest.meter,
            &Outcome {
                status,
                bytes: if guest.bytes { passed } else { 0 },
                latency,
                person: guest.person.map(kernel::Id::uuid),
            },
        );
    }
}

/// From here on the request is counted, if its caller is recognised. Comes before whatever answers.
pub(crate) fn arrives(state: &AppState, started: Instant, request: &mut Request) -> Visit {
    let tab = Tab::default();
    request.extensions_mut().insert(tab.clone());
    if !request.body().is_end_stream() {
        let body = mem::take(request.body_mut());
        *request.body_mut() = Body::new(Counted::request(body, tab.clone()));
    }
    Visit {
        metering: state.metering.clone(),
        tab,
        started,
        answered: None,
        sent: 0,
    }
}

/// Tells in the answer how much is left, and settles. Comes after whatever changes an answer.
pub(crate) fn leaves(mut visit: Visit, state: &AppState, mut response: Response) -> Response {
    visit.answered(&response);
    fields::tell(&visit.tab, state.databases.seams(), response.headers_mut());
    if visit.tab.is_taken() {
        settled_with(response, visit)
    } else {
        response
    }
}

/// Settles now where the whole answer is in memory, else with its last byte.
fn settled_with(response: Response, mut visit: Visit) -> Response {
    /// What is longer may still be being sent when its caller leaves.
    const SHORT: u64 = 1 << 16;
    match response.body().size_hint().exact() {
        Some(bytes) if bytes <= SHORT => {
            visit.sent = bytes;
            response
        }
        _ => response.map(|body| Body::new(Counted::answer(body, visit))),
    }
}
