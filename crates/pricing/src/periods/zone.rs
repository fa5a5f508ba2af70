//! Time zones, and the days that they have.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use kernel::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::BeyondCalendar;

/// A time zone of the IANA database. In JSON its name.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// There is none of this name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("is not a time zone of the IANA database")]
pub struct UnknownZone;

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// Its name in the database.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The first instant of a day: of a midnight that comes twice the first, of one that was skipped what came next.
    pub fn start_of(&self, day: Date) -> Result<Timestamp, BeyondCalendar> {
        let start = self.first_instant(day).ok_or(BeyondCalendar)?;
        let known = Timestamp::MIN_MILLIS..=Timestamp::MAX_MILLIS;
        if known.contains(&start.as_millisecond()) {
            Ok(Timestamp::new(start))
        } else {
            Err(BeyondCalendar)
        }
    }

    fn first_instant(&self, day: Date) -> Option<jiff::Timestamp> {
        let midnight = day.at(0, 0, 0, 0);
        let there = self.0.to_ambiguous_zoned(midnight);
        let AmbiguousOffset::Gap { before, .. } = there.offset() else {
            return Some(there.earlier().ok()?.timestamp());
        };
        // Midnight never was; the day began when the clocks went forward.
        let nominal = before.to_timestamp(midnight).ok()?;
        let after = nominal.checked_add(SignedDuration::from_nanos(1)).ok()?;
        Some(self.0.preceding(after).next()?.timestamp())
    }

    /// The day that the instant is in.
    pub fn day_of(&self, instant: Timestamp) -> Date {
        let day = self.0.to_datetime(instant.inner()).date();
        // Clocks that go back over midnight make a date come twice: what has begun stays begun.
        match day.tomorrow() {
            Ok(next) if self.start_of(next).is_ok_and(|start| start <= instant) => next,
            _ => day,
        }
    }

    /// The first instant of the day after the one that the instant is in.
    pub fn next_day(&self, instant: Timestamp) -> Result<Timestamp, BeyondCalendar> {
        let next = self.day_of(instant).tomorrow().map_err(|_| BeyondCalendar)?;
        self.start_of(next)
    }

    /// The same time of day so many days later, by the zone's clocks: when a trial ends.
    pub fn days_after(&self, instant: Timestamp, days: u16) -> Result<Timestamp, BeyondCalendar> {
        let span = jiff::Span::new().days(i32::from(days));
        let later = instant.inner().to_zoned(self.0.clone()).checked_add(span);
        let later = later.map_err(|_| BeyondCalendar)?.timestamp();
        if later.as_millisecond() <= Timestamp::MAX_MILLIS {
            Ok(Timestamp::new(later))
        } else {
            Err(BeyondCalendar)
        }
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;
    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        let known = jiff::tz::db().get(name).map_err(|_| UnknownZone)?;
        match known.iana_name() {
            Some("UTC") | None => Ok(Self::UTC),
            Some(_) => Ok(Self(known)),
        }
    }
}
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}
impl PartialSchema for Zone {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("Time zone of the IANA database."))
            .examples(["Europe/Berlin"])
            .into()
    }
}
impl ToSchema for Zone {}
