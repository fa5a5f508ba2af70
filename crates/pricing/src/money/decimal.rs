//! Decimals as people write them: quantities, unit prices, percentages.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::Exact;

const PLACES: usize = 12;
/// So many parts has a whole.
const PARTS: i128 = 1_000_000_000_000;
/// So many digits has the largest whole part.
const WHOLE_DIGITS: usize = 24;

/// An exact decimal with up to 24 digits before and 12 after the point. In JSON and TOML a string: a JSON number would pass
/// through binary floating point in most readers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Decimal(i128);

/// The text is no decimal.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a decimal with up to 24 digits before and 12 after the point, such as \"0.0005\"")]
pub struct InvalidDecimal;

impl Decimal {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// A hundred: what percentages are divided by.
    pub const HUNDRED: Self = Self(100 * PARTS);

    /// So many wholes.
    pub const fn whole(number: i64) -> Self {
        Self(number as i128 * PARTS)
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The difference. Within the bounds of what can be read, it always fits.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The next whole number that is not below.
    #[must_use]
    pub const fn ceil(self) -> Self {
        Self(self.0.saturating_add(PARTS - 1).div_euclid(PARTS) * PARTS)
    }

    /// This of a hundred, exactly.
    pub fn percent(self) -> Exact {
        Exact::ratio(self.0, 100 * PARTS).unwrap_or_default()
    }
}

impl From<u32> for Decimal {
    fn from(number: u32) -> Self {
        Self::whole(i64::from(number))
    }
}

impl From<Decimal> for Exact {
    fn from(decimal: Decimal) -> Self {
        Self::ratio(decimal.0, PARTS).unwrap_or_default()
    }
}

impl FromStr for Decimal {
    type Err = InvalidDecimal;
    fn from_str(text: &str) -> Result<Self, InvalidDecimal> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, decimals) = match digits.split_once('.') {
            Some((_, "")) => return Err(InvalidDecimal),
            Some((whole, decimals)) => (whole, decimals.trim_end_matches('0')),
            None => (digits, ""),
        };
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let significant = whole.trim_start_matches('0');
        if whole.is_empty()
            || significant.len() > WHOLE_DIGITS
            || decimals.len() > PLACES
            || !plain(whole)
            || !plain(decimals)
        {
            return Err(InvalidDecimal);
        }
        let parts: i128 = format!("0{significant}{decimals:0<PLACES$}")
            .parse()
            .map_err(|_| InvalidDecimal)?;
        Ok(Self(if negative { -parts } else { parts }))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, parts) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let (whole, rest) = (parts / PARTS.unsigned_abs(), parts % PARTS.unsigned_abs());
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let decimals = format!("{rest:0PLACES$}");
        write!(f, "{sign}{whole}.{}", decimals.trim_end_matches('0'))
    }
}
impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for Decimal {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("An exact decimal."))
            .pattern(Some(r"^-?[0-9]+(\.[0-9]+)?$"))
            .examples(["0.0005"])
            .into()
    }
}
impl ToSchema for Decimal {}
