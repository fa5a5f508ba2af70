//! What a month comes to so far: what the tenant's subscription costs, and usage rated as its invoices rate it.

use isolation::{ControlTx, Tx};
use kernel::TenantId;
use metering::periods::{Calendar, Period};
use pricing::catalogue::{BillingCycle, PlanPrices};
use pricing::{Currency, Money, MoneyError, Quantity, RateError, Span};
use serde::Serialize;
use tenants::plans::PlanId;

use super::measure::{Rated, rated};
use crate::subscriptions::{self, MonthlyItem, SubscriptionError};
use crate::terms::Terms;

/// What is estimated by.
struct Offer<'a> {
    /// What recurs.
    items: Vec<MonthlyItem>,
    /// What usage costs.
    prices: &'a PlanPrices,
    /// In this currency.
    currency: Currency,
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
    /// The subscription's prices cannot be reckoned.
    #[error(transparent)]
    Subscription(SubscriptionError),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<SubscriptionError> for EstimateError {
    fn from(error: SubscriptionError) -> Self {
        match error {
            SubscriptionError::Database(error) => Self::Database(error),
            other => Self::Subscription(other),
        }
    }
}

/// What the present month (UTC) comes to by the tenant's own subscription: its edition, cycle, currency, quantity and add-ons.
/// Of one that has none what the plan costs now; none where that is not for sale.
pub async fn estimate_month(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    plan: PlanId,
) -> Result<Option<Estimate>, EstimateError> {
    let month = Calendar::utc().span(Period::Monthly, tx.now());
    let month = Span::new(month.starts_at, month.ends_at);
    let offer = match subscriptions::get(tx, tenant).await {
        Ok(subscription) => {
            let (items, prices) = subscriptions::a_month(terms, &subscription)?;
            Some(Offer {
                items,
                prices,
                currency: subscription.currency,
            })
        }
        Err(SubscriptionError::NotFound) => offered(terms, plan)?,
        Err(error) => return Err(error.into()),
    };
    let Some(offer) = offer else { return Ok(None) };
    let used = rated::<EstimateError>(tx, tenant, offer.prices, offer.currency, month).await?;
    Ok(Some(added_up(&offer, month, &used)?))
}

/// What the plan costs now, in the currency of accounts that say nothing else.
fn offered(terms: &Terms, plan: PlanId) -> Result<Option<Offer<'_>>, EstimateError> {
    let currency = terms.currency;
    let Some(prices) = terms.catalogue.latest().plan(plan.name()) else {
        return Ok(None);
    };
    let price = prices.price(BillingCycle::Monthly, currency);
    let base = price.map(|price| {
        Ok::<_, RateError>(MonthlyItem {
            item: format!("plan:{plan}"),
            name: plan.plan().name.clone(),
            quantity: 1,
            amount: price.rate(Quantity::ONE)?.amount,
        })
    });
    Ok(Some(Offer {
        items: base.transpose()?.into_iter().collect(),
        prices,
        currency,
    }))
}

fn added_up(offer: &Offer<'_>, period: Span, used: &[Rated<'_>]) -> Result<Estimate, MoneyError> {
    let recurring = offer.items.iter().map(|one| EstimatedLine {
        description: one.name.clone(),
        item: one.item.clone(),
        quantity: Quantity::from(one.quantity),
        amount: one.amount,
    });
    let usage = used.iter().map(|rated| EstimatedLine {
        description: rated.name.to_owned(),
        item: format!("usage:{}", rated.metric),
        quantity: rated.quantity,
        amount: rated.amount,
    });
    let lines: Vec<_> = recurring.chain(usage).collect();
    let total = Money::sum(offer.currency, lines.iter().map(|line| line.amount))?;
    Ok(Estimate { period, lines, total })
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;

    use super::*;

    #[test]
    fn a_month_is_the_plan_and_what_is_beyond_it() {
        let terms = Terms::new(crate::TermsOf::default());
        let offer = offered(&terms, "pro".parse().expect("a plan"))
            .expect("priced")
            .expect("for sale");
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
        let total = |used: &[Rated<'_>]| added_up(&offer, month, used).expect("estimated").total.amount;
        assert_eq!(
            [total(&[]), total(&used(3_100_000)), total(&used(3_100_001))],
            [9_900, 9_900, 9_940]
        );
        let estimate = added_up(&offer, month, &used(3_120_000)).expect("estimated");
        let shown: Vec<_> = estimate
            .lines
            .iter()
            .map(|line| (line.item.as_str(), line.amount.amount))
            .collect();
        assert_eq!(shown, [("plan:pro", 9_900), ("usage:api_calls", 80)]);
    }
}
