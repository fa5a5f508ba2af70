//! Exact numbers, and the one place where they are rounded.

use std::iter::Sum;
use std::ops::{Add, Mul, Neg, Sub};

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// A fraction of whole numbers without bound: nothing is lost and nothing overflows before the end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exact(BigRational);

impl Exact {
    /// Nothing.
    pub fn zero() -> Self {
        Self(BigRational::zero())
    }

    /// The whole.
    pub fn one() -> Self {
        Self(BigRational::one())
    }

    /// A fraction; none where it would be divided by nothing.
    pub fn ratio(numerator: impl Into<BigInt>, denominator: impl Into<BigInt>) -> Option<Self> {
        let denominator = denominator.into();
        (!denominator.is_zero()).then(|| Self(BigRational::new(numerator.into(), denominator)))
    }

    /// The quotient; none where it would be divided by nothing.
    pub fn divided_by(&self, divisor: &Self) -> Option<Self> {
        (!divisor.0.is_zero()).then(|| Self(&self.0 / &divisor.0))
    }

    /// The nearest whole number, halves away from zero; none where it does not fit.
    pub fn rounded(&self) -> Option<i64> {
        self.0.round().to_integer().to_i64()
    }

    /// The next whole number that is not below.
    #[must_use]
    pub fn ceil(&self) -> Self {
        Self(self.0.ceil())
    }

    /// The whole number that it is; none where it has a fraction or does not fit.
    pub fn to_whole(&self) -> Option<i64> {
        self.0.is_integer().then(|| self.0.to_integer().to_i64())?
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.0.is_negative()
    }

    fn floor(&self) -> BigInt {
        self.0.floor().to_integer()
    }

    fn fraction(&self) -> BigRational {
        &self.0 - self.0.floor()
    }
}

impl Default for Exact {
    fn default() -> Self {
        Self::zero()
    }
}

impl From<i64> for Exact {
    fn from(whole: i64) -> Self {
        Self(BigRational::from_integer(whole.into()))
    }
}

impl<'a> Add<&'a Exact> for &Exact {
    type Output = Exact;
    fn add(self, other: &'a Exact) -> Exact {
        Exact(&self.0 + &other.0)
    }
}
impl<'a> Sub<&'a Exact> for &Exact {
    type Output = Exact;
    fn sub(self, other: &'a Exact) -> Exact {
        Exact(&self.0 - &other.0)
    }
}
impl<'a> Mul<&'a Exact> for &Exact {
    type Output = Exact;
    fn mul(self, other: &'a Exact) -> Exact {
        Exact(&self.0 * &other.0)
    }
}
impl Neg for &Exact {
    type Output = Exact;
    fn neg(self) -> Exact {
        Exact(-&self.0)
    }
}
impl<'a> Sum<&'a Exact> for Exact {
    fn sum<I: Iterator<Item = &'a Exact>>(numbers: I) -> Self {
        numbers.fold(Self::zero(), |sum, number| &sum + number)
    }
}

/// Spreads a whole number over parts in proportion to their weights, so that they sum to it: every part is its exact share
/// rounded down, and what is left goes, one each, to those that lost most by that (the method of the largest remainder),
/// of equals to the earlier. No part is further than one from its exact share, and a part without weight gets nothing.
///
/// None where the weights sum to nothing or one of them is negative.
pub fn apportion(total: i64, weights: &[Exact]) -> Option<Vec<i64>> {
    let whole: Exact = weights.iter().sum();
    if whole.is_zero() || weights.iter().any(Exact::is_negative) {
        return None;
    }
    let size = Exact::from(total);
    let size = if total < 0 { -&size } else { size };
    let shares = weights
        .iter()
        .map(|weight| (&size * weight).divided_by(&whole))
        .collect::<Option<Vec<_>>>()?;
    let mut parts: Vec<BigInt> = shares.iter().map(Exact::floor).collect();
    let given: BigInt = parts.iter().sum();
    let left = (size.floor() - given).to_usize()?;
    let mut by_loss: Vec<usize> = (0..parts.len()).collect();
    by_loss.sort_by_key(|&part| std::cmp::Reverse(shares[part].fraction()));
    for &part in by_loss.iter().take(left) {
        parts[part] += 1;
    }
    let sign = BigInt::from(total.signum());
    parts.iter().map(|part| (part * &sign).to_i64()).collect()
}
