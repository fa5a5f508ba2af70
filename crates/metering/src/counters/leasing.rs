//! Quotas that several nodes share: what this node leases of them, before it is needed and when it is.
//!
//! Alone, a node has every quota to itself and none of this happens. From the moment on in which it hears of another
//! one, it uses what it has leased only ([`nodes::leases`](crate::nodes)). Leases are renewed after each flush; only
//! who finds that nothing is left waits for one, behind others who do.
//!
//! Only counters are leased. What there is now (users, projects, storage) is told to its gauge by whoever changed it.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::{TenantId, Timestamp};

use super::flush::Writer;
use super::meter::{Admission, Meter, Refusal, Terms};
use super::metering::Metering;
use crate::metrics::{Aggregation, BuiltIn, Kind, MetricName};
use crate::nodes::leases::{self, Request};
use crate::nodes::presence;
use crate::periods::Period;
use crate::quotas::{Claim, Gauge, Mode, QuotaCheck};
use crate::rollups::Bucket;

/// How often a node says that it is there.
pub(super) const APPEAR_EVERY: Duration = Duration::from_secs(2);
/// How long whoever waits for a lease may wait for the database.
const PATIENCE: Duration = Duration::from_secs(2);
/// When the database is asked again that did not answer.
const AGAIN: Duration = Duration::from_millis(50);

/// What this node knows of the others.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    /// Whether there are others.
    several: AtomicBool,
    /// Meters of which something is leased.
    leased: Mutex<HashMap<TenantId, Arc<Meter>>>,
}

impl Sharing {
    /// Whether quotas are shared with other nodes now.
    pub(super) fn several(&self) -> bool {
        self.several.load(SeqCst)
    }

    fn remember(&self, meter: &Arc<Meter>) {
        let mut leased = self.leased.lock().unwrap_or_else(PoisonError::into_inner);
        leased.entry(meter.tenant).or_insert_with(|| Arc::clone(meter));
    }

    fn forget(&self, tenant: TenantId) {
        let mut leased = self.leased.lock().unwrap_or_else(PoisonError::into_inner);
        leased.remove(&tenant);
    }

    fn meters(&self) -> Vec<Arc<Meter>> {
        let leased = self.leased.lock().unwrap_or_else(PoisonError::into_inner);
        leased.values().cloned().collect()
    }
}

/// Nothing more could be leased.
enum Unleased {
    /// There is nothing left.
    UsedUp(Box<QuotaCheck>),
    /// The database did not say in time.
    Unknown(Box<QuotaCheck>),
}

/// A request and the gauge that it is for, found again by metric and period.
type Asked = (Arc<Meter>, MetricName, Period, Request);

impl Metering {
    /// Says that this node is there, and learns whether others are. Before the first request, and every two seconds.
    pub async fn appear(&self) -> Result<(), sqlx::Error> {
        let several = presence::appear(&self.0.databases).await?;
        // Whoever leases meanwhile must not open a gauge that is closed here.
        let _writer = self.0.writer.lock().await;
        if self.0.sharing.several.swap(several, SeqCst) == several {
            return Ok(());
        }
        self.0.each(|meter| self.share(meter));
        tracing::info!(several, "whether other nodes share the quotas");
        Ok(())
    }

    /// The same, where somebody came or time has passed; what fails is tried again.
    pub(super) async fn look_around(&self) {
        if let Err(error) = self.appear().await {
            tracing::warn!(%error, "it is not known whether other nodes share the quotas");
        }
    }

    /// All is written, and nothing is held any more.
    pub(super) async fn leave(&self) {
        if let Err(error) = presence::leave(&self.0.databases).await {
            tracing::warn!(%error, "other nodes hear after ten seconds that this one is gone");
        }
    }

    /// A meter that was just read: of a quota that is shared it has nothing yet.
    pub(super) fn share(&self, meter: &Meter) {
        if self.0.sharing.several() {
            meter.terms().counters().for_each(Gauge::close);
        }
    }

    /// Whether other nodes are there, with which quotas are shared.
    pub fn shares_quotas(&self) -> bool {
        self.0.sharing.several()
    }

    /// Takes so much, as [`take`](Self::take) does, of what all nodes have left.
    pub async fn take_shared(
        &self,
        meter: &Arc<Meter>,
        metric: BuiltIn,
        amount: u64,
    ) -> Result<(), Box<QuotaCheck>> {
        match self.take(meter, metric, amount) {
            Err(check) if self.leases(meter, &check) => self
                .or_lease(meter, amount, check, || self.take(meter, metric, amount))
                .await
                .map_err(|(Unleased::UsedUp(check) | Unleased::Unknown(check))| check),
            outcome => outcome,
        }
    }

    /// An admission that only this node's lease refuses is decided again with a larger one.
    pub(super) async fn lease_call(&self, meter: &Arc<Meter>, mut admission: Admission) -> Admission {
        match admission.refusal {
            Some(Refusal::Quota(check)) if self.leases(meter, &check) => {
                let leased = self.or_lease(meter, 1, check, || meter.call(self.now()));
                match Box::pin(leased).await {
                    Ok(calls) => (admission.calls, admission.refusal) = (calls, None),
                    Err(Unleased::UsedUp(check)) => admission.refusal = Some(Refusal::Quota(check)),
                    Err(Unleased::Unknown(_)) => admission.refusal = Some(Refusal::Undecided),
                }
                self.soil(meter);
                admission
            }
            _ => admission,
        }
    }

    /// Whether it was refused by what is leased to this node, of which more may be had.
    fn leases(&self, meter: &Meter, refused: &QuotaCheck) -> bool {
        let (terms, now) = (meter.terms(), self.now());
        terms
            .counters()
            .any(|gauge| gauge.is_of(&refused.quota) && gauge.may_be_claimed(now))
    }

    /// Leases until the attempt succeeds or there is nothing left. Whoever comes meanwhile waits, and then tries before
    /// he leases.
    async fn or_lease<T>(
        &self,
        meter: &Arc<Meter>,
        amount: u64,
        refused: Box<QuotaCheck>,
        attempt: impl Fn() -> Result<T, Box<QuotaCheck>>,
    ) -> Result<T, Unleased> {
        let mut refused = refused;
        let work = async {
            let mut writer = self.0.writer.lock().await;
            loop {
                match attempt() {
                    Ok(done) => return Ok(done),
                    Err(check) => refused = check,
                }
                if !self.leases(meter, &refused) {
                    return Err(());
                }
                let asked = self.dry(meter, &refused.quota.metric, amount);
                match self.lease(&mut writer, asked).await {
                    Ok(true) => {}
                    Ok(false) => self.pause(meter, &refused.quota.metric),
                    Err(error) => {
                        tracing::warn!(%error, "nothing could be leased of a quota; tried again");
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            }
        };
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(outcome) => outcome.map_err(|()| Unleased::UsedUp(refused)),
            Err(_) => Err(Unleased::Unknown(refused)),
        }
    }

    /// What is used up is not asked for at every request.
    fn pause(&self, meter: &Meter, metric: &MetricName) {
        let pause = i64::try_from(self.0.settings.flush_every.as_micros()).unwrap_or(i64::MAX);
        let then = Timestamp::from_micros(self.now().as_micros().saturating_add(pause));
        let terms = meter.terms();
        let of_it = terms.counters().filter(|gauge| gauge.quota().metric == *metric);
        of_it.for_each(|gauge| gauge.dry_until(then));
    }

    fn dry(&self, meter: &Arc<Meter>, metric: &MetricName, amount: u64) -> Vec<Asked> {
        let (terms, now) = (meter.terms(), self.now());
        let dry = |gauge: &Gauge| {
            gauge.quota().metric == *metric && gauge.may_be_claimed(now) && gauge.left() < amount
        };
        terms
            .counters()
            .filter(|gauge| dry(gauge))
            .filter_map(|gauge| terms.asked(meter, gauge, gauge.claim(amount), now))
            .collect()
    }

    /// After each flush: what was used is written now and need not be leased any more, and what will be needed is.
    pub(crate) async fn renew_leases(&self) {
        let mut writer = self.0.writer.lock().await;
        let (meters, now) = (self.0.sharing.meters(), self.now());
        let mut asked = Vec::new();
        for meter in &meters {
            let terms = meter.terms();
            let before = asked.len();
            for gauge in terms.counters().filter(|gauge| gauge.is_closed()) {
                gauge.used_at(now, &terms.calendar);
                asked.extend(terms.asked(meter, gauge, gauge.renewal(), now));
            }
            if asked[before..]
                .iter()
                .all(|(.., request)| request.claim.keep == 0 && request.claim.want == 0)
            {
                self.0.sharing.forget(meter.tenant);
            }
        }
        for some in asked.chunks(1000) {
            if let Err(error) = self.lease(&mut writer, some.to_vec()).await {
                tracing::warn!(%error, "leases of quotas could not be renewed; tried at the next turn");
            }
        }
    }

    /// Leases, and tells the gauges. Answers whether any of them has as much left as it needs.
    async fn lease(&self, writer: &mut Writer, asked: Vec<Asked>) -> Result<bool, sqlx::Error> {
        if asked.is_empty() {
            return Ok(false);
        }
        // What is on its way into the database is in no sum: neither in what is written nor in what is not.
        self.be_sure(writer).await?;
        let requests: Vec<Request> = asked.iter().map(|(.., request)| request.clone()).collect();
        let answers = leases::lease(&self.0.databases, &requests).await?;
        let mut any = false;
        for ((meter, metric, period, request), answer) in asked.iter().zip(answers) {
            let terms = meter.terms();
            let Some(gauge) = terms.matching(metric, *period) else {
                continue;
            };
            if self.0.sharing.several() || answer.shared {
                any |= gauge.grant(&request.claim, answer.amount, answer.used) >= request.claim.least;
                if request.claim.want > 0 {
                    self.0.sharing.remember(meter);
                }
            } else {
                gauge.open(&request.claim, answer.used);
                any = true;
            }
        }
        Ok(any)
    }
}

impl Terms {
    /// What is counted as it happens and starts anew: only that can be leased.
    pub(super) fn counters(&self) -> impl Iterator<Item = &Gauge> {
        self.gauges.iter().filter(|gauge| {
            let built_in = BuiltIn::from_name(gauge.quota().metric.as_str());
            built_in.is_some_and(|metric| metric.kind() == Kind::Counter)
        })
    }

    fn asked(&self, meter: &Arc<Meter>, gauge: &Gauge, claim: Claim, now: Timestamp) -> Option<Asked> {
        let quota = gauge.quota();
        let limit = quota.limit.at_most().filter(|_| quota.mode == Mode::Hard)?;
        let (bucket, starts_at) = match Bucket::for_period(quota.period, &self.calendar) {
            Some(bucket) => (bucket.name(), bucket.span(now, &self.calendar).starts_at),
            None => ("total", Timestamp::from_micros(0)),
        };
        let request = Request {
            tenant: meter.tenant,
            metric: quota.metric.as_str().to_owned(),
            bucket,
            starts_at,
            counts: gauge.aggregation() == Aggregation::Count,
            limit,
            claim,
        };
        Some((Arc::clone(meter), quota.metric.clone(), quota.period, request))
    }
}
