//! What may be given back.

use kernel::Timestamp;

use super::Basis;
use crate::money::{Exact, Money, MoneyError};
use crate::periods::Span;

/// What a line charged for a span of a period, and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    /// The price of a whole period.
    pub price: Money,
    /// What was charged for.
    pub span: Span,
    /// What was charged, before discounts.
    pub amount: Money,
    /// What was paid of it, without tax: less than the amount after a discount, or when it was paid in part.
    pub paid: Money,
    /// What was given back of that already.
    pub credited: Money,
}

impl Charged {
    /// A whole period, paid in full.
    pub const fn in_full(price: Money, span: Span) -> Self {
        Self {
            price,
            span,
            amount: price,
            paid: price,
            credited: Money::zero(price.currency),
        }
    }

    /// What is taken back when it ends at the instant: of what was paid the part that is unused, and never more than was paid
    /// and not given back yet. Who paid half for a coupon gets half of the unused part back.
    pub fn credit(&self, basis: &Basis, at: Timestamp) -> Result<Money, MoneyError> {
        let nothing = Money::zero(self.price.currency);
        let left = self.paid.checked_sub(self.credited)?;
        if !left.is_positive() || at >= self.span.ends_at {
            return Ok(nothing);
        }
        let unused = Span::new(self.span.clamp(at), self.span.ends_at);
        let unused = if self.paid == self.amount {
            basis.share(self.price, unused)?
        } else {
            let exact = &self.price.exact() * &basis.fraction(unused);
            let paid = self.paid.exact().divided_by(&self.amount.exact());
            Money::from_minor(&(&exact * &paid.unwrap_or_default()), self.price.currency)?
        };
        left.min(unused)?.max(nothing)
    }
}

/// The tax that goes back with a credit: what is to have gone back when it has, less what did. However many credits take a
/// charge back, and however each of them was reckoned, together they take back its tax, to the minor unit, and never more.
/// `before` is what was credited of the charge so far, and of its tax.
pub fn tax_of_credit(
    (charge, tax): (Money, Money),
    before: (Money, Money),
    credit: Money,
) -> Result<Money, MoneyError> {
    let credited = before.0.checked_add(credit)?;
    credited.same_currency(charge)?;
    let part = credited.exact().divided_by(&charge.exact());
    let until_then = tax.times(&part.unwrap_or_else(Exact::zero))?;
    let left = tax.checked_sub(before.1)?;
    let owed = until_then.checked_sub(before.1)?.min(left)?;
    owed.max(Money::zero(charge.currency))
}
