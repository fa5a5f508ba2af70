//! The table of rates.

use std::sync::LazyLock;

use jiff::civil::Date;
use serde::Deserialize;

use super::{Place, Tax};
use crate::money::Decimal;

static RATES: LazyLock<RateTable> =
    LazyLock::new(|| toml::from_str(include_str!("rates.toml")).expect("a test reads the embedded rates"));

/// The rates that come with the program.
pub fn rates() -> &'static RateTable {
    &RATES
}

/// Rates by place and time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateTable {
    /// In no order.
    pub rates: Vec<Rate>,
}

/// What a place levies, while it does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// The country or the region that levies it.
    pub place: Place,
    /// What it is called there.
    pub name: String,
    /// Of a hundred.
    pub percent: Decimal,
    /// The first day on which it applies; always where there is none.
    #[serde(default)]
    pub from: Option<Date>,
    /// The last day on which it applies; for ever where there is none.
    #[serde(default)]
    pub until: Option<Date>,
    /// A region's tax in place of the country's rather than beside it (Quebec's stands beside Canada's).
    #[serde(default)]
    pub instead: bool,
}

impl Rate {
    fn applies(&self, place: &Place, day: Date) -> bool {
        self.place.covers(place)
            && self.from.is_none_or(|from| from <= day)
            && self.until.is_none_or(|until| day <= until)
    }
}

impl RateTable {
    /// What is levied there on that day: the country's taxes, the region's beside them or instead.
    pub fn at(&self, place: &Place, day: Date) -> Vec<Tax> {
        let applying = || self.rates.iter().filter(|rate| rate.applies(place, day));
        let instead = applying().any(|rate| rate.instead);
        applying()
            .filter(|rate| !instead || rate.instead)
            .filter(|rate| !rate.percent.is_zero())
            .map(|rate| Tax {
                name: rate.name.clone(),
                place: rate.place.clone(),
                percent: rate.percent,
            })
            .collect()
    }
}
