//! How long a period is.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntervalUnit {
    /// Days of the calendar.
    Day,
    /// Seven of them.
    Week,
    /// Months of the calendar.
    Month,
    /// Years of the calendar.
    Year,
}

/// So many days, weeks, months or years of the calendar: three months are a quarter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Interval {
    /// What is counted.
    pub unit: IntervalUnit,
    /// How many of them.
    #[schema(value_type = u16, minimum = 1)]
    pub count: NonZeroU16,
}

impl Interval {
    /// A month.
    pub const MONTH: Self = Self::of(IntervalUnit::Month, NonZeroU16::MIN);
    /// A year.
    pub const YEAR: Self = Self::of(IntervalUnit::Year, NonZeroU16::MIN);

    /// So many of these.
    pub const fn of(unit: IntervalUnit, count: NonZeroU16) -> Self {
        Self { unit, count }
    }

    /// So many months; none where it is made of days.
    pub(crate) fn months(self) -> Option<i64> {
        let count = i64::from(self.count.get());
        match self.unit {
            IntervalUnit::Month => Some(count),
            IntervalUnit::Year => Some(count * 12),
            IntervalUnit::Day | IntervalUnit::Week => None,
        }
    }

    /// So many days; none where it is made of months.
    pub(crate) fn days(self) -> Option<i64> {
        let count = i64::from(self.count.get());
        match self.unit {
            IntervalUnit::Day => Some(count),
            IntervalUnit::Week => Some(count * 7),
            IntervalUnit::Month | IntervalUnit::Year => None,
        }
    }
}
