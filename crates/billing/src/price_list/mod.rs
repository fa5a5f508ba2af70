//! What is for sale: each plan with what it opens and allows, and what it costs.
//!
//! What may not enter: what somebody has bought; that stays with the edition that it was bought under.

use pricing::catalogue::{CyclePrice, Edition, PlanPrices, UsagePrice};
use serde::Serialize;
use tenants::plans::{Catalogue, Features, Limits, PlanId};

/// What is for sale.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceList {
    /// The edition of the prices; new subscriptions are made under it.
    pub edition: u32,
    /// Cheapest first.
    pub plans: Vec<OfferedPlan>,
}

/// A plan that is for sale.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OfferedPlan {
    /// Its stable name.
    pub id: PlanId,
    /// What people call it.
    pub name: String,
    /// Whether a tenant can take it by itself (`PUT /api/subscription`).
    pub self_service: bool,
    /// Days to try it without paying.
    pub trial_days: u16,
    /// What it costs, by cycle and currency. Amounts are in major units.
    pub prices: Vec<CyclePrice>,
    /// What usage beyond the limits costs, where they are soft.
    pub usage: Vec<UsagePrice>,
    /// What it opens.
    pub features: Features,
    /// How much it allows.
    pub limits: Limits,
}

impl PriceList {
    /// The plans and prices that come with the program.
    pub fn now() -> Self {
        Self::of(tenants::plans::catalogue(), pricing::catalogue().latest())
    }

    /// The plans that this edition has prices for.
    pub fn of(plans: &Catalogue, edition: &Edition) -> Self {
        let offered = plans.plans.iter().filter_map(|plan| {
            let PlanPrices {
                self_service,
                trial_days,
                prices,
                usage,
                ..
            } = edition.plan(plan.id.name())?.clone();
            Some(OfferedPlan {
                id: plan.id,
                name: plan.name.clone(),
                self_service,
                trial_days,
                prices,
                usage,
                features: plan.features,
                limits: plan.limits,
            })
        });
        Self {
            edition: edition.version,
            plans: offered.collect(),
        }
    }
}
