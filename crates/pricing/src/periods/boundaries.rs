//! The instants at which periods begin.

use jiff::ToSpan;
use jiff::civil::Date;
use kernel::Timestamp;

use super::{Alignment, BeyondCalendar, Interval, IntervalUnit, Periods};

impl Periods {
    /// Where the whole period of this number begins.
    pub(super) fn boundary(&self, number: u32) -> Result<Timestamp, BeyondCalendar> {
        let base = self.base()?;
        let number = i64::from(number);
        let day = match (self.interval.months(), self.interval.days()) {
            (Some(months), _) => self.months_after(base, months * number)?,
            (None, days) => base
                .checked_add(days_span(days.unwrap_or(1) * number)?)
                .map_err(|_| BeyondCalendar)?,
        };
        self.anchor.zone.start_of(day)
    }

    /// The day on which the whole period of the anchor begins.
    fn base(&self) -> Result<Date, BeyondCalendar> {
        let day = self.anchor.zone.day_of(self.anchor.at);
        match self.alignment {
            Alignment::Anniversary => Ok(day),
            Alignment::Calendar => first_of(day, self.interval),
            Alignment::MonthDay(_) if self.interval.months().is_none() => Ok(day),
            Alignment::MonthDay(wanted) => {
                let this = on_day(day, wanted);
                if this <= day {
                    return Ok(this);
                }
                let last_month = day.first_of_month().yesterday().map_err(|_| BeyondCalendar)?;
                Ok(on_day(last_month, wanted))
            }
        }
    }

    /// The day so many months later, clamped to the end of its month; reckoned from the wanted day, which the base itself may
    /// have been clamped from.
    fn months_after(&self, base: Date, months: i64) -> Result<Date, BeyondCalendar> {
        let span = jiff::Span::new().try_months(months).map_err(|_| BeyondCalendar)?;
        let day = base.checked_add(span).map_err(|_| BeyondCalendar)?;
        Ok(match self.alignment {
            Alignment::MonthDay(wanted) => on_day(day, wanted),
            _ => day,
        })
    }

    /// The number of the period that the instant is in, or of one beside it.
    pub(super) fn estimate(&self, instant: Timestamp) -> u32 {
        let (Ok(base), day) = (self.base(), self.anchor.zone.day_of(instant)) else {
            return 0;
        };
        let number = match (self.interval.months(), self.interval.days()) {
            (Some(months), _) => (month_number(day) - month_number(base)) / months,
            (None, days) => i64::from((day - base).get_days()) / days.unwrap_or(1),
        };
        u32::try_from(number).unwrap_or(0)
    }
}

/// The month's day of this number, or its last.
fn on_day(month: Date, day: u8) -> Date {
    let day = i8::try_from(day).unwrap_or(31).clamp(1, month.days_in_month());
    month.with().day(day).build().unwrap_or(month)
}

/// Where the calendar's own year, quarter, month, week begins that the day is in.
fn first_of(day: Date, interval: Interval) -> Result<Date, BeyondCalendar> {
    let back = match interval.unit {
        IntervalUnit::Day => return Ok(day),
        IntervalUnit::Week => {
            let days = i64::from(day.weekday().to_monday_zero_offset());
            return day.checked_sub(days.days()).map_err(|_| BeyondCalendar);
        }
        IntervalUnit::Year => i64::from(day.month()) - 1,
        // Quarters and half years begin with the year; what does not divide it, with the anchor's month.
        IntervalUnit::Month => {
            let count = i64::from(interval.count.get());
            if 12 % count == 0 {
                (i64::from(day.month()) - 1) % count
            } else {
                0
            }
        }
    };
    day.first_of_month()
        .checked_sub(back.months())
        .map_err(|_| BeyondCalendar)
}

fn days_span(days: i64) -> Result<jiff::Span, BeyondCalendar> {
    jiff::Span::new().try_days(days).map_err(|_| BeyondCalendar)
}

fn month_number(day: Date) -> i64 {
    i64::from(day.year()) * 12 + i64::from(day.month())
}
