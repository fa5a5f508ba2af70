//! Tax: who owes which, and how much of an amount it is.
//!
//! The rates are data (`tax/rates.toml`) with the dates on which they came into force. They are standard rates for software
//! as a service, for states of the USA those of the state alone. They are a start and no advice: whoever sells checks them,
//! says where he is registered, and sets other rates where he must.
//!
//! Every (line, rate) is rounded once, half away from zero; the tax of a document is the sum of these.

mod amounts;
mod place;
mod rates;
#[cfg(test)]
mod tests;
mod treatment;
mod vat_id;

pub use amounts::{Taxed, tax};
pub use place::{InvalidPlace, Place};
pub use rates::{Rate, RateTable, rates};
pub use treatment::{Buyer, Seller, Treatment};
pub use vat_id::{InvalidVatId, VatId};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::money::Decimal;

/// A tax on a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tax {
    /// What it is called where it is owed: `MwSt.`, `TVA`, `GST`.
    pub name: String,
    /// Where it is owed.
    pub place: Place,
    /// Of a hundred.
    pub percent: Decimal,
}

/// Whether the price that a customer is shown has the tax in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxBehaviour {
    /// The tax is added to the price.
    #[default]
    Exclusive,
    /// The tax is a part of the price.
    Inclusive,
}
