//! Coupons: what they take off, and off which lines.
//!
//! A discount is rounded once; spread over lines by the largest remainder it sums to what was rounded. It never takes more
//! off than there is, so no line becomes negative by it.

#[cfg(test)]
mod tests;

use kernel::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::money::{Decimal, Exact, Money, MoneyError, apportion};

/// How much a coupon takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Discount {
    /// Of a hundred, at most a hundred.
    Percent(Decimal),
    /// So much, in that currency only.
    Amount(Money),
}

/// For how many invoices a coupon holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CouponDuration {
    /// The first.
    Once,
    /// The first so many.
    Repeating(u32),
    /// All.
    Forever,
}

/// Who may redeem a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Redeemer {
    /// The platform for a tenant.
    #[default]
    Platform,
    /// Any tenant that knows its code.
    Anyone,
}

/// What is taken off, for whom and how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Coupon {
    /// What people enter.
    pub code: String,
    /// What invoices call it.
    pub name: String,
    /// How much.
    pub discount: Discount,
    /// For how many invoices.
    pub duration: CouponDuration,
    /// Who may redeem it.
    #[serde(default)]
    pub redeemer: Redeemer,
    /// The last instant at which it can be redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeem_by: Option<Timestamp>,
    /// How often it can be redeemed, by all together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_redemptions: Option<u32>,
    /// Whether a customer redeems it once at most; the rule where nothing is said.
    #[serde(default = "once")]
    pub once_per_customer: bool,
    /// The plans that it is for; all where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<String>,
}

const fn once() -> bool {
    true
}

/// How often a coupon was redeemed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Redemptions {
    /// By all together.
    pub all: u32,
    /// By the customer who wants to redeem it.
    pub own: u32,
}

/// Why a coupon cannot be redeemed.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum NotRedeemable {
    /// Its time is over.
    #[error("the coupon has expired")]
    Expired,
    /// It was redeemed as often as it can be.
    #[error("the coupon has been redeemed as often as it can be")]
    UsedUp,
    /// The customer has redeemed it before.
    #[error("the coupon has been redeemed before")]
    AlreadyRedeemed,
    /// It is for other plans.
    #[error("the coupon is not for this plan")]
    OtherPlan,
    /// Its amount is in another currency.
    #[error("the coupon is in another currency")]
    OtherCurrency,
}

impl Coupon {
    /// Refuses to be redeemed at a time, for a plan, in a currency, after so many redemptions.
    pub fn redeemable(
        &self,
        at: Timestamp,
        plan: &str,
        currency: crate::Currency,
        redemptions: Redemptions,
    ) -> Result<(), NotRedeemable> {
        if self.redeem_by.is_some_and(|last| at > last) {
            return Err(NotRedeemable::Expired);
        }
        if self.max_redemptions.is_some_and(|most| redemptions.all >= most) {
            return Err(NotRedeemable::UsedUp);
        }
        if self.once_per_customer && redemptions.own > 0 {
            return Err(NotRedeemable::AlreadyRedeemed);
        }
        if !self.is_for(plan) {
            return Err(NotRedeemable::OtherPlan);
        }
        match self.discount {
            Discount::Amount(amount) if amount.currency != currency => Err(NotRedeemable::OtherCurrency),
            _ => Ok(()),
        }
    }

    /// Whether it goes with this plan.
    pub fn is_for(&self, plan: &str) -> bool {
        self.plans.is_empty() || self.plans.iter().any(|known| known == plan)
    }

    /// Whether how often it was redeemed matters.
    pub const fn counts_redemptions(&self) -> bool {
        self.max_redemptions.is_some() || self.once_per_customer
    }

    /// Whether it holds for one more invoice after so many.
    pub const fn holds_after(&self, invoices: u32) -> bool {
        match self.duration {
            CouponDuration::Once => invoices == 0,
            CouponDuration::Repeating(most) => invoices < most,
            CouponDuration::Forever => true,
        }
    }
}

impl Discount {
    /// What is taken off so much: from nothing to all of it.
    pub fn of(&self, amount: Money) -> Result<Money, MoneyError> {
        let nothing = Money::zero(amount.currency);
        let off = match self {
            Self::Percent(percent) => amount.times(&percent.percent())?,
            Self::Amount(off) => *off,
        };
        off.min(amount)?.max(nothing)
    }

    /// What is taken off each of these lines. What is negative or nothing stays as it is.
    pub fn spread(&self, lines: &[Money], currency: crate::Currency) -> Result<Vec<Money>, MoneyError> {
        let sum = Money::sum(currency, lines.iter().copied().filter(|line| line.is_positive()))?;
        let off = self.of(sum)?;
        let weights: Vec<Exact> = lines.iter().map(|line| Exact::from(line.amount.max(0))).collect();
        let parts = apportion(off.amount, &weights).unwrap_or_else(|| vec![0; lines.len()]);
        Ok(parts.into_iter().map(|part| Money::new(part, currency)).collect())
    }
}
