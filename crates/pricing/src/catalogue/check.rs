//! Price lists that contradict themselves.

use std::collections::BTreeSet;

use super::{Catalogue, CyclePrice, Edition, PlanPrices};
use crate::discounts::{Coupon, Discount};
use crate::models::InvalidPrice;
use crate::money::Decimal;

/// Why a price list is none.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCatalogue {
    /// It cannot be read.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// Editions are counted from 1, without gaps, so that none is lost.
    #[error("edition {0} does not follow the one before it")]
    Editions(u32),
    /// There is none.
    #[error("the catalogue has no edition")]
    Empty,
    /// A name or a price is there twice.
    #[error("edition {0} has `{1}` twice")]
    Twice(u32, String),
    /// A price contradicts itself.
    #[error("edition {0}, `{1}`: {2}")]
    Price(u32, String, InvalidPrice),
    /// A schedule or a coupon makes no sense.
    #[error("edition {0}, `{1}`: {2}")]
    Senseless(u32, String, &'static str),
    /// A plan is named that is not in the edition.
    #[error("edition {0}, `{1}`: there is no plan `{2}`")]
    UnknownPlan(u32, String, String),
}

impl Catalogue {
    pub(super) fn check(&self) -> Result<(), InvalidCatalogue> {
        if self.editions.is_empty() {
            return Err(InvalidCatalogue::Empty);
        }
        for (edition, expected) in self.editions.iter().zip(1..) {
            if edition.version != expected {
                return Err(InvalidCatalogue::Editions(edition.version));
            }
            edition.check()?;
        }
        Ok(())
    }
}

impl Edition {
    fn check(&self) -> Result<(), InvalidCatalogue> {
        self.once(self.plans.iter().map(|plan| plan.id.clone()))?;
        self.once(self.add_ons.iter().map(|add_on| add_on.id.clone()))?;
        self.once(self.coupons.iter().map(|coupon| coupon.code.to_uppercase()))?;
        for plan in &self.plans {
            self.check_plan(plan)?;
        }
        for add_on in &self.add_ons {
            self.check_prices(&add_on.id, &add_on.prices)?;
            self.check_plans(&add_on.id, &add_on.plans)?;
        }
        for coupon in &self.coupons {
            self.check_plans(&coupon.code, &coupon.plans)?;
            self.check_coupon(coupon)?;
        }
        Ok(())
    }

    fn check_plan(&self, plan: &PlanPrices) -> Result<(), InvalidCatalogue> {
        self.check_prices(&plan.id, &plan.prices)?;
        self.once(plan.usage.iter().map(|usage| usage.metric.clone()))?;
        for usage in &plan.usage {
            let prices = usage.prices.iter().map(|price| CyclePrice {
                cycle: None,
                price: price.clone(),
            });
            self.check_prices(
                &format!("{}: {}", plan.id, usage.metric),
                &prices.collect::<Vec<_>>(),
            )?;
        }
        if plan.dunning.retry_after_days.contains(&0) {
            return Err(self.senseless(&plan.id, "a retry needs a day"));
        }
        Ok(())
    }

    fn check_prices(&self, of: &str, prices: &[CyclePrice]) -> Result<(), InvalidCatalogue> {
        self.once(prices.iter().map(|price| {
            let cycle = price.cycle.map_or("once", super::BillingCycle::name);
            format!("{of}: {cycle} in {}", price.price.currency)
        }))?;
        for price in prices {
            let checked = price.price.check();
            checked.map_err(|error| InvalidCatalogue::Price(self.version, of.to_owned(), error))?;
        }
        Ok(())
    }

    fn check_coupon(&self, coupon: &Coupon) -> Result<(), InvalidCatalogue> {
        let sensible = match coupon.discount {
            Discount::Percent(percent) => percent > Decimal::ZERO && percent <= Decimal::HUNDRED,
            Discount::Amount(amount) => amount.is_positive(),
        };
        if sensible {
            Ok(())
        } else {
            Err(self.senseless(&coupon.code, "it takes off nothing, or more than there is"))
        }
    }

    fn check_plans(&self, of: &str, plans: &[String]) -> Result<(), InvalidCatalogue> {
        match plans.iter().find(|plan| self.plan(plan).is_none()) {
            Some(plan) => Err(InvalidCatalogue::UnknownPlan(
                self.version,
                of.to_owned(),
                plan.clone(),
            )),
            None => Ok(()),
        }
    }

    fn once(&self, names: impl Iterator<Item = String>) -> Result<(), InvalidCatalogue> {
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(name.clone()) {
                return Err(InvalidCatalogue::Twice(self.version, name));
            }
        }
        Ok(())
    }

    fn senseless(&self, of: &str, why: &'static str) -> InvalidCatalogue {
        InvalidCatalogue::Senseless(self.version, of.to_owned(), why)
    }
}
