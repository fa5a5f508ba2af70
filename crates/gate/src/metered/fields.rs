//! What an answer tells of rate limits and quotas, as structured fields (RFC 9651).
//!
//! - `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10): the tightest of the rate limits of
//!   address, API key and tenant, and the tenant's calls in their period, where these are limited. `q` is what may come
//!   at once or in the period of `w` seconds, `r` what is left of it, `t` the seconds until all of it is back.
//! - `Quota-Status`: the tenant's calls, and every other quota of which four fifths or its soft limit are used, whether
//!   it refuses (hard) or only tells (soft).

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use kernel::{Seams, Timestamp};
use metering::counters::{Pace, Standing};
use metering::periods::Period;
use metering::quotas::Status;

use super::{Guest, Tab};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const QUOTA_STATUS: HeaderName = HeaderName::from_static("quota-status");

const CALLS: &str = "api_calls";

/// Tells what is known: nothing of a request that no rate limit was asked for.
pub(super) fn tell(tab: &Tab, seams: &Seams, headers: &mut HeaderMap) {
    let guest = tab.0.guest.get();
    let Some(pace) = guest.map(|guest| guest.pace).or_else(|| tab.arrival()) else {
        return;
    };
    let mut limit = String::with_capacity(64);
    let mut policy = String::with_capacity(64);
    add_pace(&mut limit, &mut policy, pace);
    if let Some(guest) = guest {
        let now = seams.now();
        if let Some(calls) = &guest.calls {
            add_calls(&mut limit, &mut policy, calls, now);
        }
        if let Some(status) = quotas(guest, now) {
            headers.insert(QUOTA_STATUS, value(status));
        }
    }
    headers.insert(RATE_LIMIT, value(limit));
    headers.insert(RATE_LIMIT_POLICY, value(policy));
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("names and numbers are ASCII")
}

/// The next item of a list. Names are tokens: nothing in them is escaped.
fn item(list: &mut String, name: &str) {
    list.push_str(if list.is_empty() { "\"" } else { ", \"" });
    list.push_str(name);
    list.push('"');
}

/// A parameter of the item.
fn parameter(list: &mut String, name: &str, number: u64) {
    list.push(';');
    list.push_str(name);
    list.push('=');
    list.push_str(itoa::Buffer::new().format(number));
}

fn add_pace(limit: &mut String, policy: &mut String, pace: Pace) {
    let (name, passage) = (pace.scope.name(), pace.passage);
    let window = pace.rate.burst.div_ceil(pace.rate.per_second.max(1)).max(1);
    item(limit, name);
    parameter(limit, "r", passage.remaining.into());
    parameter(limit, "t", passage.reset_seconds());
    item(policy, name);
    parameter(policy, "q", passage.limit.into());
    parameter(policy, "w", window.into());
}

fn add_calls(limit: &mut String, policy: &mut String, calls: &Standing, now: Timestamp) {
    let (Some(most), Some(left)) = (calls.limit.at_most(), calls.remaining()) else {
        return;
    };
    item(limit, CALLS);
    parameter(limit, "r", left);
    if let Some(seconds) = seconds_until(calls.reset_at, now) {
        parameter(limit, "t", seconds);
    }
    item(policy, CALLS);
    parameter(policy, "q", most);
    if calls.period == Period::Daily {
        parameter(policy, "w", 86_400);
    }
}

/// The quotas that somebody should know of.
fn quotas(guest: &Guest, now: Timestamp) -> Option<String> {
    let mut text = String::new();
    guest.meter.each_standing(now, |metric, standing| {
        let limited = standing.limit.at_most().is_some();
        let shown = limited && (metric.as_str() == CALLS || standing.status > Status::Ok);
        if !shown {
            return;
        }
        text.reserve(96);
        item(&mut text, metric.as_str());
        text.push_str(";status=");
        text.push_str(standing.status.name());
        parameter(&mut text, "limit", standing.limit.at_most().unwrap_or(0));
        parameter(&mut text, "used", standing.used);
        if let Some(seconds) = seconds_until(standing.reset_at, now) {
            parameter(&mut text, "reset", seconds);
        }
    });
    (!text.is_empty()).then_some(text)
}

/// Whole seconds, rounded up.
pub(crate) fn seconds_until(end: Option<Timestamp>, now: Timestamp) -> Option<u64> {
    let micros = end?.as_micros().saturating_sub(now.as_micros());
    Some(u64::try_from(micros).unwrap_or(0).div_ceil(1_000_000))
}
