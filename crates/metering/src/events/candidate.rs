//! An event that may be counted: checked as far as it can be without the others.

use std::collections::HashMap;

use kernel::{TenantId, Timestamp, UserId};
use serde_json::Number;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::reading::{CloudEvent, Data};
use super::refusal::{Reason, Refusal, Refused};
use crate::amount::Amount;
use crate::metrics::{Aggregation, BuiltIn, Kind, Metric, MetricName};
use crate::rollups::{Dimensions, Member, Totals};

/// Older ones are refused.
const MOST_DAYS_AGO: i64 = 35;
/// Later ones are refused: clocks differ by no more.
const MOST_MICROS_AHEAD: i64 = 5 * 60 * 1_000_000;

/// What an event does to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Correction {
    Amends(Uuid),
    Revokes(Uuid),
}

impl Correction {
    pub(super) const fn original(self) -> Uuid {
        match self {
            Self::Amends(key) | Self::Revokes(key) => key,
        }
    }
}

/// An event that may be counted.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Its place in the batch.
    pub(super) index: usize,
    pub(super) key: Uuid,
    pub(super) source: String,
    pub(super) id: String,
    pub(super) metric: MetricName,
    pub(super) aggregation: Aggregation,
    pub(super) time: Timestamp,
    pub(super) amount: Option<Amount>,
    pub(super) member: Option<Uuid>,
    pub(super) dimensions: Dimensions,
    /// What it said itself, where it is counted under `other`.
    pub(super) stated: Option<Dimensions>,
    pub(super) correction: Option<Correction>,
}

/// What every event of a batch is checked against.
pub(super) struct Ground<'a> {
    pub(super) tenant: TenantId,
    /// By name.
    pub(super) metrics: HashMap<&'a str, &'a Metric>,
    pub(super) now: Timestamp,
}

/// 128 bits that stand for these texts in this tenant: the lengths keep one text from running into the next.
pub(super) fn digest(tenant: TenantId, texts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(tenant.uuid().as_bytes());
    for text in texts {
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(text.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    Uuid::from_bytes(bytes)
}

fn invalid(detail: impl Into<String>) -> Refusal {
    Refusal::new(Reason::Invalid, detail)
}

fn text(field: &str, value: &str, most: usize) -> Result<(), Refusal> {
    if value.is_empty() || value.len() > most || value.contains('\0') {
        return Err(invalid(format!(
            "{field}: must be 1 to {most} bytes without U+0000"
        )));
    }
    Ok(())
}

fn number(field: &str, value: Option<&Number>) -> Result<Option<Amount>, Refusal> {
    let read = value.map(Amount::of_json).transpose();
    read.map_err(|error| invalid(format!("data.{field}: {error}")))
}

impl Ground<'_> {
    /// Checks one event.
    pub(super) fn check(&self, index: usize, event: CloudEvent) -> Result<Candidate, Refused> {
        match self.judge(index, &event) {
            Ok(candidate) => Ok(Candidate {
                source: event.source,
                id: event.id,
                ..candidate
            }),
            Err(refusal) => Err(Refused {
                index,
                id: Some(event.id),
                refusal,
            }),
        }
    }

    /// All but source and id.
    fn judge(&self, index: usize, event: &CloudEvent) -> Result<Candidate, Refusal> {
        if event.specversion != "1.0" {
            return Err(invalid("specversion: must be 1.0"));
        }
        text("id", &event.id, 256)?;
        text("source", &event.source, 1024)?;
        let known = self.metrics.get(event.metric.as_str());
        let metric = known.ok_or_else(|| {
            Refusal::new(
                Reason::UnknownMetric,
                format!("type: no metric `{}`", event.metric),
            )
        })?;
        let built_in = BuiltIn::from_name(metric.name.as_str());
        if built_in.is_some_and(|metric| metric.kind() == Kind::Gauge) {
            let detail = format!("type: `{}` is measured, not reported", metric.name);
            return Err(Refusal::new(Reason::Measured, detail));
        }
        let time = self.time(event.time.as_deref())?;
        let correction = self.correction(event)?;
        let revokes = matches!(correction, Some(Correction::Revokes(_)));
        let (amount, member) = if revokes {
            nothing(&event.data)?
        } else {
            self.content(metric, &event.data)?
        };
        if built_in.is_some() && amount.is_some_and(|amount| amount < Amount::ZERO) {
            return Err(invalid(
                "data.value: must not be negative; what was reported wrongly is amended or revoked",
            ));
        }
        Ok(Candidate {
            index,
            key: digest(self.tenant, &[&event.source, &event.id]),
            metric: metric.name.clone(),
            aggregation: metric.aggregation,
            time,
            amount,
            member,
            dimensions: dimensions(metric, &event.data)?,
            stated: None,
            correction,
            source: String::new(),
            id: String::new(),
        })
    }

    fn time(&self, text: Option<&str>) -> Result<Timestamp, Refusal> {
        let Some(text) = text else { return Ok(self.now) };
        let time: Timestamp = text.parse().map_err(|error| invalid(format!("time: {error}")))?;
        if time < self.now.plus_days(-MOST_DAYS_AGO) {
            return Err(Refusal::new(
                Reason::TooOld,
                format!("time: more than {MOST_DAYS_AGO} days ago"),
            ));
        }
        if time.as_micros() > self.now.as_micros() + MOST_MICROS_AHEAD {
            return Err(Refusal::new(
                Reason::InFuture,
                "time: more than 5 minutes from now",
            ));
        }
        Ok(time)
    }

    fn correction(&self, event: &CloudEvent) -> Result<Option<Correction>, Refusal> {
        let key = |id: &String| digest(self.tenant, &[&event.source, id]);
        let correction = match (&event.data.amends, &event.data.revokes) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(invalid("data: either amends or revokes")),
            (Some(id), None) => Correction::Amends(key(id)),
            (None, Some(id)) => Correction::Revokes(key(id)),
        };
        if correction.original() == key(&event.id) {
            return Err(invalid("data: an event cannot correct itself"));
        }
        Ok(Some(correction))
    }

    fn content(&self, metric: &Metric, data: &Data) -> Result<(Option<Amount>, Option<Uuid>), Refusal> {
        let one = Amount::whole(1);
        let (value, weight) = (
            number("value", data.value.as_ref())?,
            number("weight", data.weight.as_ref())?,
        );
        let needed = || value.ok_or_else(|| invalid("data.value: is required by the metric"));
        if weight.is_some() && metric.aggregation != Aggregation::WeightedSum {
            return Err(invalid("data.weight: only weighted sums have one"));
        }
        if data.member.is_some() != (metric.aggregation == Aggregation::Unique) {
            return Err(invalid(
                "data.member: is required where distinct members are counted, and only there",
            ));
        }
        Ok(match metric.aggregation {
            Aggregation::Count => (None, None),
            Aggregation::Sum => (Some(value.unwrap_or(one)), None),
            Aggregation::Max | Aggregation::Last => (Some(needed()?), None),
            Aggregation::WeightedSum => (Some(needed()?.times(weight.unwrap_or(one))), None),
            Aggregation::Unique => {
                let member = data.member.as_deref().unwrap_or_default();
                text("data.member", member, 256)?;
                (None, Some(self.member(member)))
            }
        })
    }

    /// A user of the tenant is the same member whether he came himself or is reported.
    fn member(&self, text: &str) -> Uuid {
        let user = text.parse::<UserId>().map(UserId::uuid);
        user.unwrap_or_else(|_| digest(self.tenant, &[text]))
    }
}

fn nothing(data: &Data) -> Result<(Option<Amount>, Option<Uuid>), Refusal> {
    let empty =
        data.value.is_none() && data.weight.is_none() && data.member.is_none() && data.dimensions.is_empty();
    if empty {
        Ok((None, None))
    } else {
        Err(invalid("data: a revocation has nothing but `revokes`"))
    }
}

fn dimensions(metric: &Metric, data: &Data) -> Result<Dimensions, Refusal> {
    for (name, value) in &data.dimensions {
        if !metric.dimensions.contains(name) {
            return Err(Refusal::new(
                Reason::UnknownDimension,
                format!("data.dimensions: `{name}` is not declared"),
            ));
        }
        text("data.dimensions", value, 128)?;
    }
    Ok(Dimensions::new(&data.dimensions))
}

/// What an event with this content adds to its buckets, but for its member.
pub(super) fn totals(aggregation: Aggregation, amount: Option<Amount>, time: Timestamp) -> Totals {
    let amount = amount.unwrap_or_default();
    match aggregation {
        Aggregation::Max | Aggregation::Last => Totals::level(amount, time),
        Aggregation::Count | Aggregation::Sum | Aggregation::WeightedSum | Aggregation::Unique => {
            Totals::one(amount)
        }
    }
}

impl Candidate {
    pub(super) fn totals(&self) -> Totals {
        totals(self.aggregation, self.amount, self.time)
    }

    /// Who it says was there.
    pub(super) fn member_of(&self, tenant: TenantId) -> Option<Member> {
        Some(Member {
            tenant,
            metric: self.metric.clone(),
            at: self.time,
            dimensions: self.dimensions.clone(),
            who: self.member?,
        })
    }
}
