//! A metric, and what can be declared as one.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use kernel::FieldError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::built_in::BuiltIn;
use crate::amount::Amount;
use crate::rollups::Totals;

/// What a metric's number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It grows, and starts anew with each period.
    Counter,
    /// How much there is now; it never starts anew.
    Gauge,
    /// How many different ones there were in a period.
    Distinct,
}

/// How the events of a span become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Aggregation {
    /// The number of events.
    Count,
    /// The sum of their values; an event without one counts 1.
    Sum,
    /// The largest value.
    Max,
    /// The value of the latest event; of several at one time the largest.
    Last,
    /// The number of different members.
    Unique,
    /// The sum of value times weight; an event without a weight has weight 1.
    WeightedSum,
}

impl Aggregation {
    /// What the number is.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Count | Self::Sum | Self::WeightedSum => Kind::Counter,
            Self::Max | Self::Last => Kind::Gauge,
            Self::Unique => Kind::Distinct,
        }
    }

    /// Whether taking an event away needs a look at the others of its bucket.
    pub(crate) const fn compares(self) -> bool {
        matches!(self, Self::Max | Self::Last | Self::Unique)
    }

    /// The number of a bucket; none where nothing was reported.
    pub fn of(self, totals: &Totals) -> Option<Amount> {
        match self {
            Self::Count => Some(Amount::whole(totals.count)),
            Self::Sum | Self::WeightedSum => Some(totals.sum),
            Self::Max => totals.max,
            Self::Last => totals.last,
            Self::Unique => Some(Amount::whole(totals.uniques)),
        }
    }
}

/// The name of a metric: 1 to 63 of `a` to `z`, `0` to `9` and `_`, a letter first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricName(Cow<'static, str>);

/// It cannot be declared so.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
pub enum InvalidMetric {
    /// The name.
    #[error("must be 1 to 63 of a-z, 0-9 and _, a letter first")]
    Name,
    /// A built-in metric has it.
    #[error("is the name of a built-in metric")]
    BuiltIn,
    /// The unit.
    #[error("must be 1 to 32 characters")]
    Unit,
    /// Too many dimensions, or one twice.
    #[error("must be at most 8 different names of 1 to 63 of a-z, 0-9 and _, a letter first")]
    Dimensions,
    /// The bound.
    #[error("must be from 1 to 10000")]
    Series,
}

impl MetricName {
    pub(super) const fn built_in(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=63).contains(&text.len()) && text.bytes().all(allowed) && text.as_bytes()[0].is_ascii_lowercase()
}

impl FromStr for MetricName {
    type Err = InvalidMetric;
    fn from_str(text: &str) -> Result<Self, InvalidMetric> {
        match BuiltIn::from_name(text) {
            Some(built_in) => Ok(built_in.into()),
            None if is_name(text) => Ok(Self(Cow::Owned(text.to_owned()))),
            None => Err(InvalidMetric::Name),
        }
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl Serialize for MetricName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for MetricName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
impl utoipa::PartialSchema for MetricName {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[a-z][a-z0-9_]{0,62}$"))
            .examples(["api_calls"])
            .into()
    }
}
impl utoipa::ToSchema for MetricName {}

/// Something that is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// What it is called.
    pub name: MetricName,
    /// How events become one number.
    pub aggregation: Aggregation,
    /// What the number is of.
    pub unit: String,
    /// What its events may be told apart by.
    pub dimensions: Vec<String>,
    /// So many combinations of dimensions are kept apart in a month (UTC); what comes after counts as `other`.
    pub series: u32,
}

impl Metric {
    /// Combinations that are kept apart where nothing else is declared.
    pub const SERIES: u32 = 1000;
}

/// A metric that a tenant wants to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMetric(Metric);

impl NewMetric {
    /// Checks everything; every wrong field is reported.
    pub fn new(
        name: &str,
        aggregation: Aggregation,
        unit: &str,
        dimensions: Vec<String>,
        series: Option<u32>,
    ) -> Result<Self, Vec<FieldError>> {
        let series = series.unwrap_or(Metric::SERIES);
        let mut errors = Vec::new();
        let mut wrong = |field: &str, error: InvalidMetric| {
            errors.push(FieldError::new(format!("/{field}"), error.to_string()));
        };
        let parsed = name.parse::<MetricName>();
        if BuiltIn::from_name(name).is_some() {
            wrong("name", InvalidMetric::BuiltIn);
        } else if let Err(error) = parsed {
            wrong("name", error);
        }
        let length = unit.chars().count();
        if !(1..=32).contains(&length) || unit.contains('\0') {
            wrong("unit", InvalidMetric::Unit);
        }
        let twice = |at: usize| dimensions[..at].contains(&dimensions[at]);
        if dimensions.len() > 8 || (0..dimensions.len()).any(|at| twice(at) || !is_name(&dimensions[at])) {
            wrong("dimensions", InvalidMetric::Dimensions);
        }
        if !(1..=10_000).contains(&series) {
            wrong("series", InvalidMetric::Series);
        }
        match parsed {
            Ok(name) if errors.is_empty() => Ok(Self(Metric {
                name,
                aggregation,
                unit: unit.to_owned(),
                dimensions,
                series,
            })),
            _ => Err(errors),
        }
    }

    /// What it would be.
    pub const fn metric(&self) -> &Metric {
        &self.0
    }
}
