//! An amount of money, as it is charged and booked.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Currency, Decimal, Exact};

/// So many minor units of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"amount": 2900, "currency": "USD"}))]
pub struct Money {
    /// In minor units: 2900 is 29.00 USD, 2900 JPY, 2.900 KWD.
    pub amount: i64,
    /// Of what.
    pub currency: Currency,
}

/// Money that cannot be computed.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum MoneyError {
    /// It does not fit into 64 bits of minor units.
    #[error("the amount of money is too large")]
    Overflow,
    /// Apples and pears.
    #[error("{0} and {1} cannot be put together")]
    CurrencyMismatch(Currency, Currency),
}

impl Money {
    /// So many minor units.
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Nothing.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// An exact number of minor units, rounded half away from zero.
    pub fn from_minor(minor: &Exact, currency: Currency) -> Result<Self, MoneyError> {
        let amount = minor.rounded().ok_or(MoneyError::Overflow)?;
        Ok(Self::new(amount, currency))
    }

    /// An exact number of major units, rounded half away from zero to minor ones: 10.275 USD is 10.28.
    pub fn from_major(major: &Exact, currency: Currency) -> Result<Self, MoneyError> {
        Self::from_minor(&(major * &Exact::from(currency.minor_per_major())), currency)
    }

    /// A decimal as people write it in price lists, rounded as [`Money::from_major`] does.
    pub fn from_decimal(major: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        Self::from_major(&major.into(), currency)
    }

    /// The exact number of minor units, to go on computing with.
    pub fn exact(self) -> Exact {
        Exact::from(self.amount)
    }

    /// The sum.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let amount = self.amount.checked_add(other.amount);
        amount.map_or(Err(MoneyError::Overflow), |amount| {
            Ok(Self::new(amount, self.currency))
        })
    }

    /// The difference.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let amount = self.amount.checked_sub(other.amount);
        amount.map_or(Err(MoneyError::Overflow), |amount| {
            Ok(Self::new(amount, self.currency))
        })
    }

    /// A charge as the credit that takes it back, and the other way round.
    pub fn checked_neg(self) -> Result<Self, MoneyError> {
        Self::zero(self.currency).checked_sub(self)
    }

    /// All of them together.
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts
            .into_iter()
            .try_fold(Self::zero(currency), Self::checked_add)
    }

    /// The product, rounded half away from zero.
    pub fn times(self, factor: &Exact) -> Result<Self, MoneyError> {
        Self::from_minor(&(&self.exact() * factor), self.currency)
    }

    /// The lesser of two.
    pub fn min(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        Ok(Self::new(self.amount.min(other.amount), self.currency))
    }

    /// The greater of two.
    pub fn max(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        Ok(Self::new(self.amount.max(other.amount), self.currency))
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.amount == 0
    }

    /// Whether it is owed to the customer.
    pub const fn is_negative(self) -> bool {
        self.amount < 0
    }

    /// Whether it is owed by the customer.
    pub const fn is_positive(self) -> bool {
        self.amount > 0
    }

    /// Refuses to put together what is not of one currency.
    pub fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch(self.currency, other.currency))
        }
    }
}

/// `12.34 USD`, `-0.05 USD`, `1001 JPY`, `1.250 KWD`: for logs and tests. Invoices write money in the customer's language.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.amount < 0 { "-" } else { "" };
        let scale = self.currency.minor_per_major().unsigned_abs();
        let (major, minor) = (
            self.amount.unsigned_abs() / scale,
            self.amount.unsigned_abs() % scale,
        );
        match usize::from(self.currency.exponent()) {
            0 => write!(f, "{sign}{major} {}", self.currency),
            width => write!(f, "{sign}{major}.{minor:0width$} {}", self.currency),
        }
    }
}
