//! Usage on invoices: what was measured in a span, rated by the prices that were in force, and what came late.
//!
//! A span of usage is whole hours (UTC), because that is how usage is counted; spans of a subscription follow one another
//! without gap or overlap, so that every unit is charged for once. It is measured when its invoice becomes final. What changes
//! afterwards is found by measuring again with each later invoice, for as long as events of the span can still come: more is a
//! line of that invoice, less is a credit note over the line that charged for it, and either is told as a difference.
//!
//! Invariants: the quantity that was invoiced and the one that was measured last are in one row ([`invoiced`]); late usage is
//! rated by the price of its span, the whole quantity anew less what was charged before.
//!
//! What may not enter: counting (metering) and how a price is reckoned (pricing).

mod estimate;
mod late;
mod measure;
mod sql;
#[cfg(test)]
mod tests;

pub use estimate::{Estimate, EstimateError, EstimatedLine, estimate_month};
pub(crate) use measure::charge;
pub use sql::{InvoicedUsage, invoiced};
