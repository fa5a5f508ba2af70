//! The exact parts of what a quantity costs.

use super::{PriceModel, RatedKind, Tier};
use crate::money::{Decimal, Exact, Quantity};

/// One of them, in major units.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) kind: RatedKind,
    pub(super) quantity: Quantity,
    pub(super) unit_amount: Decimal,
    pub(super) exact: Exact,
}

impl Part {
    /// So many at so much each.
    fn of(kind: RatedKind, quantity: Quantity, unit_amount: Decimal) -> Self {
        Self {
            kind,
            quantity,
            unit_amount,
            exact: &Exact::from(quantity) * &Exact::from(unit_amount),
        }
    }

    /// One amount.
    fn once(kind: RatedKind, amount: Decimal) -> Self {
        Self::of(kind, Quantity::ONE, amount)
    }

    /// What brings the sum of the others to a bound.
    fn difference(kind: RatedKind, bound: Decimal, exact: Exact) -> Self {
        Self {
            exact,
            ..Self::once(kind, bound)
        }
    }
}

impl PriceModel {
    /// What the quantity costs, in the order in which it is told. The model must have been checked.
    pub(super) fn parts(&self, quantity: Quantity) -> Vec<Part> {
        match self {
            Self::Flat { amount } => vec![Part::once(RatedKind::Flat, *amount)],
            Self::PerSeat { amount, free } => {
                vec![Part::of(RatedKind::Seats, quantity.beyond(*free).ceil(), *amount)]
            }
            Self::PerUnit { amount, free } => {
                vec![Part::of(RatedKind::Units, quantity.beyond(*free), *amount)]
            }
            Self::Graduated { tiers } => graduated(tiers, quantity),
            Self::Volume { tiers } => volume(tiers, quantity),
            Self::Package { size, amount, free } => package(quantity.beyond(*free), *size, *amount),
            Self::Percentage {
                percent,
                fixed,
                minimum,
                maximum,
            } => percentage(quantity, (*percent, *fixed), (*minimum, *maximum)),
            Self::MinimumCommitment { minimum, of } => {
                let mut parts = of.parts(quantity);
                let missing = &Exact::from(*minimum) - &sum(&parts);
                if !missing.is_negative() && !missing.is_zero() {
                    parts.push(Part::difference(RatedKind::TrueUp, *minimum, missing));
                }
                parts
            }
            Self::Prepaid { credits, of } => {
                let mut parts = of.parts(quantity);
                let used = sum(&parts).min(Exact::from(*credits));
                if !used.is_zero() {
                    parts.push(Part::difference(RatedKind::Credits, *credits, -&used));
                }
                parts
            }
        }
    }
}

fn sum(parts: &[Part]) -> Exact {
    parts.iter().map(|part| &part.exact).sum()
}

fn graduated(tiers: &[Tier], quantity: Quantity) -> Vec<Part> {
    let (mut parts, mut below) = (Vec::new(), Quantity::ZERO);
    for tier in tiers {
        let within = tier.up_to.map_or(quantity, |bound| bound.min(quantity));
        if within <= below {
            break;
        }
        parts.extend(tier.parts(within.beyond(below)));
        below = within;
    }
    parts
}

fn volume(tiers: &[Tier], quantity: Quantity) -> Vec<Part> {
    let tier = tiers
        .iter()
        .find(|tier| tier.up_to.is_none_or(|bound| quantity <= bound));
    match tier {
        Some(tier) if quantity > Quantity::ZERO => tier.parts(quantity),
        _ => Vec::new(),
    }
}

impl Tier {
    fn parts(&self, quantity: Quantity) -> Vec<Part> {
        let mut parts = vec![Part::of(RatedKind::Units, quantity, self.amount)];
        if !self.flat.is_zero() {
            parts.push(Part::once(RatedKind::TierFee, self.flat));
        }
        parts
    }
}

fn package(quantity: Quantity, size: Quantity, amount: Decimal) -> Vec<Part> {
    let begun = Exact::from(quantity).divided_by(&size.into());
    let begun = begun.unwrap_or_default().ceil();
    let packages = begun.to_whole().map_or(quantity, Quantity::whole);
    vec![Part {
        exact: &begun * &amount.into(),
        ..Part::of(RatedKind::Packages, packages, amount)
    }]
}

fn percentage(
    quantity: Quantity,
    (percent, fixed): (Decimal, Decimal),
    (minimum, maximum): (Option<Decimal>, Option<Decimal>),
) -> Vec<Part> {
    if quantity == Quantity::ZERO {
        return Vec::new();
    }
    let mut parts = vec![Part {
        exact: &Exact::from(quantity) * &percent.percent(),
        ..Part::of(RatedKind::Share, quantity, percent)
    }];
    if !fixed.is_zero() {
        parts.push(Part::once(RatedKind::Fixed, fixed));
    }
    let charged = sum(&parts);
    let bound = [minimum.map(|least| (least, charged < Exact::from(least)))]
        .into_iter()
        .chain([maximum.map(|most| (most, charged > Exact::from(most)))])
        .flatten()
        .find_map(|(bound, broken)| broken.then_some(bound));
    if let Some(bound) = bound {
        let difference = &Exact::from(bound) - &charged;
        parts.push(Part::difference(RatedKind::Limit, bound, difference));
    }
    parts
}
