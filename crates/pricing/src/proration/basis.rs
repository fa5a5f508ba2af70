//! How much of a period remains.

use jiff::civil::Date;
use kernel::Timestamp;

use super::ProrationMode;
use crate::money::{Exact, Money, MoneyError};
use crate::periods::{Period, Span, Zone};

/// What parts are parts of, and how they are measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// The whole period, which the price is for.
    pub whole: Span,
    /// Whose days they are.
    pub zone: Zone,
    /// In what they are measured.
    pub mode: ProrationMode,
}

/// So many of so many days or seconds, to be told on invoices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// In the part.
    pub part: i64,
    /// In the whole.
    pub whole: i64,
}

impl Basis {
    /// Parts of this period.
    pub const fn of(period: &Period, zone: Zone, mode: ProrationMode) -> Self {
        Self {
            whole: period.whole,
            zone,
            mode,
        }
    }

    /// The part of the period that remains at the instant: one at its start and before, zero at its end and after.
    pub fn remaining(&self, at: Timestamp) -> Exact {
        let counted = self.counted(Span::new(at, self.whole.ends_at));
        // A whole in which nothing can be counted is shorter than a day or a second: it is used up at its end.
        let empty = if at < self.whole.ends_at {
            Exact::one()
        } else {
            Exact::zero()
        };
        Exact::ratio(counted.part, counted.whole).unwrap_or(empty)
    }

    /// The part of the period that a span takes.
    pub fn fraction(&self, span: Span) -> Exact {
        &self.remaining(span.starts_at) - &self.remaining(span.ends_at)
    }

    /// What a span costs, of the price of a whole period.
    pub fn share(&self, price: Money, span: Span) -> Result<Money, MoneyError> {
        let from_start = self.rest(price, span.starts_at)?;
        from_start.checked_sub(self.rest(price, span.ends_at)?)
    }

    /// What the rest of the period costs from the instant on.
    pub fn rest(&self, price: Money, at: Timestamp) -> Result<Money, MoneyError> {
        price.times(&self.remaining(at))
    }

    /// The spans that a whole period is cut into and what each costs; together they cost the price.
    pub fn split(&self, price: Money, cuts: &[Timestamp]) -> Result<Vec<(Span, Money)>, MoneyError> {
        let mut ends: Vec<Timestamp> = cuts.iter().map(|cut| self.whole.clamp(*cut)).collect();
        ends.push(self.whole.ends_at);
        ends.sort_unstable();
        let mut starts_at = self.whole.starts_at;
        ends.into_iter()
            .map(|ends_at| {
                let span = Span::new(starts_at, ends_at);
                starts_at = ends_at;
                Ok((span, self.share(price, span)?))
            })
            .collect()
    }

    /// The days or seconds in a part of the period and in the whole.
    pub fn counted(&self, span: Span) -> Counted {
        let measure = |at: Timestamp| self.measure(self.whole.clamp(at));
        Counted {
            part: (measure(span.ends_at) - measure(span.starts_at)).max(0),
            whole: measure(self.whole.ends_at) - measure(self.whole.starts_at),
        }
    }

    /// Until when the period is used by one who leaves at the instant: by days the whole day.
    pub fn used_until(&self, at: Timestamp) -> Timestamp {
        let until = match self.mode {
            ProrationMode::Second => at,
            ProrationMode::Day | ProrationMode::Fixed30 => {
                self.zone.next_day(at).unwrap_or(self.whole.ends_at)
            }
        };
        self.whole.clamp(until)
    }

    /// A number that grows with time; only differences mean anything.
    fn measure(&self, at: Timestamp) -> i64 {
        match self.mode {
            ProrationMode::Second => at.as_micros().div_euclid(1_000_000),
            ProrationMode::Day => days_from_origin(self.zone.day_of(at)),
            ProrationMode::Fixed30 => thirties(self.zone.day_of(at)),
        }
    }
}

fn days_from_origin(day: Date) -> i64 {
    i64::from((day - Date::ZERO).get_days())
}

fn thirties(day: Date) -> i64 {
    let of_month = if day.day() == day.days_in_month() {
        30
    } else {
        i64::from(day.day()).min(30)
    };
    i64::from(day.year()) * 360 + i64::from(day.month()) * 30 + of_month
}
