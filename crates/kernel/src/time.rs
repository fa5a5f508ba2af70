//! Instants. Stored as `timestamptz` (microseconds), shown as RFC 3339 in UTC with milliseconds, accepted as
//! RFC 3339 or as epoch milliseconds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Unit};
use jiff_sqlx::ToSqlx;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

/// An instant, never finer than a microsecond, so that what was written is what is read back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// The text was neither RFC 3339 nor epoch milliseconds within years 1 to 9999.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("neither an RFC 3339 time nor epoch milliseconds, in the years 1 to 9999")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// What is read begins here, in milliseconds since the epoch: 0001-01-01T00:00:00Z. RFC 3339 has hardly an earlier
    /// year, and PostgreSQL would refuse what jiff's calendar begins with.
    pub const MIN_MILLIS: i64 = -62_135_596_800_000;
    /// And ends here, where jiff's calendar ends but for a fraction of a second: 9999-12-30T22:00:00.000Z.
    pub const MAX_MILLIS: i64 = 253_402_207_200_000;

    /// From any instant; what is finer than a microsecond is dropped.
    pub fn new(instant: jiff::Timestamp) -> Self {
        Self::from_micros(instant.as_microsecond())
    }

    /// From microseconds since 1970-01-01T00:00:00Z; out of range becomes the epoch. The number may come from a
    /// cursor, thus from anybody, so nothing gets in this way that [`FromStr`] would refuse.
    pub fn from_micros(micros: i64) -> Self {
        let instant = jiff::Timestamp::from_microsecond(micros).ok();
        Self(instant.filter(is_read).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    /// Nanoseconds since the epoch.
    pub fn as_nanosecond(self) -> i128 {
        self.0.as_nanosecond()
    }

    /// Microseconds since the epoch.
    pub fn as_micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// The library's own type, for calendar arithmetic.
    pub const fn inner(self) -> jiff::Timestamp {
        self.0
    }

    /// Later by so much, saturating.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span).unwrap_or(self.0))
    }

    /// Later by so many times 24 hours, saturating.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Self(
            self.0
                .saturating_add(SignedDuration::from_hours(days.saturating_mul(24)))
                .unwrap_or(self.0),
        )
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let parsed = match text.parse::<i64>() {
            Ok(millis) => jiff::Timestamp::from_millisecond(millis),
            Err(_) => text.parse(),
        };
        parsed.ok().filter(is_read).map(Self::new).ok_or(InvalidTimestamp)
    }
}

fn is_read(instant: &jiff::Timestamp) -> bool {
    let allowed = Timestamp::MIN_MILLIS * 1000..=Timestamp::MAX_MILLIS * 1000;
    allowed.contains(&instant.as_microsecond())
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self
            .0
            .round((Unit::Millisecond, 1))
            .ok()
            .filter(|rounded| *rounded <= self.0);
        // Truncated, never rounded up: an answer must not name an instant that has not come.
        let shown = millis
            .unwrap_or_else(|| jiff::Timestamp::from_millisecond(self.0.as_millisecond()).unwrap_or(self.0));
        write!(f, "{shown:.3}")
    }
}
impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Type<Postgres> for Timestamp {
    fn type_info() -> PgTypeInfo {
        <jiff_sqlx::Timestamp as Type<Postgres>>::type_info()
    }
}
impl PgHasArrayType for Timestamp {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("_timestamptz")
    }
}
impl Encode<'_, Postgres> for Timestamp {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <jiff_sqlx::Timestamp as Encode<Postgres>>::encode_by_ref(&self.0.to_sqlx(), buf)
    }
}
impl<'r> Decode<'r, Postgres> for Timestamp {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        <jiff_sqlx::Timestamp as Decode<Postgres>>::decode(value).map(|stored| Self::new(stored.to_jiff()))
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::DateTime,
            )))
            .examples(["2026-03-05T10:42:00.000Z"])
            .into()
    }
}
impl utoipa::ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_and_shows_milliseconds_in_utc() {
        for (given, shown) in [
            ("2026-03-05T11:42:00+01:00", "2026-03-05T10:42:00.000Z"),
            ("2026-03-05T10:42:00.1239Z", "2026-03-05T10:42:00.123Z"),
            ("1709600000123", "2024-03-05T00:53:20.123Z"),
            ("-1", "1969-12-31T23:59:59.999Z"),
            ("-62135596800000", "0001-01-01T00:00:00.000Z"),
            ("253402207200000", "9999-12-30T22:00:00.000Z"),
        ] {
            assert_eq!(given.parse::<Timestamp>().expect(given).to_string(), shown);
        }
    }

    #[test]
    fn refuses_other_text() {
        for text in [
            "",
            "yesterday",
            "2026-02-30T00:00:00Z",
            "9223372036854775807",
            "-62135596800001",
            "253402207200001",
            "9999-12-30T22:00:00.5Z",
            "9999-12-31T23:59:59Z",
            "-000044-03-15T12:00:00Z",
            "2026-03-05",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(InvalidTimestamp), "{text}");
        }
    }

    #[test]
    fn never_holds_what_postgresql_would_refuse() {
        // The last is the first microsecond that PostgreSQL's calendar does not have.
        for micros in [
            i64::MIN,
            i64::MAX,
            -377_705_023_201_000_000,
            -210_866_803_200_000_001,
        ] {
            assert_eq!(
                Timestamp::from_micros(micros),
                Timestamp::from_micros(0),
                "{micros}"
            );
        }
        let first = Timestamp::from_micros(Timestamp::MIN_MILLIS * 1000);
        assert_eq!(first.to_string(), "0001-01-01T00:00:00.000Z");
    }
}
