//! The spans that quotas start anew in: a day or a month of the tenant's calendar, or for ever.
//!
//! Invariants: every instant is in exactly one period of a kind; periods follow one another without gap or overlap, also
//! over the ends of months, leap days and changes of the clocks. A month begins on the anchor day, or on the last day of
//! a month that does not have it. A day or month begins at the first instant that the calendar has on its first day.
//!
//! What may not enter: what is counted.

use std::hash::{Hash, Hasher};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

/// How often a quota starts anew.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    sqlx::Type,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Period {
    /// Every day.
    Daily,
    /// Every month.
    Monthly,
    /// Never.
    Total,
}

impl Period {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Monthly => "monthly",
            Self::Total => "total",
        }
    }
}

/// A span of time; it has its start and not its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// Its first instant.
    pub starts_at: Timestamp,
    /// The first instant after it.
    pub ends_at: Timestamp,
}

impl Span {
    /// All of time.
    pub fn always() -> Self {
        Self {
            starts_at: Timestamp::from_micros(Timestamp::MIN_MILLIS * 1000),
            ends_at: Timestamp::from_micros(Timestamp::MAX_MILLIS * 1000),
        }
    }

    /// Whether the instant is in it.
    pub fn contains(&self, instant: Timestamp) -> bool {
        self.starts_at <= instant && instant < self.ends_at
    }
}

/// Where a tenant's days and months begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    zone: TimeZone,
    name: String,
    anchor_day: i8,
}

/// Equal calendars have equal names; a zone itself cannot be hashed.
impl Hash for Calendar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, self.anchor_day).hash(state);
    }
}

/// There is no such calendar.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidCalendar {
    /// The zone is unknown.
    #[error("is not a time zone of the IANA database")]
    Zone,
    /// No month has that day.
    #[error("must be from 1 to 31")]
    Day,
}

impl Calendar {
    /// Midnight UTC, and the first of the month.
    pub fn utc() -> Self {
        Self {
            zone: TimeZone::UTC,
            name: "UTC".to_owned(),
            anchor_day: 1,
        }
    }

    /// A calendar of this zone whose months begin on this day.
    pub fn new(zone: &str, anchor_day: i16) -> Result<Self, InvalidCalendar> {
        let anchor_day = i8::try_from(anchor_day).map_err(|_| InvalidCalendar::Day)?;
        if !(1..=31).contains(&anchor_day) {
            return Err(InvalidCalendar::Day);
        }
        let known = jiff::tz::db().get(zone).map_err(|_| InvalidCalendar::Zone)?;
        let name = known.iana_name().unwrap_or(zone).to_owned();
        Ok(Self {
            zone: if name == "UTC" { TimeZone::UTC } else { known },
            name,
            anchor_day,
        })
    }

    /// The zone's name in the IANA database.
    pub fn zone(&self) -> &str {
        &self.name
    }

    /// The day on which months begin.
    pub const fn anchor_day(&self) -> i8 {
        self.anchor_day
    }

    /// Whether its days are UTC's, and its months too, so that the roll-ups by day and month are its periods.
    pub fn is_utc(&self) -> bool {
        self.name == "UTC" && self.anchor_day == 1
    }

    /// The period of this kind that the instant is in.
    pub fn span(&self, period: Period, instant: Timestamp) -> Span {
        let today = self.zone.to_datetime(instant.inner()).date();
        let span = match period {
            Period::Total => Some(Span::always()),
            // The clocks may go back over midnight, so that a date comes twice: what counts is when it first began.
            Period::Daily => [today, today.tomorrow().unwrap_or(today)]
                .into_iter()
                .rev()
                .find_map(|date| {
                    self.between(date, date.tomorrow().ok()?)
                        .filter(|span| span.contains(instant))
                }),
            Period::Monthly => self.month(today, instant),
        };
        // Only at the edges of the calendar, thousands of years from now.
        span.unwrap_or_else(Span::always)
    }

    fn month(&self, today: Date, instant: Timestamp) -> Option<Span> {
        let first = today.first_of_month();
        let months = [-1, 0, 1].map(|shift| first.checked_add(jiff::Span::new().months(shift)));
        months.into_iter().rev().flatten().find_map(|month| {
            let next = month.checked_add(jiff::Span::new().months(1)).ok()?;
            self.between(self.anchored(month), self.anchored(next))
                .filter(|span| span.contains(instant))
        })
    }

    /// The anchor day in the month of `first`, or the month's last day.
    fn anchored(&self, first: Date) -> Date {
        let day = self.anchor_day.min(first.days_in_month());
        first.with().day(day).build().unwrap_or(first)
    }

    fn between(&self, first: Date, next: Date) -> Option<Span> {
        Some(Span {
            starts_at: self.beginning(first)?,
            ends_at: self.beginning(next)?,
        })
    }

    /// The first instant of a date: of a midnight that comes twice the first, of one that is skipped the next instant.
    fn beginning(&self, date: Date) -> Option<Timestamp> {
        let midnight = self.zone.to_ambiguous_zoned(date.at(0, 0, 0, 0));
        let offset = midnight.offset();
        let instant = match offset {
            jiff::tz::AmbiguousOffset::Gap { before, .. } => {
                // Midnight never was; the day began when the clocks went forward.
                let nominal = before.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
                let mut jumps = self
                    .zone
                    .preceding(nominal.checked_add(jiff::SignedDuration::from_nanos(1)).ok()?);
                jumps.next()?.timestamp()
            }
            _ => midnight.earlier().ok()?.timestamp(),
        };
        Some(Timestamp::new(instant))
    }
}

#[cfg(test)]
mod tests;
