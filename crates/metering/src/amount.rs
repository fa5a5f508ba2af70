//! How much: a decimal with nine places, so that sums are exact whatever the order of what is summed.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};
use std::str::FromStr;

use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

/// So many parts has a whole.
const PARTS: i128 = 1_000_000_000;
const PLACES: usize = 9;

/// An amount of usage in billionths of its unit. In JSON a number, in SQL `numeric` (passed as text).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(i128);

/// The text is no amount.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a number between -9007199254740991 and 9007199254740991 with at most nine decimals")]
pub struct InvalidAmount;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest whole that one event may report: the largest integer that every JSON reader keeps exact (RFC 8259
    /// section 6).
    pub const MOST: i64 = (1 << 53) - 1;

    /// So many wholes.
    pub fn whole(number: i64) -> Self {
        Self(i128::from(number) * PARTS)
    }

    /// What one event says, within bounds.
    pub fn of_json(number: &serde_json::Number) -> Result<Self, InvalidAmount> {
        if let Some(whole) = number.as_i64() {
            return Self::whole(whole).bounded();
        }
        // Such numbers print as the shortest decimal that reads back as the same; in the range they may have an exponent.
        let text = number.to_string();
        let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().map_err(|_| InvalidAmount)?;
        shifted(digits, exponent).ok_or(InvalidAmount)?.bounded()
    }

    fn bounded(self) -> Result<Self, InvalidAmount> {
        let most = i128::from(Self::MOST) * PARTS;
        if self.0.abs() <= most {
            Ok(self)
        } else {
            Err(InvalidAmount)
        }
    }

    /// The product, rounded half away from zero to what can be kept.
    #[must_use]
    pub fn times(self, factor: Self) -> Self {
        let (a, b) = (self.0, factor.0);
        // Two bounded amounts have up to 2^166 parts between them, so the wholes and the rest are multiplied apart.
        let (wholes, rest) = (a / PARTS, a % PARTS);
        let product = rest.saturating_mul(b % PARTS);
        let half = if product < 0 { -PARTS / 2 } else { PARTS / 2 };
        let tail = (product + half) / PARTS;
        Self(
            wholes
                .saturating_mul(b)
                .saturating_add(rest.saturating_mul(b / PARTS))
                .saturating_add(tail),
        )
    }

    /// The wholes in it, rounded down.
    pub fn floor(self) -> i64 {
        let wholes = self.0.div_euclid(PARTS);
        i64::try_from(wholes).unwrap_or(if wholes < 0 { i64::MIN } else { i64::MAX })
    }

    /// So many billionths.
    pub fn billionths(parts: u32) -> Self {
        Self(i128::from(parts))
    }

    /// The wholes in it, rounded down, and the billionths that are left.
    pub fn split(self) -> (i64, u32) {
        let rest = u32::try_from(self.0.rem_euclid(PARTS)).unwrap_or(0);
        (self.floor(), rest)
    }

    /// About how much, for figures that are only shown.
    #[expect(clippy::cast_precision_loss, reason = "it says about")]
    pub fn approximate(self) -> f64 {
        self.0 as f64 / PARTS as f64
    }
}

/// Reads `[-]digits[.digits]` times a power of ten; none where that is no decimal of nine places.
fn shifted(text: &str, exponent: i32) -> Option<Amount> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let mut digits = format!("{whole}{decimals}");
    if whole.is_empty() || digits.len() > 60 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // The value is `digits` / 10^places.
    let mut places = i32::try_from(decimals.len()).ok()? - exponent;
    let wanted = i32::try_from(PLACES).ok()?;
    while places > wanted && digits.ends_with('0') {
        digits.pop();
        places -= 1;
    }
    if digits.is_empty() {
        return Some(Amount::ZERO);
    }
    let missing = u32::try_from(wanted - places).ok()?;
    let parts = digits
        .parse::<i128>()
        .ok()?
        .checked_mul(10_i128.checked_pow(missing)?)?;
    Some(Amount(if negative { -parts } else { parts }))
}

/// As PostgreSQL writes a `numeric`.
impl FromStr for Amount {
    type Err = InvalidAmount;
    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        shifted(text, 0).ok_or(InvalidAmount)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, parts) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let per_whole = PARTS.unsigned_abs();
        let (whole, rest) = (parts / per_whole, parts % per_whole);
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let decimals = format!("{rest:09}");
        write!(f, "{sign}{whole}.{}", decimals.trim_end_matches('0'))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match i64::try_from(self.0 / PARTS) {
            Ok(whole) if self.0 % PARTS == 0 => serializer.serialize_i64(whole),
            _ => serializer.serialize_f64(self.approximate()),
        }
    }
}

impl utoipa::PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Number).into()
    }
}
impl utoipa::ToSchema for Amount {}

impl Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
impl Neg for Amount {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}
impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json(text: &str) -> Result<Amount, InvalidAmount> {
        Amount::of_json(&serde_json::from_str(text).expect("a number"))
    }

    #[test]
    fn reads_json_and_prints() {
        for (given, shown) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("1.5", "1.5"),
            ("-0.25", "-0.25"),
            ("1e3", "1000"),
            ("2.5e-7", "0.00000025"),
            ("1e-9", "0.000000001"),
            ("9007199254740991", "9007199254740991"),
            ("0.1", "0.1"),
        ] {
            assert_eq!(json(given).expect(given).to_string(), shown);
        }
        for refused in [
            "1e-10",
            "0.1234567891",
            "9007199254740992",
            "-1e16",
            "1e300",
            "1e-300",
        ] {
            assert_eq!(json(refused), Err(InvalidAmount), "{refused}");
        }
    }

    #[test]
    fn multiplies_and_rounds_down() {
        let amount = |text: &str| text.parse::<Amount>().expect("an amount");
        for (a, b, product, floor) in [
            ("3", "4", "12", 12),
            ("-2.5", "1.5", "-3.75", -4),
            ("0.000000001", "0.5", "0.000000001", 0),
            ("-0.000000001", "0.5", "-0.000000001", -1),
            (
                "9007199254740991",
                "9007199254740991",
                "81129638414606663681390495662081",
                i64::MAX,
            ),
        ] {
            let times = amount(a).times(amount(b));
            if floor != i64::MAX {
                assert_eq!(times.to_string(), product);
            }
            assert_eq!(times.floor(), floor, "{a} * {b}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(parts in any::<i64>()) {
            let amount = Amount(i128::from(parts));
            prop_assert_eq!(amount.to_string().parse::<Amount>(), Ok(amount));
        }
    }
}
