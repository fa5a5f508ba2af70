//! A policy: what it holds, what it may hold, and what it says of an address or an origin.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use kernel::{FieldError, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::network::Network;
use super::web_origin::WebOrigin;

const MOST_NETWORKS: usize = 200;
const MOST_ORIGINS: usize = 50;
const IDLE_MINUTES: RangeInclusive<u32> = 5..=30 * 24 * 60;
const LIFETIME_HOURS: RangeInclusive<u32> = 1..=90 * 24;

/// What a tenant demands at its door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"mfaRequired": true, "ipAllowList": ["192.0.2.0/24"],
    "allowedOrigins": ["https://app.example.com"], "sessionIdleMinutes": 1440, "sessionLifetimeHours": 336, "version": 1}))]
pub struct SecurityPolicy {
    /// Whether its people must have a second factor.
    pub mfa_required: bool,
    /// The networks that its callers may come from; empty: everywhere.
    pub ip_allow_list: Vec<Network>,
    /// The web pages that may read answers (CORS).
    pub allowed_origins: Vec<WebOrigin>,
    /// Minutes after which an unused session ends.
    pub session_idle_minutes: u32,
    /// Hours after which a session ends, however much it is used.
    pub session_lifetime_hours: u32,
    /// Counts the changes; 0 while nobody has set anything.
    pub version: i64,
}

impl Default for SecurityPolicy {
    /// What holds for a tenant that demands nothing: a day unused, two weeks in all.
    fn default() -> Self {
        Self {
            mfa_required: false,
            ip_allow_list: Vec::new(),
            allowed_origins: Vec::new(),
            session_idle_minutes: 24 * 60,
            session_lifetime_hours: 14 * 24,
            version: 0,
        }
    }
}

impl SecurityPolicy {
    /// Whether somebody may come from this canonical address. Who has none comes from nowhere.
    pub fn lets_in(&self, address: Option<IpAddr>) -> bool {
        let listed = |address| self.ip_allow_list.iter().any(|network| network.contains(address));
        self.ip_allow_list.is_empty() || address.is_some_and(listed)
    }

    /// Whether pages of this origin, as their browser writes it, may read answers.
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.allowed_origins
            .iter()
            .any(|allowed| allowed.as_str() == origin)
    }

    /// How long a session may go unused.
    pub fn idle(&self) -> Duration {
        Duration::from_mins(self.session_idle_minutes.into())
    }

    /// How long a session lasts at most.
    pub fn lifetime(&self) -> Duration {
        Duration::from_hours(self.session_lifetime_hours.into())
    }

    /// Whether open sessions that were fine under `before` may not be under this one.
    pub(super) fn tightens(&self, before: &Self) -> bool {
        self.mfa_required && !before.mfa_required
            || self.session_idle_minutes < before.session_idle_minutes
            || self.session_lifetime_hours < before.session_lifetime_hours
    }
}

/// A policy that is to hold, whole: what is left out of a wall would be torn down unnoticed.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"mfaRequired": false, "ipAllowList": [],
    "allowedOrigins": ["https://app.example.com"], "sessionIdleMinutes": 1440, "sessionLifetimeHours": 336}))]
pub struct NewSecurityPolicy {
    /// Whether its people must have a second factor.
    pub mfa_required: bool,
    /// The networks that its callers may come from; empty: everywhere.
    #[schema(value_type = Vec<Network>, max_items = 200)]
    pub ip_allow_list: Vec<String>,
    /// The web pages that may read answers (CORS).
    #[schema(value_type = Vec<WebOrigin>, max_items = 50)]
    pub allowed_origins: Vec<String>,
    /// Minutes after which an unused session ends: five minutes to thirty days.
    #[schema(minimum = 5, maximum = 43200)]
    pub session_idle_minutes: u32,
    /// Hours after which a session ends, however much it is used: one hour to ninety days.
    #[schema(minimum = 1, maximum = 2160)]
    pub session_lifetime_hours: u32,
}

/// The operation checks it.
impl Validate for NewSecurityPolicy {}

impl NewSecurityPolicy {
    /// The policy of this version, or everything that is wrong with it.
    pub(super) fn check(&self, version: i64) -> Result<SecurityPolicy, Vec<FieldError>> {
        let mut errors = Vec::new();
        let policy = SecurityPolicy {
            mfa_required: self.mfa_required,
            ip_allow_list: each(&mut errors, "/ipAllowList", &self.ip_allow_list, MOST_NETWORKS),
            allowed_origins: each(
                &mut errors,
                "/allowedOrigins",
                &self.allowed_origins,
                MOST_ORIGINS,
            ),
            session_idle_minutes: self.session_idle_minutes,
            session_lifetime_hours: self.session_lifetime_hours,
            version,
        };
        within(
            &mut errors,
            "/sessionIdleMinutes",
            policy.session_idle_minutes,
            &IDLE_MINUTES,
        );
        within(
            &mut errors,
            "/sessionLifetimeHours",
            policy.session_lifetime_hours,
            &LIFETIME_HOURS,
        );
        if errors.is_empty() {
            Ok(policy)
        } else {
            Err(errors)
        }
    }
}

/// The elements read, once each, in the order given.
fn each<T: FromStr<Err: Display> + PartialEq>(
    errors: &mut Vec<FieldError>,
    pointer: &str,
    texts: &[String],
    most: usize,
) -> Vec<T> {
    let mut read = Vec::with_capacity(texts.len().min(most));
    if texts.len() > most {
        errors.push(FieldError::new(
            pointer,
            format!("must have at most {most} elements"),
        ));
        return read;
    }
    for (index, text) in texts.iter().enumerate() {
        match text.parse() {
            Ok(element) if read.contains(&element) => {}
            Ok(element) => read.push(element),
            Err(error) => errors.push(FieldError::new(format!("{pointer}/{index}"), error.to_string())),
        }
    }
    read
}

fn within(errors: &mut Vec<FieldError>, pointer: &str, number: u32, allowed: &RangeInclusive<u32>) {
    if !allowed.contains(&number) {
        let detail = format!("must be from {} to {}", allowed.start(), allowed.end());
        errors.push(FieldError::new(pointer, detail));
    }
}
