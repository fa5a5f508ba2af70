//! The spans that are counted into.

use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use crate::periods::{Calendar, Period, Span};

const HOUR: i64 = 3_600_000_000;

/// How fine an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// By the hour.
    Hour,
    /// By the day (UTC).
    Day,
    /// By the month (UTC).
    Month,
}

impl Granularity {
    /// The bucket that it reads.
    pub const fn bucket(self) -> Bucket {
        match self {
            Self::Hour => Bucket::Hour,
            Self::Day => Bucket::Day,
            Self::Month => Bucket::Month,
        }
    }
}

/// A kind of span. Written in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// An hour.
    Hour,
    /// A day of UTC.
    Day,
    /// A month of UTC.
    Month,
    /// A day of the tenant's calendar.
    Daily,
    /// A month of the tenant's calendar.
    Monthly,
}

impl Bucket {
    /// Those that every tenant has.
    pub const UTC: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// Those of this calendar.
    pub fn of(calendar: &Calendar) -> &'static [Self] {
        const ALL: [Bucket; 5] = [
            Bucket::Hour,
            Bucket::Day,
            Bucket::Month,
            Bucket::Daily,
            Bucket::Monthly,
        ];
        if calendar.is_utc() { &ALL[..3] } else { &ALL }
    }

    /// Its name in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Daily => "daily",
            Self::Monthly => "monthly",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Hour, Self::Day, Self::Month, Self::Daily, Self::Monthly]
            .into_iter()
            .find(|bucket| bucket.name() == name)
    }

    /// The one whose spans are these periods in this calendar; a total has none.
    pub fn for_period(period: Period, calendar: &Calendar) -> Option<Self> {
        match (period, calendar.is_utc()) {
            (Period::Daily, true) => Some(Self::Day),
            (Period::Monthly, true) => Some(Self::Month),
            (Period::Daily, false) => Some(Self::Daily),
            (Period::Monthly, false) => Some(Self::Monthly),
            (Period::Total, _) => None,
        }
    }

    /// The span of this kind that the instant is in.
    pub fn span(self, instant: Timestamp, calendar: &Calendar) -> Span {
        match self {
            Self::Hour => evenly(instant, HOUR),
            Self::Day => evenly(instant, 24 * HOUR),
            Self::Month => Calendar::utc().span(Period::Monthly, instant),
            Self::Daily => calendar.span(Period::Daily, instant),
            Self::Monthly => calendar.span(Period::Monthly, instant),
        }
    }
}

fn evenly(instant: Timestamp, length: i64) -> Span {
    let start = instant.as_micros().div_euclid(length) * length;
    Span {
        starts_at: Timestamp::from_micros(start),
        ends_at: Timestamp::from_micros(start + length),
    }
}
