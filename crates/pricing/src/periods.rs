//! Billing periods: half-open spans of time that follow one another without gap or overlap, from the anchor on.
//!
//! A period begins at the first instant of a day in the account's time zone (the first one: at the anchor itself), as the
//! spans of quotas do, so that usage by the day is usage by the period. Every boundary is computed from the original
//! anchor and never from the boundary before: 31 January is followed by 28 or 29 February and then by 31 March.
//!
//! A day that a zone never had (Samoa's 30 December 2011) makes an empty daily period.

mod boundaries;
mod interval;
#[cfg(test)]
mod tests;
mod zone;

use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use interval::{Interval, IntervalUnit};
pub use zone::{UnknownZone, Zone};

/// From an instant to another; it has its start and not its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimeSpan)]
pub struct Span {
    /// Its first instant.
    pub starts_at: Timestamp,
    /// The first instant after it.
    pub ends_at: Timestamp,
}

impl Span {
    /// From here to there; empty where that is not later.
    pub fn new(starts_at: Timestamp, ends_at: Timestamp) -> Self {
        Self {
            starts_at,
            ends_at: ends_at.max(starts_at),
        }
    }

    /// Whether the instant is in it.
    pub fn contains(&self, instant: Timestamp) -> bool {
        self.starts_at <= instant && instant < self.ends_at
    }

    /// Whether it has no instant at all.
    pub fn is_empty(&self) -> bool {
        self.ends_at <= self.starts_at
    }

    /// The instant itself, or the end that is nearer to it.
    pub fn clamp(&self, instant: Timestamp) -> Timestamp {
        instant.max(self.starts_at).min(self.ends_at)
    }
}

/// Where the periods of a subscription are counted from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The instant at which the first period begins.
    pub at: Timestamp,
    /// Whose days and months they are.
    pub zone: Zone,
}

impl Anchor {
    /// From this instant, in this zone.
    pub const fn new(at: Timestamp, zone: Zone) -> Self {
        Self { at, zone }
    }
}

/// On which days periods begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "kind", content = "day")]
pub enum Alignment {
    /// On the anchor's day: a month from the 5th to the 5th.
    #[default]
    Anniversary,
    /// With the calendar: on the first of the month, on 1 January, on Monday. The first period may be a part of one.
    Calendar,
    /// On this day of the month, 1 to 31, or on the last of a month that does not have it. The first period may be a part
    /// of one. Days and weeks have no day of the month and are counted from the anchor.
    MonthDay(u8),
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Period {
    /// 0 is the one that begins at the anchor.
    pub number: u32,
    /// What it spans.
    pub span: Span,
    /// What a whole one would span; the same but for a first one that begins within the calendar's.
    pub whole: Span,
}

impl Period {
    /// Whether it is only a part of a whole one, and thus is charged only a part of the price.
    pub fn is_partial(&self) -> bool {
        self.span != self.whole
    }
}

/// There is no such period: the calendar ends with the year 9999.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("the period is beyond the calendar")]
pub struct BeyondCalendar;

/// All periods of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Periods {
    anchor: Anchor,
    interval: Interval,
    alignment: Alignment,
}

impl Periods {
    /// Counted from the anchor, of this length, aligned so.
    pub const fn new(anchor: Anchor, interval: Interval, alignment: Alignment) -> Self {
        Self {
            anchor,
            interval,
            alignment,
        }
    }

    /// Where they are counted from.
    pub const fn anchor(&self) -> &Anchor {
        &self.anchor
    }

    /// How long each is.
    pub const fn interval(&self) -> Interval {
        self.interval
    }

    /// The one of this number, counted from 0.
    pub fn nth(&self, number: u32) -> Result<Period, BeyondCalendar> {
        let whole = Span::new(self.boundary(number)?, self.boundary(number.saturating_add(1))?);
        let starts_at = if number == 0 {
            self.anchor.at
        } else {
            whole.starts_at
        };
        let span = Span::new(starts_at, whole.ends_at);
        let whole = match self.alignment {
            // The day on which it began counts in full, the minutes before it do not exist.
            Alignment::Anniversary => span,
            _ => whole,
        };
        Ok(Period { number, span, whole })
    }

    /// The one that the instant is in; none before the anchor and beyond the calendar.
    pub fn period_at(&self, instant: Timestamp) -> Option<Period> {
        if instant < self.anchor.at {
            return None;
        }
        // The estimate is one off at most; an empty period may make it two.
        let estimate = self.estimate(instant);
        let near = estimate.saturating_sub(2)..=estimate.saturating_add(2);
        near.map_while(|number| self.nth(number).ok())
            .find(|period| period.span.contains(instant))
    }

    /// From the one of this number on.
    pub fn from(&self, number: u32) -> impl Iterator<Item = Period> {
        (number..u32::MAX).map_while(|number| self.nth(number).ok())
    }

    /// Those that have begun at the instant or before, which is when what is paid in advance is due.
    pub fn begun_by(&self, instant: Timestamp) -> impl Iterator<Item = Period> {
        self.from(0)
            .take_while(move |period| period.span.starts_at <= instant)
    }

    /// Those that have ended at the instant or before, which is when what is paid in arrears is due.
    pub fn ended_by(&self, instant: Timestamp) -> impl Iterator<Item = Period> {
        self.from(0)
            .take_while(move |period| period.span.ends_at <= instant)
    }
}
