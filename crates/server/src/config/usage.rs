//! What metering is configured with.

use std::sync::Arc;
use std::time::Duration;

use metering::Settings;
use metering::nodes::{Redis, RedisSettings};
use metering::rollups::{LEAST_DAYS, Retention};

use super::options::Config;
use super::parts::Inconsistent;

/// Days in which an event that comes again is recognised, and a late one is still counted.
const LEAST_RETENTION: u32 = 35;
const LEAST_PATIENCE: Duration = Duration::from_millis(1);
const LONGEST_PATIENCE: Duration = Duration::from_secs(1);
const LEAST_INTERVAL: Duration = Duration::from_millis(50);
const LONGEST_INTERVAL: Duration = Duration::from_mins(1);

impl Config {
    /// How tenants' use is counted, and how fast they may come.
    pub fn metering(&self) -> Result<Settings, Inconsistent> {
        let (usage, rates) = (&self.usage, &self.rate_limits);
        require(
            (LEAST_INTERVAL..=LONGEST_INTERVAL).contains(&usage.flush_interval),
            "usage.flush_interval must be from 50ms to 1m",
        )?;
        require(
            !usage.idle_time.is_zero(),
            "usage.idle_time must be more than nothing",
        )?;
        require(
            usage.hourly_retention_days >= LEAST_DAYS,
            "usage.hourly_retention_days must be at least 402",
        )?;
        require(
            usage.daily_retention_days >= usage.hourly_retention_days,
            "usage.daily_retention_days must be at least usage.hourly_retention_days",
        )?;
        require(
            usage.event_retention_days >= LEAST_RETENTION,
            "usage.event_retention_days must be at least 35",
        )?;
        require(
            rates.remembered > 0,
            "rate_limits.remembered must be more than nothing",
        )?;
        let plans = [
            ("free", rates.free),
            ("starter", rates.starter),
            ("pro", rates.pro),
            ("enterprise", rates.enterprise),
        ];
        Ok(Settings {
            flush_every: usage.flush_interval,
            forget_after: usage.idle_time,
            plans: plans.map(|(plan, rate)| (plan.to_owned(), rate.0)).into(),
            other_plans: rates.pro.0,
            key: rates.api_key.0,
            address: rates.address.0,
            remembered: rates.remembered,
            retention: self.usage_retention(),
            redis: self.redis_link()?.map(Arc::new),
        })
    }

    /// The link to Redis, not connected yet.
    pub fn redis_link(&self) -> Result<Option<Redis>, Inconsistent> {
        let Some(url) = &self.redis.url else {
            return Ok(None);
        };
        require(
            (LEAST_PATIENCE..=LONGEST_PATIENCE).contains(&self.redis.patience),
            "redis.patience must be from 1ms to 1s",
        )?;
        let settings = RedisSettings {
            url: url.clone(),
            patience: self.redis.patience,
        };
        // The error might show the URL, and with it a password.
        let link = Redis::new(&settings).map_err(|_| {
            Inconsistent("redis.url is not a URL such as redis://host:6379 or rediss://host".into())
        })?;
        Ok(Some(link))
    }

    /// How long what was counted is kept.
    pub fn usage_retention(&self) -> Retention {
        Retention {
            hours: self.usage.hourly_retention_days,
            days: self.usage.daily_retention_days,
            events: self.usage.event_retention_days,
        }
    }
}

fn require(holds: bool, else_said: &str) -> Result<(), Inconsistent> {
    holds
        .then_some(())
        .ok_or_else(|| Inconsistent(else_said.to_owned()))
}
