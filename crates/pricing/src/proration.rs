//! Proration: what a part of a period costs.
//!
//! One function is behind everything: how much of the period remains at an instant, an exact fraction that falls from one at
//! its start to zero at its end. What a span costs is the price of what remains at its start, rounded, less the price of
//! what remains at its end, rounded. So
//! - what is credited and what is charged for the rest of a period is its exact share, rounded once;
//! - spans that follow one another cost together what they cost as one, to the minor unit, wherever they are cut, also when
//!   nobody knows yet where they will be: the rounded middles cancel out;
//! - no span is further than one minor unit from its exact share, and none costs less than nothing.
//!
//! A day belongs to what is in force at its end: who changes on a day pays the new price for it, and who cancels has used it.

mod basis;
mod credit;
#[cfg(test)]
mod tests;

use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use basis::{Basis, Counted};
pub use credit::{Charged, tax_of_credit};

use crate::money::{Money, MoneyError};

/// How the parts of a period are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProrationMode {
    /// In days of the calendar of the account's zone; a day that was begun counts in full.
    #[default]
    Day,
    /// In seconds.
    Second,
    /// In days of months that have thirty each (30E/360 of ISDA's definitions: the last day of any month is its 30th).
    #[serde(rename = "fixed-30")]
    Fixed30,
}

impl ProrationMode {
    /// The name on invoices and in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Second => "second",
            Self::Fixed30 => "fixed-30",
        }
    }
}

/// The mode has another name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be `day`, `second` or `fixed-30`")]
pub struct UnknownMode;

impl std::str::FromStr for ProrationMode {
    type Err = UnknownMode;
    fn from_str(name: &str) -> Result<Self, UnknownMode> {
        let known = [Self::Day, Self::Second, Self::Fixed30];
        known
            .into_iter()
            .find(|mode| mode.name() == name)
            .ok_or(UnknownMode)
    }
}

/// What a change in the middle of a period costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Taken back of what was paid for the old; not negative.
    pub credit: Money,
    /// For the rest of the period with the new.
    pub charge: Money,
    /// The charge less the credit.
    pub net: Money,
}

/// The rest of the old against the rest of the new: `new` is the price of a whole period.
pub fn change(basis: &Basis, old: &Charged, new: Money, at: Timestamp) -> Result<Change, MoneyError> {
    let credit = old.credit(basis, at)?;
    let charge = basis.rest(new, at)?;
    let net = charge.checked_sub(credit)?;
    Ok(Change { credit, charge, net })
}

/// What a cancellation at the instant takes back of what was paid: by days the one that has begun is used.
pub fn cancellation(basis: &Basis, charged: &Charged, at: Timestamp) -> Result<Money, MoneyError> {
    charged.credit(basis, basis.used_until(at))
}
