//! From memory into the roll-ups.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release, SeqCst};
use std::sync::atomic::fence;
use std::sync::{Arc, MutexGuard, PoisonError};

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::latency::LATENCY_BUCKETS;
use super::leasing::APPEAR_EVERY;
use super::meter::{Meter, Terms};
use super::metering::Metering;
use crate::alerts::{self, Watch};
use crate::amount::Amount;
use crate::metrics::{BuiltIn, Kind};
use crate::periods::Calendar;
use crate::rollups::{self, Bucket, Dimensions, Member, Spread, Totals};

/// Meters that are written in one transaction.
const METERS: usize = 5000;
/// How often to write at the end before giving up.
const LAST_ATTEMPTS: u32 = 5;

type Performance = ([i64; 5], [i64; LATENCY_BUCKETS]);

/// What is to be written together.
#[derive(Debug, Default)]
struct Batch {
    sequence: i64,
    spread: Spread,
    members: Vec<(Member, Arc<Calendar>)>,
    performance: BTreeMap<(TenantId, Timestamp), Performance>,
    /// Quotas of what was counted.
    watches: Vec<Watch>,
}

impl Batch {
    fn take_visitors(&mut self, meter: &Meter, calendar: &Arc<Calendar>) {
        for (at, member) in meter.visitors.drain() {
            let member = Member {
                tenant: meter.tenant,
                metric: BuiltIn::ActiveUsers.into(),
                at,
                dimensions: Dimensions::none(),
                who: member,
            };
            self.members.push((member, Arc::clone(calendar)));
        }
    }

    /// The quotas of what was just taken out of the meter.
    fn take_watches(&mut self, meter: &Meter, terms: &Terms, now: Timestamp) {
        let all = meter.recheck.swap(false, AcqRel);
        let came = self
            .members
            .last()
            .is_some_and(|(member, _)| member.tenant == meter.tenant);
        for gauge in &terms.gauges {
            let watch = Watch::of(
                meter.tenant,
                gauge.quota(),
                gauge.aggregation(),
                &terms.calendar,
                &terms.thresholds,
                Some(&meter.marks),
                now,
            );
            let counted = |watch: &Watch| {
                all || watch.is_touched(&self.spread) || came && watch.is_of(BuiltIn::ActiveUsers)
            };
            self.watches.extend(watch.filter(counted));
        }
    }
}

/// What is being written. Only one task writes at a time.
#[derive(Debug, Default)]
pub(super) struct Writer {
    sequence: i64,
    /// A batch that is perhaps written and perhaps not.
    unsure: Option<Batch>,
    /// The day for which partitions were made.
    ensured: Option<i64>,
}

impl Metering {
    /// Writes what is counted at every turn, forgets the idle, and keeps partitions ready, until told to stop; then once
    /// more. A process runs it once.
    pub async fn run(self, stop: CancellationToken) {
        let mut turns: u32 = 0;
        let mut appeared = Instant::now();
        while !stop.is_cancelled() {
            self.turn().await;
            self.renew_leases().await;
            if appeared.elapsed() >= APPEAR_EVERY {
                appeared = Instant::now();
                self.look_around().await;
            }
            turns = turns.wrapping_add(1);
            if turns.is_multiple_of(64) {
                self.forget_idle();
            }
            tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(self.0.settings.flush_every) => {} }
        }
        for _ in 0..LAST_ATTEMPTS {
            match self.flush().await {
                Ok(()) => return self.leave().await,
                Err(error) => tracing::warn!(%error, "the last counts could not be written yet"),
            }
            tokio::time::sleep(self.0.settings.flush_every).await;
        }
        tracing::error!("the last counts could not be written and are lost");
    }

    async fn turn(&self) {
        if let Err(error) = self.flush().await {
            tracing::warn!(%error, "counts could not be written; they are kept for the next turn");
        }
    }

    /// Writes everything that was counted until now. What is counted meanwhile waits for the next turn: under load there is
    /// always something.
    pub async fn flush(&self) -> Result<(), sqlx::Error> {
        let mut writer = self.0.writer.lock().await;
        self.ensure_partitions(&mut writer).await?;
        self.be_sure(&mut writer).await?;
        let mut waiting = self.dirty().len();
        while waiting > 0 {
            let meters = self.next_dirty(waiting.min(METERS));
            waiting -= meters.len();
            writer.sequence += 1;
            // Kept where it is found again if this task is dropped or the database fails.
            let sequence = writer.sequence;
            let batch = writer.unsure.insert(gather(&meters, self.now()));
            batch.sequence = sequence;
            self.write(batch).await?;
            writer.unsure = None;
        }
        Ok(())
    }

    /// Writes what is perhaps written and perhaps not.
    pub(super) async fn be_sure(&self, writer: &mut Writer) -> Result<(), sqlx::Error> {
        if let Some(batch) = &writer.unsure {
            self.write(batch).await?;
            writer.unsure = None;
        }
        Ok(())
    }

    /// So many of those that wait longest.
    fn next_dirty(&self, count: usize) -> Vec<Arc<Meter>> {
        self.dirty().drain(..count).collect()
    }

    /// Meters to be written, the longest waiting first. Only the writer takes them out.
    pub(super) fn dirty(&self) -> MutexGuard<'_, Vec<Arc<Meter>>> {
        self.0.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ensure_partitions(&self, writer: &mut Writer) -> Result<(), sqlx::Error> {
        let today = self.now().as_micros() / 86_400_000_000;
        if writer.ensured != Some(today) {
            rollups::ensure(&self.0.databases.system("metering")).await?;
            writer.ensured = Some(today);
        }
        Ok(())
    }

    async fn write(&self, batch: &Batch) -> Result<(), sqlx::Error> {
        let mut tx = self.0.databases.system("metering").control().await?;
        if !claim(&mut tx, self.0.databases.node(), batch.sequence).await? {
            return Ok(());
        }
        let mut spread = batch.spread.clone();
        if !batch.members.is_empty() {
            sqlx::query!("select pg_advisory_xact_lock_shared(hashtext('usage_comparison'))")
                .execute(tx.conn())
                .await?;
            let members = batch
                .members
                .iter()
                .map(|(member, calendar)| (member, &**calendar));
            rollups::add_members(&mut tx, members, true, &mut spread).await?;
        }
        rollups::write(&mut tx, &spread).await?;
        write_performance(&mut tx, &batch.performance).await?;
        let raised = alerts::raise(&mut tx, &batch.watches).await?;
        let fault = self.0.databases.faults().reach("metering.flush");
        fault.map_err(|planted| sqlx::Error::Protocol(planted.to_string()))?;
        tx.commit().await?;
        for (tenant, quota, span, percent) in raised.each() {
            if let Some(meter) = self.0.known(tenant) {
                meter.marks.raise(quota, span, percent);
            }
        }
        if !batch.members.is_empty() {
            self.observe_members(&spread);
        }
        Ok(())
    }

    /// People are counted by the database only, so quotas of them learn it here.
    fn observe_members(&self, spread: &Spread) {
        let mut uniques = Spread::new();
        for (row, totals) in spread.0.iter().filter(|(_, totals)| totals.uniques != 0) {
            let only = Totals {
                uniques: totals.uniques,
                ..Totals::default()
            };
            uniques.add_to(row.clone(), &only);
        }
        self.tell(&uniques, |_| ());
    }

    /// Forgets meters that were not used for a while, and of which everything is written.
    pub(super) fn forget_idle(&self) {
        let patience = i64::try_from(self.0.settings.forget_after.as_micros()).unwrap_or(i64::MAX);
        let before = self.now().as_micros().saturating_sub(patience);
        // Under the shard's lock nobody can come by a new reference, and whoever has one keeps the meter.
        let kept = |meter: &Arc<Meter>| {
            meter.used_at.load(Relaxed) > before || meter.dirty.load(Relaxed) || Arc::strong_count(meter) > 1
        };
        for shard in &self.0.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|_, meter| kept(meter));
        }
        self.0.alike.tidy();
    }
}

/// Takes the counts out of the meters.
fn gather(meters: &[Arc<Meter>], now: Timestamp) -> Batch {
    let mut batch = Batch::default();
    for meter in meters {
        // First, so that whatever is counted from here on has it flushed again.
        meter.dirty.store(false, Release);
        fence(SeqCst);
        let terms = meter.terms();
        let calendar = &terms.calendar;
        let none = Dimensions::none();
        for counts in meter.cells.drain() {
            for (metric, count, sum) in counts.metrics() {
                terms
                    .of(metric.name())
                    .for_each(|gauge| gauge.wrote(counts.at, sum, calendar));
                let totals = Totals {
                    count: i64::from(count),
                    sum: Amount::whole(i64::try_from(sum).unwrap_or(i64::MAX)),
                    ..Totals::default()
                };
                batch
                    .spread
                    .add(meter.tenant, &metric.into(), counts.at, &none, &totals, calendar);
            }
            let hour = Bucket::Hour.span(counts.at, calendar).starts_at;
            let (statuses, latencies) = batch.performance.entry((meter.tenant, hour)).or_default();
            add(statuses, &counts.statuses);
            add(latencies, &counts.latencies);
        }
        let levels = meter.levels.swap(0, AcqRel);
        for metric in BuiltIn::ALL
            .iter()
            .filter(|metric| metric.kind() == Kind::Gauge && levels & (1 << (**metric as u16)) != 0)
        {
            let level = terms
                .of(metric.name())
                .next()
                .map_or(0, crate::quotas::Gauge::height);
            let totals = Totals::level(Amount::whole(i64::try_from(level).unwrap_or(i64::MAX)), now);
            batch
                .spread
                .add(meter.tenant, &(*metric).into(), now, &none, &totals, calendar);
        }
        batch.take_visitors(meter, calendar);
        batch.take_watches(meter, &terms, now);
    }
    batch
}

fn add(sums: &mut [i64], counts: &[u32]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum += i64::from(*count);
    }
}

/// Whether this batch is not written yet. Its number is committed with it.
async fn claim(tx: &mut ControlTx, node: uuid::Uuid, sequence: i64) -> Result<bool, sqlx::Error> {
    let now = tx.now();
    let claimed = sqlx::query!(
        "insert into control.usage_flushes as t (node, sequence, at) values ($1, $2, $3)
         on conflict (node) do update set sequence = excluded.sequence, at = excluded.at
         where t.sequence < excluded.sequence",
        node,
        sequence,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(claimed.rows_affected() == 1)
}

async fn write_performance(
    tx: &mut ControlTx,
    performance: &BTreeMap<(TenantId, Timestamp), Performance>,
) -> Result<(), sqlx::Error> {
    let mut tenants = Vec::new();
    let (mut hours, mut statuses, mut latencies) = (Vec::new(), Vec::new(), Vec::new());
    for ((tenant, hour), (by_status, by_latency)) in performance {
        if by_latency.iter().all(|count| *count == 0) {
            continue;
        }
        tenants.push(*tenant);
        hours.push(*hour);
        statuses.push(literal(by_status));
        latencies.push(literal(by_latency));
    }
    if tenants.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "insert into control.usage_performance as t (tenant_id, starts_at, statuses, latencies)
         select tenant_id, starts_at, statuses::bigint[], latencies::bigint[]
         from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[]) as given(tenant_id, starts_at, statuses, latencies)
         on conflict (tenant_id, starts_at) do update set
             statuses = control.added(t.statuses, excluded.statuses),
             latencies = control.added(t.latencies, excluded.latencies)",
        &tenants as _,
        &hours as _,
        &statuses,
        &latencies
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An array as PostgreSQL reads it: arrays of arrays cannot be passed.
fn literal(counts: &[i64]) -> String {
    let numbers: Vec<String> = counts.iter().map(ToString::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}
