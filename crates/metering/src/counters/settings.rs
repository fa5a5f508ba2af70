//! What can be set.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tenants::plans::PlanId;

use crate::nodes::Redis;
use crate::rate_limits::Rate;
use crate::rollups::Retention;

/// How metering works on this process.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How often counts are written.
    pub flush_every: Duration,
    /// How long a tenant must be silent before its meter is forgotten.
    pub forget_after: Duration,
    /// How fast the tenants on a plan may come, by the plan's name.
    pub plans: BTreeMap<String, Rate>,
    /// How fast those on other plans may come.
    pub other_plans: Rate,
    /// How fast one API key may be used.
    pub key: Rate,
    /// How fast one address (of IPv6 one /64) may come.
    pub address: Rate,
    /// Keys and addresses that are remembered, at 16 bytes each.
    pub remembered: usize,
    /// How long roll-ups are kept.
    pub retention: Retention,
    /// Where several nodes share their rate limits; without it, each holds its callers to them alone.
    pub redis: Option<Arc<Redis>>,
}

impl Default for Settings {
    fn default() -> Self {
        let plan = |name: &str, per_second, burst| (name.to_owned(), Rate::new(per_second, burst));
        Self {
            flush_every: Duration::from_millis(250),
            forget_after: Duration::from_mins(5),
            plans: [
                plan("free", 10, 50),
                plan("starter", 50, 250),
                plan("pro", 200, 1000),
                plan("enterprise", 2000, 10_000),
            ]
            .into(),
            other_plans: Rate::new(200, 1000),
            key: Rate::new(1000, 5000),
            address: Rate::new(200, 1000),
            remembered: 1 << 18,
            retention: Retention::default(),
            redis: None,
        }
    }
}

impl Settings {
    /// How fast tenants on this plan may come.
    pub fn rate(&self, plan: PlanId) -> Rate {
        self.plans.get(plan.name()).copied().unwrap_or(self.other_plans)
    }
}
