//! What a month comes to so far: the plan's price, and usage rated as invoices rate it.

use isolation::{ControlTx, Tx};
use kernel::TenantId;
use metering::periods::{Calendar, Period};
use pricing::catalogue::{BillingCycle, PlanPrices};
use pricing::{Currency, Money, MoneyError, Price, Quantity, RateError, Span};
use serde::Serialize;
use tenants::plans::PlanId;

use super::measure::{Rated, rated};

/// The prices that are estimated by.
#[derive(Debug, Clone, Copy)]
pub struct Offer<'a> {
    /// The plan's name.
    pub plan: PlanId,
    /// What it costs.
    pub prices: &'a PlanPrices,
    /// In this currency.
    pub currency: Currency,
}

impl Offer<'static> {
    /// What the plan costs now, in dollars; none for a plan that is not for sale.
    pub fn of_catalogue(plan: PlanId) -> Option<Self> {
        let prices = pricing::catalogue().latest().plan(plan.name())?;
        Some(Self {
            plan,
            prices,
            currency: Currency::USD,
        })
    }
}

/// What a month comes to so far, before discounts and tax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// What it is of.
    pub period: Span,
    /// What it is made of.
    pub lines: Vec<EstimatedLine>,
    /// Their sum.
    pub total: Money,
}

/// A part of an estimate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EstimatedLine {
    /// What an invoice calls it.
    pub description: String,
    /// What is charged for: `plan:pro`, `usage:api_calls`.
    pub item: String,
    /// How much of it there was.
    pub quantity: Quantity,
    /// What that costs.
    pub amount: Money,
}

/// A month cannot be estimated.
#[derive(Debug, thiserror::Error)]
pub enum EstimateError {
    /// It costs more than can be said.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// Usage cannot be rated.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// What the present month (UTC) comes to, by what the plan costs now; none for a plan that is not for sale.
pub async fn estimate_month(
    tx: &mut ControlTx,
    tenant: TenantId,
    plan: PlanId,
) -> Result<Option<Estimate>, EstimateError> {
    let month = Calendar::utc().span(Period::Monthly, tx.now());
    let month = Span::new(month.starts_at, month.ends_at);
    match Offer::of_catalogue(plan) {
        Some(offer) => estimate(tx, tenant, offer, month).await.map(Some),
        None => Ok(None),
    }
}

/// What the month comes to: a month of the plan, and what is beyond what it includes.
pub async fn estimate(
    tx: &mut ControlTx,
    tenant: TenantId,
    offer: Offer<'_>,
    month: Span,
) -> Result<Estimate, EstimateError> {
    let used = rated::<EstimateError>(tx, tenant, offer.prices, offer.currency, month).await?;
    added_up(offer, month, &used)
}

fn added_up(offer: Offer<'_>, period: Span, used: &[Rated<'_>]) -> Result<Estimate, EstimateError> {
    let price = offer.prices.price(BillingCycle::Monthly, offer.currency);
    let mut lines: Vec<_> = price
        .map(|price| base(offer.plan, price))
        .transpose()?
        .into_iter()
        .collect();
    lines.extend(used.iter().map(|rated| EstimatedLine {
        description: rated.name.to_owned(),
        item: format!("usage:{}", rated.metric),
        quantity: rated.quantity,
        amount: rated.amount,
    }));
    let total = Money::sum(offer.currency, lines.iter().map(|line| line.amount))?;
    Ok(Estimate { period, lines, total })
}

fn base(plan: PlanId, price: &Price) -> Result<EstimatedLine, RateError> {
    Ok(EstimatedLine {
        description: plan.plan().name.clone(),
        item: format!("plan:{plan}"),
        quantity: Quantity::ONE,
        amount: price.rate(Quantity::ONE)?.amount,
    })
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;

    #[test]
    fn a_month_is_the_plan_and_what_is_beyond_it() {
        let offer = Offer::of_catalogue("pro".parse().expect("a plan")).expect("for sale");
        let price = offer
            .prices
            .usage_price("api_calls", Currency::USD)
            .expect("a price");
        let used = |quantity: u32| {
            let quantity = Quantity::from(quantity);
            let amount = price.rate(quantity).expect("rated").amount;
            [Rated {
                metric: "api_calls",
                name: "API calls",
                price,
                quantity,
                amount,
            }]
        };
        let month = Span::new(Timestamp::from_micros(0), Timestamp::from_micros(1));
        let total = |used: &[Rated<'_>]| added_up(offer, month, used).expect("estimated").total.amount;
        assert_eq!(
            [total(&[]), total(&used(3_100_000)), total(&used(3_100_001))],
            [9_900, 9_900, 9_940]
        );
        let estimate = added_up(offer, month, &used(3_120_000)).expect("estimated");
        let shown: Vec<_> = estimate
            .lines
            .iter()
            .map(|line| (line.item.as_str(), line.amount.amount))
            .collect();
        assert_eq!(shown, [("plan:pro", 9_900), ("usage:api_calls", 80)]);
    }
}
