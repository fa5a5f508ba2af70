//! Price models: how much so many cost. Estimates and invoices rate by the same [`Price::rate`].
//!
//! Invariants: a price is rounded once, however many tiers it has; its lines are the differences of the rounded running sum,
//! so that they sum to its amount. Nothing is charged for a quantity of nothing, but for what is flat or committed to.
//! Amounts are decimals in major units, so that a unit can cost "0.00002" of a dollar.

mod check;
mod parts;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use check::InvalidPrice;
use parts::Part;

use crate::money::{Currency, Decimal, Exact, Money, MoneyError, Quantity};

/// What something costs, in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({"currency": "USD", "model": "per_unit", "amount": "0.0005"}))]
pub struct Price {
    /// The currency of every amount of the model.
    pub currency: Currency,
    /// How it is reckoned.
    #[serde(flatten)]
    pub model: PriceModel,
}

/// How a quantity becomes an amount. Amounts are in major units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    tag = "model",
    rename_all = "snake_case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum PriceModel {
    /// The same however many.
    Flat {
        /// Per period.
        amount: Decimal,
    },
    /// So much for each seat; a part of a seat is a seat.
    PerSeat {
        /// Per seat and period.
        amount: Decimal,
        /// So many cost nothing.
        #[serde(default)]
        free: Quantity,
    },
    /// So much for each unit, and for a part of a unit that part.
    PerUnit {
        /// Per unit.
        amount: Decimal,
        /// So many cost nothing.
        #[serde(default)]
        free: Quantity,
    },
    /// Each unit at the price of the tier that it falls into.
    Graduated {
        /// From the first unit on; the last has no end.
        #[schema(min_items = 1)]
        tiers: Vec<Tier>,
    },
    /// All units at the price of the tier that their number falls into.
    Volume {
        /// From the first unit on; the last has no end.
        #[schema(min_items = 1)]
        tiers: Vec<Tier>,
    },
    /// So much for each package that was begun.
    Package {
        /// So many units are in a package.
        size: Quantity,
        /// Per package.
        amount: Decimal,
        /// So many units cost nothing.
        #[serde(default)]
        free: Quantity,
    },
    /// A share of an amount of money, which is the quantity, in major units.
    Percentage {
        /// Of a hundred.
        percent: Decimal,
        /// On top, once.
        #[serde(default)]
        fixed: Decimal,
        /// Never less than that, share and fixed part together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minimum: Option<Decimal>,
        /// Never more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        maximum: Option<Decimal>,
    },
    /// Never less than what was committed to: what is missing is charged as a true-up.
    MinimumCommitment {
        /// Per period.
        minimum: Decimal,
        /// What the quantity costs otherwise.
        #[schema(no_recursion)]
        of: Box<PriceModel>,
    },
    /// Drawn from credits that every period brings; only what is beyond them is charged. For credits that stay until they
    /// are used see [`draw`].
    Prepaid {
        /// Worth so much, per period.
        credits: Decimal,
        /// What the quantity costs otherwise.
        #[schema(no_recursion)]
        of: Box<PriceModel>,
    },
}

/// Units up to a bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tier {
    /// The last unit of it; none on the last tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Quantity>,
    /// Per unit.
    #[serde(default)]
    pub amount: Decimal,
    /// Once, as soon as anything is in it.
    #[serde(default)]
    pub flat: Decimal,
}

/// What a quantity costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rated {
    /// How it comes about. They sum to the amount.
    pub lines: Vec<RatedLine>,
    /// All together.
    pub amount: Money,
}

/// A part of what a quantity costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RatedLine {
    /// What it is for.
    pub kind: RatedKind,
    /// How many.
    pub quantity: Quantity,
    /// What each costs, in major units; of a share, of a hundred.
    pub unit_amount: Decimal,
    /// Its part of the amount.
    pub amount: Money,
}

/// What a part of a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RatedKind {
    /// The price as such.
    Flat,
    /// Seats.
    Seats,
    /// Units.
    Units,
    /// Packages.
    Packages,
    /// The flat part of a tier.
    TierFee,
    /// A share of an amount.
    Share,
    /// The fixed part that comes with the share.
    Fixed,
    /// What is missing to the least, or beyond the most, that may be charged.
    Limit,
    /// What is missing to the commitment.
    TrueUp,
    /// What prepaid credits pay.
    Credits,
}

/// A quantity cannot be rated.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum RateError {
    /// The model contradicts itself.
    #[error(transparent)]
    Price(#[from] InvalidPrice),
    /// It costs more than can be said.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl Price {
    /// The same however many.
    pub const fn flat(amount: Decimal, currency: Currency) -> Self {
        Self {
            currency,
            model: PriceModel::Flat { amount },
        }
    }

    /// What so many cost.
    pub fn rate(&self, quantity: Quantity) -> Result<Rated, RateError> {
        rate(&self.model, quantity, self.currency)
    }

    /// Refuses a model that contradicts itself.
    pub fn check(&self) -> Result<(), InvalidPrice> {
        self.model.check()
    }
}

/// What so many cost, in the model's amounts of this currency.
pub fn rate(model: &PriceModel, quantity: Quantity, currency: Currency) -> Result<Rated, RateError> {
    model.check()?;
    let parts = model.parts(quantity);
    let (mut exact, mut before) = (Exact::zero(), Money::zero(currency));
    let mut lines = Vec::with_capacity(parts.len());
    for part in parts {
        exact = &exact + &part.exact;
        let until_here = Money::from_major(&exact, currency)?;
        lines.push(part.line(until_here.checked_sub(before)?));
        before = until_here;
    }
    Ok(Rated {
        lines,
        amount: before,
    })
}

impl Part {
    fn line(self, amount: Money) -> RatedLine {
        RatedLine {
            kind: self.kind,
            quantity: self.quantity,
            unit_amount: self.unit_amount,
            amount,
        }
    }
}

/// What becomes of credits that were bought ahead and of an amount that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drawn {
    /// So much the credits pay.
    pub used: Money,
    /// So much stays of them.
    pub left: Money,
    /// So much stays due.
    pub due: Money,
}

/// Draws what is due from a balance of credits; neither becomes negative by it.
pub fn draw(balance: Money, due: Money) -> Result<Drawn, MoneyError> {
    let nothing = Money::zero(due.currency);
    let used = balance.min(due)?.max(nothing)?;
    Ok(Drawn {
        used,
        left: balance.checked_sub(used)?,
        due: due.checked_sub(used)?,
    })
}
