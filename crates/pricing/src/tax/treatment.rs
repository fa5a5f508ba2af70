//! Who owes the tax on what is sold.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Place, RateTable, Tax, VatId};

/// Who sells, as far as tax is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seller {
    /// Where it is established.
    pub place: Place,
    /// Where else it collects tax: countries, or regions of them.
    #[serde(default)]
    pub registrations: Vec<Place>,
    /// Whether it declares to all of the European Union through the one-stop shop.
    #[serde(default)]
    pub one_stop_shop: bool,
}

/// Who buys, as far as tax is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buyer {
    /// Where it is established.
    pub place: Place,
    /// Its number for value added tax, if it has one.
    pub vat_id: Option<VatId>,
    /// Whether it owes no tax at all, for a reason of its own.
    pub exempt: bool,
}

/// What follows for a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "treatment", rename_all = "snake_case")]
pub enum Treatment {
    /// These are charged.
    Taxed {
        /// Side by side on the same amount.
        taxes: Vec<Tax>,
    },
    /// The buyer owes it to his own country (Directive 2006/112/EC, articles 44 and 196); the document says so.
    ReverseCharge,
    /// The buyer owes none.
    Exempt,
    /// The seller collects none there.
    NotCollected,
}

impl Treatment {
    /// What is charged.
    pub fn taxes(&self) -> &[Tax] {
        match self {
            Self::Taxed { taxes } => taxes,
            _ => &[],
        }
    }

    /// What a sale between these is subject to on that day.
    pub fn of(seller: &Seller, buyer: &Buyer, day: Date, rates: &RateTable) -> Self {
        if buyer.exempt {
            return Self::Exempt;
        }
        if seller.is_abroad_to(&buyer.place) && buyer.place.in_european_union() && buyer.is_business() {
            return Self::ReverseCharge;
        }
        match seller.taxing_place(&buyer.place) {
            Some(place) => Self::Taxed {
                taxes: rates.at(place, day),
            },
            None => Self::NotCollected,
        }
    }
}

impl Seller {
    fn is_abroad_to(&self, place: &Place) -> bool {
        self.place.country() != place.country()
    }

    /// Whose tax is charged to private people there, and to businesses at home.
    fn taxing_place<'a>(&'a self, buyer: &'a Place) -> Option<&'a Place> {
        let registered = self.registrations.iter().any(|place| place.covers(buyer));
        if registered || self.one_stop_shop && buyer.in_european_union() {
            return Some(buyer);
        }
        if !self.is_abroad_to(buyer) {
            return self.taxes_at_home(buyer).then_some(buyer);
        }
        // Below the threshold of article 59c a seller of the Union charges what is charged at home.
        let within_union = self.place.in_european_union() && buyer.in_european_union();
        within_union.then_some(&self.place)
    }

    /// In the USA there is no federal tax: each state is a country of its own. Nor is the Union's tax due to regions that
    /// are outside of it.
    fn taxes_at_home(&self, buyer: &Place) -> bool {
        if self.place.country() == "US" {
            return self.place == *buyer;
        }
        self.place.in_european_union() == buyer.in_european_union()
    }
}

impl Buyer {
    /// Whether its number is one of the country that it is in.
    fn is_business(&self) -> bool {
        self.vat_id
            .as_ref()
            .is_some_and(|id| id.country() == self.place.country())
    }
}
