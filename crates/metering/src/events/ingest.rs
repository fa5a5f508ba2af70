//! Counting a batch.

use std::collections::{HashMap, HashSet};

use isolation::{ControlTx, Tx};
use kernel::TenantId;
use serde::Serialize;

use super::candidate::{Candidate, Ground};
use super::corrections::{self, Effect, Verdict};
use super::generations::{Filters, Generations};
use super::reading::Reading;
use super::refusal::Refused;
use super::tally::Tally;
use super::{comparison, keeping, series, sql};
use crate::alerts;
use crate::metrics::{Metric, MetricName};
use crate::periods::Calendar;
use crate::rollups::{self, Member, Spread};

/// Events that one batch may have.
pub const BATCH: usize = 10_000;

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Receipt {
    /// Events that are counted now.
    pub accepted: usize,
    /// Events that were counted before.
    pub duplicates: usize,
    /// Events that are not counted, and why.
    pub refused: Vec<Refused>,
}

/// A batch that is counted once the transaction commits.
#[derive(Debug)]
pub struct Ingested {
    /// What became of each event.
    pub receipt: Receipt,
    /// What was added, for the meters: to be told to [`Metering::observe`](crate::Metering::observe) after the commit.
    pub counted: Spread,
    /// Whether a largest or latest value was taken back, so that a meter must read it anew.
    pub compared: bool,
}

/// Counts the batch, with the deduplication, in the caller's transaction. It takes the locks of the roll-ups last, so it
/// should be the last thing in it.
pub async fn ingest(
    tx: &mut ControlTx,
    filters: &Filters,
    tenant: TenantId,
    batch: Reading,
) -> Result<Ingested, sqlx::Error> {
    let metrics = crate::metrics::known(tx, tenant).await?;
    let calendar = crate::quotas::calendar(tx, tenant).await?;
    let mut receipt = Receipt::default();
    let ground = Ground {
        tenant,
        metrics: metrics.values().map(|one| (one.name.as_str(), one)).collect(),
        now: tx.now(),
    };
    let candidates = sift(&ground, batch, &mut receipt);
    let (corrections, plain): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|one| one.correction.is_some());
    let compares = |events: &[Candidate]| events.iter().any(|one| one.aggregation.compares());
    let alone = compares(&corrections);
    let generations = sql::lock(tx, filters, alone || compares(&plain), alone).await?;
    let mut batch = Batch {
        tenant,
        metrics: &metrics,
        calendar: &calendar,
        generations,
        spread: Spread::new(),
    };
    let newcomers = batch.count(tx, plain, &mut receipt).await?;
    let effect = batch.correct(tx, corrections, &mut receipt).await?;
    batch.finish(tx, newcomers, &effect).await?;
    receipt.refused.sort_unstable_by_key(|refused| refused.index);
    Ok(Ingested {
        receipt,
        counted: batch.spread,
        compared: !effect.hours.is_empty(),
    })
}

/// What can be counted, each event once.
fn sift(ground: &Ground<'_>, batch: Reading, receipt: &mut Receipt) -> Vec<Candidate> {
    let mut seen = HashSet::with_capacity(batch.0.len());
    let mut candidates = Vec::with_capacity(batch.0.len());
    for (index, event) in batch.0.into_iter().enumerate() {
        let unread = |refusal| Refused {
            index,
            id: None,
            refusal,
        };
        match event.map_err(unread).and_then(|event| ground.check(index, event)) {
            Ok(candidate) if seen.insert(candidate.key) => candidates.push(candidate),
            Ok(_) => receipt.duplicates += 1,
            Err(refused) => receipt.refused.push(refused),
        }
    }
    candidates
}

struct Batch<'a> {
    tenant: TenantId,
    metrics: &'a HashMap<MetricName, Metric>,
    calendar: &'a Calendar,
    generations: Generations,
    spread: Spread,
}

impl Batch<'_> {
    /// Keeps and counts events that correct nothing; answers whom they mention.
    async fn count(
        &mut self,
        tx: &mut ControlTx,
        mut plain: Vec<Candidate>,
        receipt: &mut Receipt,
    ) -> Result<Vec<Member>, sqlx::Error> {
        series::bound(tx, self.tenant, self.metrics, &mut plain).await?;
        let duplicates = keeping::keep(tx, self.tenant, &self.generations, &plain).await?;
        receipt.accepted += plain.len() - duplicates.len();
        receipt.duplicates += duplicates.len();
        let mut newcomers = Vec::new();
        let mut tally = Tally::default();
        for event in plain.iter().filter(|event| !duplicates.contains(&event.key)) {
            tally.add(event);
            newcomers.extend(event.member_of(self.tenant));
        }
        tally.spread(self.tenant, self.calendar, &mut self.spread);
        Ok(newcomers)
    }

    async fn correct(
        &mut self,
        tx: &mut ControlTx,
        mut events: Vec<Candidate>,
        receipt: &mut Receipt,
    ) -> Result<Effect, sqlx::Error> {
        if events.is_empty() {
            return Ok(Effect::default());
        }
        series::bound(tx, self.tenant, self.metrics, &mut events).await?;
        let mut effect = corrections::apply(
            tx,
            self.tenant,
            &self.generations,
            events,
            self.calendar,
            &mut self.spread,
        )
        .await?;
        for verdict in std::mem::take(&mut effect.verdicts) {
            match verdict {
                Verdict::Counted => receipt.accepted += 1,
                Verdict::Duplicate => receipt.duplicates += 1,
                Verdict::Refused(refused) => receipt.refused.push(refused),
            }
        }
        Ok(effect)
    }

    async fn finish(
        &mut self,
        tx: &mut ControlTx,
        newcomers: Vec<Member>,
        effect: &Effect,
    ) -> Result<(), sqlx::Error> {
        let calendar = self.calendar;
        let came = newcomers
            .iter()
            .chain(&effect.newcomers)
            .map(|member| (member, calendar));
        rollups::add_members(tx, came, false, &mut self.spread).await?;
        let gone = effect.departures.iter().map(|member| (member, calendar));
        rollups::remove_members(tx, gone, &mut self.spread).await?;
        rollups::write(tx, &self.spread).await?;
        let hours: Vec<_> = effect.hours.iter().cloned().collect();
        comparison::compare_anew(tx, self.tenant, &hours).await?;
        alerts::after_ingest(tx, self.tenant, self.calendar, self.metrics, &self.spread).await
    }
}
