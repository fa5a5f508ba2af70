//! What a subscription costs: the lines of its periods. Pure.

use pricing::catalogue::{Edition, PlanPrices};
use pricing::discounts::{Coupon, Discount};
use pricing::{Basis, Exact, Money, Period, Price, Quantity, Span};

use super::error::{SubscriptionError, invalid};
use super::model::{AddOnItem, Subscription, price_cycle};
use crate::invoices::{AppliedCoupon, LineKind, NewLine, Timed};
use crate::terms::Terms;

/// Something that recurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recurring {
    /// `plan:pro`, `add_on:extra_users`.
    pub(super) item: String,
    name: String,
    quantity: u32,
    /// For a whole period.
    pub(super) amount: Money,
}

/// The edition that its prices are of.
pub(super) fn edition<'a>(
    terms: &'a Terms,
    subscription: &Subscription,
) -> Result<&'a Edition, SubscriptionError> {
    let version = subscription.edition;
    let found = terms.catalogue.edition(version);
    found.ok_or(SubscriptionError::EditionMissing(version))
}

/// The prices of its plan.
pub(super) fn plan<'a>(
    terms: &'a Terms,
    subscription: &Subscription,
) -> Result<&'a PlanPrices, SubscriptionError> {
    let plan = edition(terms, subscription)?.plan(subscription.plan.name());
    plan.ok_or_else(|| invalid("/plan", "is not for sale"))
}

/// Everything of it that recurs, with what a whole period of that costs.
pub(super) fn recurring(
    terms: &Terms,
    subscription: &Subscription,
) -> Result<Vec<Recurring>, SubscriptionError> {
    let (cycle, currency) = (price_cycle(subscription.cycle), subscription.currency);
    let price = plan(terms, subscription)?.price(cycle, currency);
    let price = price.ok_or_else(|| invalid("/billingCycle", "has no price in the account's currency"))?;
    let plan = subscription.plan;
    let mut all = vec![Recurring {
        item: format!("plan:{plan}"),
        name: format!("{}, {}", plan.plan().name, subscription.cycle.name()),
        quantity: subscription.quantity,
        amount: whole(price, subscription.quantity)?,
    }];
    for wanted in &subscription.add_ons {
        let (add_on, price) = add_on(terms, subscription, wanted, true)?;
        if let Some(price) = price {
            all.push(Recurring {
                item: format!("add_on:{}", wanted.id),
                name: format!("{}, {}", add_on, subscription.cycle.name()),
                quantity: wanted.quantity,
                amount: whole(price, wanted.quantity)?,
            });
        }
    }
    Ok(all)
}

/// An add-on's name and its price: that of the cycle, or that which is charged once; one of them it must have.
fn add_on<'a>(
    terms: &'a Terms,
    subscription: &Subscription,
    wanted: &AddOnItem,
    recurs: bool,
) -> Result<(&'a str, Option<&'a Price>), SubscriptionError> {
    let known = edition(terms, subscription)?.add_on(&wanted.id);
    let known = known.filter(|add_on| add_on.goes_with(subscription.plan.name()));
    let add_on = known.ok_or_else(|| invalid("/addOns", "one of them is not for sale with this plan"))?;
    let currency = subscription.currency;
    let (cycle, once) = (
        add_on.price(Some(price_cycle(subscription.cycle)), currency),
        add_on.price(None, currency),
    );
    if cycle.is_none() && once.is_none() {
        return Err(invalid(
            "/addOns",
            "one of them has no price in the account's currency",
        ));
    }
    Ok((&add_on.name, if recurs { cycle } else { once }))
}

fn whole(price: &Price, quantity: u32) -> Result<Money, SubscriptionError> {
    Ok(price.rate(Quantity::from(quantity))?.amount)
}

/// What a whole period of all of it costs.
pub(super) fn total(terms: &Terms, subscription: &Subscription) -> Result<Money, SubscriptionError> {
    let all = recurring(terms, subscription)?;
    Ok(Money::sum(
        subscription.currency,
        all.iter().map(|one| one.amount),
    )?)
}

/// What all of it comes to in a year at the present period's price, less what its coupon takes off that. By the year,
/// because a twelfth of a yearly price is seldom a whole number of minor units.
pub(super) fn yearly(terms: &Terms, subscription: &Subscription) -> Result<Money, SubscriptionError> {
    let total = total(terms, subscription)?;
    let off = match present_coupon(terms, subscription)? {
        Some(coupon) => coupon.discount.of(total)?,
        None => Money::zero(total.currency),
    };
    let periods = match subscription.cycle {
        tenants::BillingCycle::Monthly => 12,
        tenants::BillingCycle::Yearly => 1,
    };
    Ok(total.checked_sub(off)?.times(&Exact::from(periods))?)
}

/// Something that recurs, by the month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MonthlyItem {
    /// `plan:pro`, `add_on:extra_users`.
    pub(crate) item: String,
    /// What invoices call it.
    pub(crate) name: String,
    /// How many.
    pub(crate) quantity: u32,
    /// What a month costs; of what is paid yearly a twelfth, rounded.
    pub(crate) amount: Money,
}

/// What of it recurs by the month, and what its plan charges for usage.
pub(crate) fn a_month<'a>(
    terms: &'a Terms,
    subscription: &Subscription,
) -> Result<(Vec<MonthlyItem>, &'a PlanPrices), SubscriptionError> {
    let months = match subscription.cycle {
        tenants::BillingCycle::Monthly => 1,
        tenants::BillingCycle::Yearly => 12,
    };
    let part = Exact::ratio(1, months).unwrap_or_default();
    let items = recurring(terms, subscription)?.into_iter().map(|one| {
        Ok(MonthlyItem {
            amount: one.amount.times(&part)?,
            item: one.item,
            name: one.name,
            quantity: one.quantity,
        })
    });
    let items = items.collect::<Result<Vec<_>, SubscriptionError>>()?;
    Ok((items, plan(terms, subscription)?))
}

/// The parts of a period, as this subscription reckons them.
fn basis(terms: &Terms, subscription: &Subscription, period: &Period) -> Basis {
    Basis::of(period, subscription.time_zone.clone(), terms.proration)
}

/// The lines of a period in advance; a first one that is only a part of a whole one costs that part.
pub(super) fn period_lines(
    terms: &Terms,
    subscription: &Subscription,
    period: &Period,
) -> Result<Vec<NewLine>, SubscriptionError> {
    let basis = basis(terms, subscription, period);
    let mut lines = Vec::new();
    for one in recurring(terms, subscription)? {
        let amount = if period.is_partial() {
            basis.share(one.amount, period.span)?
        } else {
            one.amount
        };
        let kind = if period.is_partial() {
            LineKind::Proration
        } else {
            LineKind::Subscription
        };
        lines.push(one.line(kind, period.span, amount, &basis));
    }
    lines.retain(|line| line.amount.is_positive());
    Ok(lines)
}

/// The lines for the rest of the present period of what is new in it: what the old has at the same price is not among them.
pub(super) fn rest_lines(
    terms: &Terms,
    subscription: &Subscription,
    new: &[Recurring],
    at: kernel::Timestamp,
) -> Result<Vec<NewLine>, SubscriptionError> {
    let period = subscription.present()?;
    let basis = basis(terms, subscription, &period);
    let rest = Span::new(at, period.span.ends_at);
    let mut lines = Vec::new();
    for one in new {
        let amount = basis.rest(one.amount, at)?;
        lines.push(one.line(LineKind::Proration, rest, amount, &basis));
    }
    lines.retain(|line| line.amount.is_positive());
    Ok(lines)
}

impl Recurring {
    fn line(&self, kind: LineKind, period: Span, amount: Money, basis: &Basis) -> NewLine {
        let each = self.amount.amount.checked_div(self.quantity.into());
        let exact = each.filter(|each| *each * i64::from(self.quantity) == self.amount.amount);
        NewLine {
            kind,
            description: self.name.clone(),
            item: Some(self.item.clone()),
            period: Some(period),
            quantity: Some(Quantity::from(self.quantity)),
            unit_price: exact.map(|each| Money::new(each, self.amount.currency)),
            amount,
            proration: Some(Timed {
                mode: basis.mode,
                whole: basis.whole,
                whole_amount: self.amount,
            }),
            price: None,
        }
    }
}

/// What is charged once for add-ons that were not there before.
pub(super) fn one_time_lines(
    terms: &Terms,
    subscription: &Subscription,
    before: &[AddOnItem],
) -> Result<Vec<NewLine>, SubscriptionError> {
    let mut lines = Vec::new();
    for wanted in &subscription.add_ons {
        if before.iter().any(|known| known.id == wanted.id) {
            continue;
        }
        let (name, price) = add_on(terms, subscription, wanted, false)?;
        if let Some(price) = price {
            lines.push(NewLine {
                item: Some(format!("add_on:{}", wanted.id)),
                quantity: Some(Quantity::from(wanted.quantity)),
                ..NewLine::one_time(name, whole(price, wanted.quantity)?)
            });
        }
    }
    Ok(lines)
}

/// Its coupon, where there is such a one.
fn coupon<'a>(
    terms: &'a Terms,
    subscription: &Subscription,
) -> Result<Option<(&'a Coupon, u32)>, SubscriptionError> {
    let Some(used) = &subscription.coupon else {
        return Ok(None);
    };
    // A coupon may be of a later edition than the prices.
    let known = edition(terms, subscription)?.coupon(&used.code);
    let coupon = known.or_else(|| terms.catalogue.latest().coupon(&used.code));
    Ok(coupon.map(|coupon| (coupon, used.invoices)))
}

/// The coupon that the invoice of the present period had.
fn present_coupon<'a>(
    terms: &'a Terms,
    subscription: &Subscription,
) -> Result<Option<&'a Coupon>, SubscriptionError> {
    let held = |(coupon, invoices): &(&Coupon, u32)| *invoices > 0 && coupon.holds_after(invoices - 1);
    Ok(coupon(terms, subscription)?
        .filter(held)
        .map(|(coupon, _)| coupon))
}

/// The coupon for an invoice of a whole period, which it then counts; of a change within one, that which the period's own
/// invoice had, unless it takes off an amount: that was taken off there.
pub(super) fn coupons(
    terms: &Terms,
    subscription: &Subscription,
    begins_period: bool,
) -> Result<Vec<AppliedCoupon>, SubscriptionError> {
    let coupon = if begins_period {
        let holds = |(coupon, invoices): &(&Coupon, u32)| coupon.holds_after(*invoices);
        coupon(terms, subscription)?
            .filter(holds)
            .map(|(coupon, _)| coupon)
    } else {
        let of_a_hundred = |coupon: &&Coupon| matches!(coupon.discount, Discount::Percent(_));
        present_coupon(terms, subscription)?.filter(of_a_hundred)
    };
    let applied = coupon.map(|coupon| AppliedCoupon {
        code: coupon.code.clone(),
        name: coupon.name.clone(),
        discount: coupon.discount,
    });
    Ok(applied.into_iter().collect())
}
