//! Models that contradict themselves.

use super::{PriceModel, Tier};
use crate::money::{Decimal, Quantity};

/// Why a model is none.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum InvalidPrice {
    /// Customers are not paid for what they use.
    #[error("no amount of a price may be negative")]
    NegativeAmount,
    /// Tiers must lead from the first unit to any number.
    #[error("the tiers' bounds must rise, and the last tier must have none")]
    Tiers,
    /// A package holds something.
    #[error("a package must hold more than nothing")]
    EmptyPackage,
    /// The most is at least the least.
    #[error("the minimum must not be above the maximum")]
    Limits,
    /// Wrapped in each other without end.
    #[error("commitments and prepaid credits must not be wrapped in one another more than twice")]
    TooDeep,
}

/// How often a model may be wrapped in others.
const DEEPEST: usize = 2;

impl PriceModel {
    /// Refuses a model that contradicts itself.
    pub fn check(&self) -> Result<(), InvalidPrice> {
        self.check_within(0)
    }

    fn check_within(&self, depth: usize) -> Result<(), InvalidPrice> {
        match self {
            Self::Flat { amount } | Self::PerSeat { amount, .. } | Self::PerUnit { amount, .. } => {
                not_negative(&[*amount])
            }
            Self::Graduated { tiers } | Self::Volume { tiers } => check_tiers(tiers),
            Self::Package { size, amount, .. } => {
                if *size == Quantity::ZERO {
                    return Err(InvalidPrice::EmptyPackage);
                }
                not_negative(&[*amount])
            }
            Self::Percentage {
                percent,
                fixed,
                minimum,
                maximum,
            } => {
                let (least, most) = (minimum.unwrap_or_default(), maximum.unwrap_or(*fixed));
                not_negative(&[*percent, *fixed, least, most])?;
                match maximum {
                    Some(most) if *most < least => Err(InvalidPrice::Limits),
                    _ => Ok(()),
                }
            }
            Self::MinimumCommitment { minimum: amount, of } | Self::Prepaid { credits: amount, of } => {
                if depth >= DEEPEST {
                    return Err(InvalidPrice::TooDeep);
                }
                not_negative(&[*amount])?;
                of.check_within(depth + 1)
            }
        }
    }
}

fn check_tiers(tiers: &[Tier]) -> Result<(), InvalidPrice> {
    let Some((last, bounded)) = tiers.split_last() else {
        return Err(InvalidPrice::Tiers);
    };
    let mut before = Quantity::ZERO;
    for tier in bounded {
        match tier.up_to {
            Some(bound) if bound > before => before = bound,
            _ => return Err(InvalidPrice::Tiers),
        }
    }
    if last.up_to.is_some() {
        return Err(InvalidPrice::Tiers);
    }
    tiers
        .iter()
        .try_for_each(|tier| not_negative(&[tier.amount, tier.flat]))
}

fn not_negative(amounts: &[Decimal]) -> Result<(), InvalidPrice> {
    if amounts.iter().any(|amount| amount.is_negative()) {
        Err(InvalidPrice::NegativeAmount)
    } else {
        Ok(())
    }
}
