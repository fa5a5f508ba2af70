//! Countries and their regions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The member states of the European Union (ISO 3166-1; in VAT numbers Greece is EL).
const EUROPEAN_UNION: &str =
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK";

/// A country (ISO 3166-1 alpha-2), or a region of one (ISO 3166-2): `DE`, `US-NY`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    country: String,
    region: Option<String>,
}

/// The text is no place.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a country such as `DE` or a region such as `US-NY` (ISO 3166)")]
pub struct InvalidPlace;

impl Place {
    /// Two capital letters.
    pub fn country(&self) -> &str {
        &self.country
    }

    /// What comes after the country's hyphen.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Whether the other is the same or within it.
    pub fn covers(&self, other: &Self) -> bool {
        self.country == other.country && (self.region.is_none() || self.region == other.region)
    }

    /// Whether the European Union's rules for value added tax apply. The Canary Islands, Ceuta and Melilla are in Spain and
    /// not among them (Directive 2006/112/EC, article 6).
    pub fn in_european_union(&self) -> bool {
        let outside = self.country == "ES" && matches!(self.region(), Some("CN" | "CE" | "ML"));
        !outside && EUROPEAN_UNION.split(' ').any(|member| member == self.country)
    }
}

impl FromStr for Place {
    type Err = InvalidPlace;
    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let (country, region) = match text.split_once('-') {
            Some((country, region)) => (country, Some(region)),
            None => (text, None),
        };
        let capital = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
        let known = |region: &str| {
            (1..=3).contains(&region.len())
                && region
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        };
        if !capital || !region.is_none_or(known) {
            return Err(InvalidPlace);
        }
        Ok(Self {
            country: country.to_owned(),
            region: region.map(str::to_owned),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.region {
            Some(region) => write!(f, "{}-{region}", self.country),
            None => f.write_str(&self.country),
        }
    }
}
impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for Place {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A country (ISO 3166-1) or a region of one (ISO 3166-2)."))
            .examples(["DE", "US-NY"])
            .into()
    }
}
impl ToSchema for Place {}
