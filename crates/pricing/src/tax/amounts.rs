//! How much of an amount is tax.

use super::{Tax, TaxBehaviour};
use crate::money::{Exact, Money, MoneyError, apportion};

/// An amount and the tax on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taxed {
    /// Without tax.
    pub net: Money,
    /// Of each tax, in the order in which they were given.
    pub taxes: Vec<Money>,
    /// With tax: the net amount and all taxes.
    pub gross: Money,
}

/// The tax on an amount (exclusive) or in it (inclusive); each tax is on the net amount and not on the other taxes.
pub fn tax(amount: Money, taxes: &[Tax], behaviour: TaxBehaviour) -> Result<Taxed, MoneyError> {
    match behaviour {
        TaxBehaviour::Exclusive => on(amount, taxes),
        TaxBehaviour::Inclusive => within(amount, taxes),
    }
}

fn on(net: Money, taxes: &[Tax]) -> Result<Taxed, MoneyError> {
    let taxes = taxes
        .iter()
        .map(|tax| net.times(&tax.percent.percent()))
        .collect::<Result<Vec<_>, _>>()?;
    let gross = net.checked_add(Money::sum(net.currency, taxes.iter().copied())?)?;
    Ok(Taxed { net, taxes, gross })
}

/// The net amount is rounded once, all taxes together are what is missing to the gross amount.
fn within(gross: Money, taxes: &[Tax]) -> Result<Taxed, MoneyError> {
    let rates: Vec<Exact> = taxes.iter().map(|tax| tax.percent.percent()).collect();
    let all: Exact = rates.iter().sum();
    let net = gross.exact().divided_by(&(&Exact::one() + &all));
    let net = Money::from_minor(&net.unwrap_or_default(), gross.currency)?;
    let tax = gross.checked_sub(net)?;
    let parts = apportion(tax.amount, &rates).unwrap_or_else(|| vec![0; rates.len()]);
    let taxes = parts
        .into_iter()
        .map(|part| Money::new(part, gross.currency))
        .collect();
    Ok(Taxed { net, taxes, gross })
}
