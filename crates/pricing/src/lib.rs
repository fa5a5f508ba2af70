//! Money, and what things cost: pure arithmetic over data.
//!
//! Invariants: no I/O, no clock, no randomness. Every amount is computed exactly, as a fraction of whole numbers without
//! bound, and rounded once, half away from zero, when it becomes [`Money`]. No input makes anything here panic: what
//! does not fit is an error. Parts that were rounded always sum to the whole that they are parts of.
//!
//! What may not enter: customers, subscriptions, invoices as things that are stored, providers.

pub mod catalogue;
pub mod discounts;
pub mod document;
pub mod models;
pub mod money;
pub mod periods;
pub mod proration;
pub mod tax;

pub use catalogue::{BillingCycle, Catalogue, Edition, PlanPrices, catalogue};
pub use discounts::{Coupon, CouponDuration, Discount};
pub use document::{Item, LineTotals, TaxTotal, Totals, totals};
pub use models::{Price, PriceModel, RateError, Rated, RatedKind, RatedLine, Tier, draw, rate};
pub use money::{Currency, Decimal, Exact, Money, MoneyError, Quantity};
pub use periods::{Alignment, Anchor, Interval, Period, Periods, Span, Zone};
pub use proration::{Basis, Change, Charged, ProrationMode};
pub use tax::{Place, Tax, TaxBehaviour, Treatment, VatId};

#[cfg(test)]
mod tests {
    use utoipa::ToSchema;

    /// A price may hold a price: whoever describes it must not follow that for ever.
    #[test]
    fn what_is_recursive_is_described() {
        let mut schemas = Vec::new();
        crate::PlanPrices::schemas(&mut schemas);
        crate::Rated::schemas(&mut schemas);
        crate::Totals::schemas(&mut schemas);
        let names: Vec<_> = schemas.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["PriceModel", "Money", "Tax", "UsagePrice"] {
            assert!(names.contains(&name), "{name} of {names:?}");
        }
    }
}
