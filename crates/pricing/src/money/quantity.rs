//! How many: seats, units of usage.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::{Decimal, Exact};

/// An exact decimal that is not negative. In JSON a string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity(Decimal);

/// The text is no quantity.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a decimal from 0 on, with up to 24 digits before and 12 after the point")]
pub struct InvalidQuantity;

impl Quantity {
    /// None.
    pub const ZERO: Self = Self(Decimal::ZERO);
    /// One.
    pub const ONE: Self = Self(Decimal::whole(1));

    /// As a decimal.
    pub const fn decimal(self) -> Decimal {
        self.0
    }

    /// So many; none for a negative number.
    pub fn whole(number: i64) -> Self {
        Self(Decimal::whole(number.max(0)))
    }

    /// The next whole number that is not below.
    #[must_use]
    pub const fn ceil(self) -> Self {
        Self(self.0.ceil())
    }

    /// What is beyond that many; none where it is not.
    #[must_use]
    pub fn beyond(self, other: Self) -> Self {
        Self(self.0.minus(other.0).max(Decimal::ZERO))
    }
}

impl TryFrom<Decimal> for Quantity {
    type Error = InvalidQuantity;
    fn try_from(decimal: Decimal) -> Result<Self, InvalidQuantity> {
        if decimal.is_negative() {
            Err(InvalidQuantity)
        } else {
            Ok(Self(decimal))
        }
    }
}
impl TryFrom<i64> for Quantity {
    type Error = InvalidQuantity;
    fn try_from(number: i64) -> Result<Self, InvalidQuantity> {
        Decimal::whole(number).try_into()
    }
}
impl From<u32> for Quantity {
    fn from(number: u32) -> Self {
        Self(number.into())
    }
}
impl From<Quantity> for Exact {
    fn from(quantity: Quantity) -> Self {
        quantity.0.into()
    }
}

impl FromStr for Quantity {
    type Err = InvalidQuantity;
    fn from_str(text: &str) -> Result<Self, InvalidQuantity> {
        let decimal: Decimal = text.parse().map_err(|_| InvalidQuantity)?;
        decimal.try_into()
    }
}
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
impl PartialSchema for Quantity {
    fn schema() -> RefOr<Schema> {
        Decimal::schema()
    }
}
impl ToSchema for Quantity {}
