//! The price list: what every plan costs, in editions of which none ever changes.
//!
//! It is data (`catalogue/prices.toml`). A subscription names the edition that it was made under and is charged by that one
//! until it is migrated, so old editions stay readable for ever.
//!
//! What may not enter: what a plan allows and opens; that is the catalogue of plans.

mod check;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use check::InvalidCatalogue;

use crate::discounts::Coupon;
use crate::models::Price;
use crate::money::Currency;
use crate::periods::Interval;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    Catalogue::from_toml(include_str!("catalogue/prices.toml")).expect("a test reads the embedded prices")
});

/// The prices that come with the program.
pub fn catalogue() -> &'static Catalogue {
    &CATALOGUE
}

/// Every edition there was.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Catalogue {
    editions: Vec<Edition>,
}

/// Prices that hold together.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Edition {
    /// Counted from 1.
    pub version: u32,
    /// Cheapest first.
    pub plans: Vec<PlanPrices>,
    /// What can be had on top.
    #[serde(default)]
    pub add_ons: Vec<AddOn>,
    /// What takes off.
    #[serde(default)]
    pub coupons: Vec<Coupon>,
}

/// What a plan costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanPrices {
    /// The plan's name in the catalogue of plans.
    pub id: String,
    /// Whether tenants can take it by themselves; otherwise an operator puts them on it.
    #[serde(default = "by_themselves")]
    pub self_service: bool,
    /// Days to try it without paying.
    pub trial_days: u16,
    /// What follows a trial in which no way to pay was given.
    pub trial_end: TrialEnd,
    /// One for each cycle and currency.
    pub prices: Vec<CyclePrice>,
    /// What is charged for usage, by the month and in arrears.
    #[serde(default)]
    pub usage: Vec<UsagePrice>,
    /// What follows a payment that failed.
    pub dunning: Dunning,
}

const fn by_themselves() -> bool {
    true
}

/// What recurs, or is charged once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CyclePrice {
    /// How often; once where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycle: Option<BillingCycle>,
    /// How much.
    #[serde(flatten)]
    pub price: Price,
}

/// How often a subscription is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PriceCycle)]
pub enum BillingCycle {
    /// Every month.
    Monthly,
    /// Every year.
    Yearly,
}

/// What usage of a metric costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UsagePrice {
    /// The metric's name.
    pub metric: String,
    /// What invoices call it.
    pub name: String,
    /// One for each currency.
    pub prices: Vec<Price>,
}

/// Something on top of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddOn {
    /// Its stable name.
    pub id: String,
    /// What invoices call it.
    pub name: String,
    /// The plans that it goes with; all where none is named.
    #[serde(default)]
    pub plans: Vec<String>,
    /// One for each cycle and currency.
    pub prices: Vec<CyclePrice>,
}

/// When a failed payment is tried again, and what follows when all that failed too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dunning {
    /// Days from the failure before to each retry.
    pub retry_after_days: Vec<u16>,
    /// After the last.
    pub final_action: FinalAction,
}

impl Default for Dunning {
    /// After 3, 5, 7 and 7 days; then people see to it.
    fn default() -> Self {
        Self {
            retry_after_days: vec![3, 5, 7, 7],
            final_action: FinalAction::MarkUnpaid,
        }
    }
}

/// What follows when nothing could be collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FinalAction {
    /// The tenant is suspended.
    Suspend,
    /// The subscription is cancelled.
    Cancel,
    /// The tenant goes on with the free plan.
    DowngradeToFree,
    /// The subscription is unpaid, and people see to it.
    MarkUnpaid,
}

/// What follows a trial in which no way to pay was given; who gave one goes on and pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrialEnd {
    /// The plan goes on and an invoice is written.
    Paid,
    /// The tenant goes on with the free plan.
    Free,
    /// The tenant is suspended.
    Suspend,
}

impl Catalogue {
    /// Reads and checks a price list.
    pub fn from_toml(text: &str) -> Result<Self, InvalidCatalogue> {
        let read: Self = toml::from_str(text)?;
        read.check()?;
        Ok(read)
    }

    /// What new subscriptions are made under.
    pub fn latest(&self) -> &Edition {
        self.editions.last().expect("a catalogue was checked to have one")
    }

    /// What a subscription was made under.
    pub fn edition(&self, version: u32) -> Option<&Edition> {
        self.editions.iter().find(|edition| edition.version == version)
    }
}

impl Edition {
    /// What this plan costs.
    pub fn plan(&self, id: &str) -> Option<&PlanPrices> {
        self.plans.iter().find(|plan| plan.id == id)
    }

    /// The add-on of this name.
    pub fn add_on(&self, id: &str) -> Option<&AddOn> {
        self.add_ons.iter().find(|add_on| add_on.id == id)
    }

    /// The coupon of this code, whichever way it was capitalised.
    pub fn coupon(&self, code: &str) -> Option<&Coupon> {
        self.coupons
            .iter()
            .find(|coupon| coupon.code.eq_ignore_ascii_case(code))
    }
}

impl PlanPrices {
    /// What it costs so often, in this currency.
    pub fn price(&self, cycle: BillingCycle, currency: Currency) -> Option<&Price> {
        find(&self.prices, Some(cycle), currency)
    }

    /// What usage of a metric costs, in this currency.
    pub fn usage_price(&self, metric: &str, currency: Currency) -> Option<&Price> {
        let usage = self.usage.iter().find(|usage| usage.metric == metric)?;
        usage.prices.iter().find(|price| price.currency == currency)
    }
}

impl AddOn {
    /// What it costs so often, or once, in this currency.
    pub fn price(&self, cycle: Option<BillingCycle>, currency: Currency) -> Option<&Price> {
        find(&self.prices, cycle, currency)
    }

    /// Whether it goes with this plan.
    pub fn goes_with(&self, plan: &str) -> bool {
        self.plans.is_empty() || self.plans.iter().any(|known| known == plan)
    }
}

fn find(prices: &[CyclePrice], cycle: Option<BillingCycle>, currency: Currency) -> Option<&Price> {
    let found = prices
        .iter()
        .find(|price| price.cycle == cycle && price.price.currency == currency);
    found.map(|price| &price.price)
}

impl BillingCycle {
    /// How long a period is.
    pub const fn interval(self) -> Interval {
        match self {
            Self::Monthly => Interval::MONTH,
            Self::Yearly => Interval::YEAR,
        }
    }

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
        }
    }
}
