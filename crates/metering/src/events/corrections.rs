//! Events that amend or revoke earlier ones.

use std::collections::{BTreeSet, HashMap};

use isolation::ControlTx;
use kernel::TenantId;
use uuid::Uuid;

use super::candidate::{Candidate, Correction, totals};
use super::comparison::Hour;
use super::generations::Generations;
use super::keeping;
use super::refusal::{Reason, Refusal, Refused};
use super::sql::{self, Original};
use crate::metrics::Aggregation;
use crate::periods::Calendar;
use crate::rollups::{Bucket, Departure, Dimensions, Member, Spread};

/// What became of a correction.
pub(super) enum Verdict {
    Counted,
    Duplicate,
    Refused(Refused),
}

/// What corrections do to the roll-ups.
#[derive(Default)]
pub(super) struct Effect {
    pub(super) verdicts: Vec<Verdict>,
    pub(super) newcomers: Vec<Member>,
    pub(super) departures: Vec<Departure>,
    pub(super) hours: BTreeSet<Hour>,
}

/// Takes the corrections in their order; what they add and take away goes into the spread.
pub(super) async fn apply(
    tx: &mut ControlTx,
    tenant: TenantId,
    generations: &Generations,
    corrections: Vec<Candidate>,
    calendar: &Calendar,
    spread: &mut Spread,
) -> Result<Effect, sqlx::Error> {
    let mut effect = Effect::default();
    let target = |one: &Candidate| one.correction.map(Correction::original);
    let targets: Vec<Uuid> = corrections.iter().filter_map(target).collect();
    let found = sql::originals(tx, tenant, &generations.all(&targets)).await?;
    let mut originals: HashMap<Uuid, Original> = found.into_iter().map(|one| (one.key, one)).collect();
    // Only now: who made the same correction at the same time held the original, and is known here.
    let keys: Vec<Uuid> = corrections.iter().map(|one| one.key).collect();
    let known = sql::known(tx, tenant, &generations.all(&keys)).await?;
    let mut accepted = Vec::new();
    for mut correction in corrections {
        let verdict = match judge(&mut correction, &mut originals, &known) {
            Ok(original) => {
                accepted.push((original, correction));
                Verdict::Counted
            }
            Err(verdict) => verdict,
        };
        effect.verdicts.push(verdict);
    }
    keep(tx, tenant, generations, &accepted).await?;
    for (original, correction) in &accepted {
        effect.undo(tenant, original, correction.aggregation, calendar, spread);
        if matches!(correction.correction, Some(Correction::Amends(_))) {
            effect.count(tenant, correction, calendar, spread);
        }
    }
    Ok(effect)
}

/// The original as it was, which is marked as corrected from here on.
fn judge(
    correction: &mut Candidate,
    originals: &mut HashMap<Uuid, Original>,
    known: &HashMap<Uuid, i32>,
) -> Result<Original, Verdict> {
    let (index, id) = (correction.index, correction.id.clone());
    let refused = |reason, detail: &str| {
        Err(Verdict::Refused(Refused {
            index,
            id: Some(id),
            refusal: Refusal::new(reason, detail),
        }))
    };
    if known.contains_key(&correction.key) {
        return Err(Verdict::Duplicate);
    }
    let key = correction
        .correction
        .map(Correction::original)
        .unwrap_or_default();
    let Some(original) = originals.get_mut(&key) else {
        return refused(
            Reason::UnknownOriginal,
            "data: there is no such event, or it is too old",
        );
    };
    if original.metric != correction.metric.as_str() {
        return refused(Reason::NotCorrectable, "type: the event is about another metric");
    }
    if original.revokes {
        return refused(
            Reason::NotCorrectable,
            "data: a revocation cannot be corrected; send the event anew",
        );
    }
    if original.corrected_by.is_some() {
        return refused(
            Reason::AlreadyCorrected,
            "data: the event was corrected before; correct the correction",
        );
    }
    original.corrected_by = Some(correction.key);
    // It counts where the original did.
    correction.time = original.time;
    let original = original.clone();
    originals.insert(correction.key, as_original(correction));
    Ok(original)
}

/// A correction can be corrected in the same batch.
fn as_original(correction: &Candidate) -> Original {
    Original {
        generation: None,
        key: correction.key,
        metric: correction.metric.as_str().to_owned(),
        time: correction.time,
        amount: correction.amount,
        member: correction.member,
        dimensions: correction.dimensions.clone(),
        revokes: matches!(correction.correction, Some(Correction::Revokes(_))),
        corrected_by: None,
    }
}

async fn keep(
    tx: &mut ControlTx,
    tenant: TenantId,
    generations: &Generations,
    accepted: &[(Original, Candidate)],
) -> Result<(), sqlx::Error> {
    if accepted.is_empty() {
        return Ok(());
    }
    let events: Vec<Candidate> = accepted
        .iter()
        .map(|(_, correction)| correction.clone())
        .collect();
    if !keeping::keep(tx, tenant, generations, &events).await?.is_empty() {
        // Somebody used the same id for another event in this very moment. The caller tries again and is told.
        return Err(sqlx::Error::Protocol(
            "a correction's id was taken while it was counted".into(),
        ));
    }
    let pairs: Vec<(Uuid, Uuid)> = accepted
        .iter()
        .map(|(original, correction)| (original.key, correction.key))
        .collect();
    let mut within: Vec<i32> = accepted
        .iter()
        .filter_map(|(original, _)| original.generation)
        .collect();
    within.push(generations.present);
    sql::mark(tx, tenant, within, &pairs).await
}

impl Effect {
    fn undo(
        &mut self,
        tenant: TenantId,
        original: &Original,
        aggregation: Aggregation,
        calendar: &Calendar,
        spread: &mut Spread,
    ) {
        let Ok(metric) = original.metric.parse() else {
            return;
        };
        let undone = totals(aggregation, original.amount, original.time).undone();
        spread.add(
            tenant,
            &metric,
            original.time,
            &original.dimensions,
            &undone,
            calendar,
        );
        match (aggregation, original.member) {
            (Aggregation::Unique, Some(member)) => {
                self.departures.push(Member {
                    tenant,
                    metric,
                    at: original.time,
                    dimensions: original.dimensions.clone(),
                    who: member,
                });
            }
            (Aggregation::Max | Aggregation::Last, _) => self.compare(original, &original.dimensions),
            _ => {}
        }
    }

    fn count(&mut self, tenant: TenantId, correction: &Candidate, calendar: &Calendar, spread: &mut Spread) {
        spread.add(
            tenant,
            &correction.metric,
            correction.time,
            &correction.dimensions,
            &correction.totals(),
            calendar,
        );
        self.newcomers.extend(correction.member_of(tenant));
        if matches!(correction.aggregation, Aggregation::Max | Aggregation::Last) {
            self.compare(&as_original(correction), &correction.dimensions);
        }
    }

    fn compare(&mut self, event: &Original, dimensions: &Dimensions) {
        let hour = Bucket::Hour.span(event.time, &Calendar::utc()).starts_at;
        self.hours
            .insert((event.metric.clone(), hour, dimensions.clone()));
    }
}
