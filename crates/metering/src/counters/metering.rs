//! The meters of this process.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, SeqCst};
use std::sync::atomic::fence;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use isolation::{Databases, Listener, News};
use kernel::{TenantId, Timestamp};
use tenants::directory::Directory;

use super::alike::Shared;
use super::flush::Writer;
use super::leasing::Sharing;
use super::load;
use super::meter::{Admission, Meter, Outcome, Pace, Refusal, Scope, Visitor};
use super::settings::Settings;
use crate::TOPIC;
use crate::events::Filters;
use crate::nodes::pace::SharedPace;
use crate::nodes::presence;
use crate::rate_limits::{Passage, Rate, Table};
use crate::rollups::Spread;

const SHARDS: usize = 64;

pub(super) type Shard = RwLock<HashMap<TenantId, Arc<Meter>>>;

/// The meters of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metering(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) databases: Databases,
    pub(super) directory: Directory,
    pub(super) settings: Settings,
    pub(super) shards: Box<[Shard]>,
    hasher: RandomState,
    addresses: Table,
    keys: Table,
    /// The rate limits that other nodes share.
    pub(super) shared: Option<Arc<SharedPace>>,
    /// Whether quotas are shared with other nodes.
    pub(super) sharing: Sharing,
    /// Meters that have something to be written.
    pub(super) dirty: Mutex<Vec<Arc<Meter>>>,
    pub(super) writer: tokio::sync::Mutex<Writer>,
    filters: Filters,
    /// What the terms of many tenants have alike.
    pub(super) alike: Shared,
}

impl Metering {
    /// No meters yet. Nothing is written until [`Metering::run`] runs.
    pub fn new(databases: Databases, directory: Directory, settings: Settings) -> Self {
        let remembered = settings.remembered / 2;
        let shared = settings.redis.clone();
        let shared = shared.map(|redis| Arc::new(SharedPace::new(redis, databases.master())));
        let inner = Arc::new(Inner {
            databases,
            directory,
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            hasher: RandomState::new(),
            addresses: Table::new(remembered),
            keys: Table::new(remembered),
            shared,
            sharing: Sharing::default(),
            dirty: Mutex::default(),
            writer: tokio::sync::Mutex::default(),
            filters: Filters::default(),
            alike: Shared::default(),
            settings,
        });
        inner.databases.tell(&inner);
        Self(inner)
    }

    /// The tenant's meter: from memory, but for the first time and after its quotas changed. None for a tenant that
    /// there is not.
    pub async fn meter(&self, tenant: TenantId) -> Result<Option<Arc<Meter>>, sqlx::Error> {
        if let Some(known) = self.0.known(tenant) {
            if known.stale.load(Relaxed)
                && let Err(error) = load::refresh(&self.0, &known).await
            {
                tracing::warn!(%error, "quotas could not be read anew; those known hold");
            }
            self.share(&known);
            return Ok(Some(known));
        }
        let Some(loaded) = load::meter(&self.0, tenant).await? else {
            return Ok(None);
        };
        let mut shard = self
            .0
            .shard(tenant)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        self.share(&loaded);
        // Whoever was first has counted already.
        Ok(Some(Arc::clone(
            shard.entry(tenant).or_insert_with(|| Arc::new(loaded)),
        )))
    }

    /// The tenant's meter, if it is in memory and up to date.
    pub fn ready(&self, tenant: TenantId) -> Option<Arc<Meter>> {
        self.0.known(tenant).filter(|meter| !meter.stale.load(Relaxed))
    }

    /// The tenant's meter, if it is in memory: for who has asked for it before, and would go on with what held then.
    pub fn at_hand(&self, tenant: TenantId) -> Option<Arc<Meter>> {
        self.0.known(tenant)
    }

    /// The one call before a request is served: rate limits of address, key and tenant, then one of its calls, and
    /// whether it has bandwidth left. No statement, no waiting.
    pub fn admit(&self, meter: &Arc<Meter>, visitor: &Visitor) -> Admission {
        let now = self.now();
        meter.touch(now);
        let pace = self.pace(meter, visitor, now);
        if !pace.passage.allowed {
            return Admission {
                pace,
                calls: None,
                refusal: Some(Refusal::TooFast(pace)),
            };
        }
        let (calls, refusal) = match meter.call(now) {
            Ok(calls) => (calls, None),
            Err(check) => (None, Some(Refusal::Quota(check))),
        };
        self.soil(meter);
        Admission { pace, calls, refusal }
    }

    /// The tightest passage; whoever refuses first is not followed by others, which keep their place.
    fn pace(&self, meter: &Meter, visitor: &Visitor, now: Timestamp) -> Pace {
        let (nanos, settings) = (nanos(now), &self.0.settings);
        let of_address = visitor.address.map(|address| self.arrive(address));
        if let Some(refused) = of_address.filter(|pace| !pace.passage.allowed) {
            return refused;
        }
        let of_key = visitor.key.map(|key| Pace {
            scope: Scope::Key,
            rate: settings.key,
            passage: self.0.keys.pass(&key, settings.key, nanos),
        });
        if let Some(refused) = of_key.filter(|pace| !pace.passage.allowed) {
            return refused;
        }
        let rate = meter.terms().rate;
        let of_tenant = Pace {
            scope: Scope::Tenant,
            rate,
            passage: meter.pace.pass(rate, nanos),
        };
        [of_address, of_key]
            .into_iter()
            .flatten()
            .fold(of_tenant, Pace::tighter)
    }

    /// Whether one more from this address passes at the rate of addresses: to be asked before anything is known of
    /// a caller.
    pub fn arrive(&self, address: IpAddr) -> Pace {
        let rate = self.0.settings.address;
        Pace {
            scope: Scope::Address,
            rate,
            passage: self.pass_address(address, rate),
        }
    }

    /// Whether one more from this address passes at this rate: for routes without a tenant, and those with a rate of
    /// their own (name them in `address` by nothing else: one address has one state).
    pub fn pass_address(&self, address: IpAddr, rate: Rate) -> Passage {
        self.0.addresses.pass(&network(address), rate, nanos(self.now()))
    }

    /// Whether one more of this key passes: for routes with limits of their own, such as `("login", address)`.
    pub fn pass_key<K: std::hash::Hash>(&self, key: &K, rate: Rate) -> Passage {
        self.0.keys.pass(key, rate, nanos(self.now()))
    }

    /// The one call after a request was answered, refused ones too: bytes, status, latency, and who it was.
    pub fn settle(&self, meter: &Arc<Meter>, outcome: &Outcome) {
        meter.settle(outcome, self.now());
        self.soil(meter);
    }

    /// What [`ingest`](crate::events::ingest) needs to know of the events that came before.
    pub fn filters(&self) -> &Filters {
        &self.0.filters
    }

    /// To be told what [`ingest`](crate::events::ingest) counted, after its commit.
    pub fn observe(&self, counted: &Spread) {
        // Two counts that were written at the same time in different rows did not see each other; the next flush sees both.
        self.tell(counted, |meter| {
            meter.recheck.store(true, Relaxed);
            self.soil(meter);
        });
    }

    /// Tells the meters in memory what was counted elsewhere.
    pub(super) fn tell(&self, counted: &Spread, also: impl Fn(&Arc<Meter>)) {
        let mut told: Vec<TenantId> = counted.0.keys().map(|row| row.tenant).collect();
        told.sort_unstable();
        told.dedup();
        for meter in told.into_iter().filter_map(|tenant| self.0.known(tenant)) {
            meter.observe(counted, self.now());
            also(&meter);
        }
    }

    /// Reads the tenant's quotas anew before they are next asked.
    pub fn refresh(&self, tenant: TenantId) {
        self.0.refresh(tenant);
    }

    /// Looks around when a node comes or goes. Never ends: run it as a task beside [`Databases::spread_news`].
    pub async fn follow_nodes(self) {
        let mut news = self.0.databases.subscribe();
        loop {
            if let News::One { topic, .. } = news.next().await
                && topic == presence::TOPIC
            {
                self.look_around().await;
            }
        }
    }

    /// Tenants whose meters are in memory.
    pub fn loaded(&self) -> usize {
        let size = |shard: &Shard| shard.read().unwrap_or_else(PoisonError::into_inner).len();
        self.0.shards.iter().map(size).sum()
    }

    /// Has the meter flushed at the next turn.
    pub(super) fn soil(&self, meter: &Arc<Meter>) {
        // The counts before the flag, as the flush clears the flag before it takes them: one of the two sees the other.
        fence(SeqCst);
        if meter.dirty.load(Relaxed) || meter.dirty.swap(true, AcqRel) {
            return;
        }
        self.dirty().push(Arc::clone(meter));
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.databases.seams().now()
    }
}

/// The clock of the rate limits.
fn nanos(now: Timestamp) -> u64 {
    u64::try_from(now.as_micros()).unwrap_or(0).saturating_mul(1000)
}

/// Who has one address of an IPv6 /64 has them all.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let bits = v6.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(bits.into())
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Inner {
    fn shard(&self, tenant: TenantId) -> &Shard {
        let hash = self.hasher.hash_one(tenant);
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or(0)]
    }

    pub(super) fn known(&self, tenant: TenantId) -> Option<Arc<Meter>> {
        let shard = self.shard(tenant).read().unwrap_or_else(PoisonError::into_inner);
        shard.get(&tenant).cloned()
    }

    pub(super) fn each(&self, act: impl Fn(&Meter)) {
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.values().for_each(|meter| act(meter));
        }
    }

    fn refresh(&self, tenant: TenantId) {
        if let Some(meter) = self.known(tenant) {
            meter.stale.store(true, Relaxed);
        }
    }
}

impl Listener for Inner {
    /// Learns of changed plans and quotas. While the news are interrupted, what was known holds.
    fn hear(&self, news: &News) {
        let (topic, key) = match news {
            News::Everything => {
                return self.each(|meter| {
                    meter.stale.store(true, Relaxed);
                    meter.forget_levels();
                });
            }
            News::Interrupted => return,
            News::One { topic, key } => (topic.as_str(), key),
        };
        let Ok(tenant) = key.parse() else { return };
        match topic {
            TOPIC | "tenant" => self.refresh(tenant),
            tenants::SEATS_TOPIC => self.known(tenant).iter().for_each(|meter| meter.forget_levels()),
            _ => {}
        }
    }
}
