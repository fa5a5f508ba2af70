//! The totals of a document: of an invoice or a credit note, from its lines.
//!
//! Order: the fee of each line as it was rounded, less the coupons one after another, then the tax on what is left of each
//! line. Every total is a sum of parts that were rounded, so whoever adds the lines up gets the totals.

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::discounts::Discount;
use crate::money::{Currency, Money, MoneyError};
use crate::tax::{Tax, TaxBehaviour, tax};

/// A line as it comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The fee, or a credit where negative, with or without tax as the document's behaviour says.
    pub amount: Money,
    /// What is levied on it.
    pub taxes: Vec<Tax>,
    /// Whether coupons apply to it.
    pub discountable: bool,
}

impl Item {
    /// A fee to which coupons apply.
    pub const fn fee(amount: Money, taxes: Vec<Tax>) -> Self {
        Self {
            amount,
            taxes,
            discountable: true,
        }
    }
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineTotals {
    /// The fee as it came in.
    pub amount: Money,
    /// What each coupon takes off it, in the order in which they were given.
    pub discounts: Vec<Money>,
    /// What is left, without tax.
    pub net: Money,
    /// Each of its taxes, in the order in which they were given.
    pub taxes: Vec<Money>,
    /// What is left, with tax.
    pub gross: Money,
}

/// One tax, over all lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaxTotal {
    /// Which.
    pub tax: Tax,
    /// On so much.
    pub base: Money,
    /// So much.
    pub amount: Money,
}

/// What a document comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// In the order in which they came in.
    pub lines: Vec<LineTotals>,
    /// All amounts as they came in.
    pub subtotal: Money,
    /// What each coupon takes off.
    pub discounts: Vec<Money>,
    /// All of that.
    pub discount: Money,
    /// What is left, without tax.
    pub net: Money,
    /// By tax, in the order of their first line.
    pub taxes: Vec<TaxTotal>,
    /// All of them.
    pub tax: Money,
    /// What is to be paid; negative on a credit.
    pub total: Money,
}

/// Adds a document up.
pub fn totals(
    currency: Currency,
    items: &[Item],
    discounts: &[Discount],
    behaviour: TaxBehaviour,
) -> Result<Totals, MoneyError> {
    let off = spread_all(currency, items, discounts)?;
    let lines = items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let off = off.iter().map(|lines| lines[index]).collect();
            line(item, off, behaviour)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let sum = |part: fn(&LineTotals) -> Money| Money::sum(currency, lines.iter().map(part));
    let discounts = off
        .iter()
        .map(|lines| Money::sum(currency, lines.iter().copied()))
        .collect::<Result<Vec<_>, _>>()?;
    let taxes = by_tax(items, &lines)?;
    Ok(Totals {
        subtotal: sum(|line| line.amount)?,
        discount: Money::sum(currency, discounts.iter().copied())?,
        discounts,
        net: sum(|line| line.net)?,
        tax: Money::sum(currency, taxes.iter().map(|tax| tax.amount))?,
        taxes,
        total: sum(|line| line.gross)?,
        lines,
    })
}

/// What each coupon takes off each line: the second off what the first left.
fn spread_all(
    currency: Currency,
    items: &[Item],
    discounts: &[Discount],
) -> Result<Vec<Vec<Money>>, MoneyError> {
    let mut left: Vec<Money> = items
        .iter()
        .map(|item| {
            if item.discountable {
                item.amount
            } else {
                Money::zero(currency)
            }
        })
        .collect();
    let mut all = Vec::with_capacity(discounts.len());
    for discount in discounts {
        let off = discount.spread(&left, currency)?;
        for (line, off) in left.iter_mut().zip(&off) {
            *line = line.checked_sub(*off)?;
        }
        all.push(off);
    }
    Ok(all)
}

fn line(item: &Item, discounts: Vec<Money>, behaviour: TaxBehaviour) -> Result<LineTotals, MoneyError> {
    let off = Money::sum(item.amount.currency, discounts.iter().copied())?;
    let taxed = tax(item.amount.checked_sub(off)?, &item.taxes, behaviour)?;
    Ok(LineTotals {
        amount: item.amount,
        discounts,
        net: taxed.net,
        taxes: taxed.taxes,
        gross: taxed.gross,
    })
}

fn by_tax(items: &[Item], lines: &[LineTotals]) -> Result<Vec<TaxTotal>, MoneyError> {
    let mut totals: Vec<TaxTotal> = Vec::new();
    for (item, line) in items.iter().zip(lines) {
        for (tax, amount) in item.taxes.iter().zip(&line.taxes) {
            match totals.iter_mut().find(|total| total.tax == *tax) {
                Some(total) => {
                    total.base = total.base.checked_add(line.net)?;
                    total.amount = total.amount.checked_add(*amount)?;
                }
                None => totals.push(TaxTotal {
                    tax: tax.clone(),
                    base: line.net,
                    amount: *amount,
                }),
            }
        }
    }
    Ok(totals)
}
