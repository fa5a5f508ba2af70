//! The plans that there are.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{self, ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::features::{Feature, Features};
use super::limits::Limits;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    toml::from_str(include_str!("plans.toml")).expect("a test reads the embedded catalogue")
});

/// The plans that there are.
pub fn catalogue() -> &'static Catalogue {
    &CATALOGUE
}

/// Every plan, cheapest first.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Catalogue {
    /// Raised with every change of the catalogue.
    pub version: u32,
    /// Cheapest first.
    pub plans: Vec<Plan>,
}

impl Catalogue {
    /// The cheapest plan that opens this.
    pub fn cheapest_with(&self, feature: Feature) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.features.contains(feature))
    }
}

/// What a tenant can be on.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Its stable name.
    #[serde(deserialize_with = "leaked")]
    pub id: PlanId,
    /// What people call it.
    pub name: String,
    /// Days to try it without paying; none on a plan that costs nothing.
    pub trial_days: i64,
    /// What it opens.
    pub features: Features,
    /// How much it allows.
    pub limits: Limits,
}

/// The catalogue's own entries define which identifiers exist, and live as long as the process.
fn leaked<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PlanId, D::Error> {
    Ok(PlanId(String::deserialize(deserializer)?.leak()))
}

/// The stable name of a plan that is in the catalogue.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlanId(&'static str);

/// The catalogue has no plan of this name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("is not a known plan")]
pub struct UnknownPlan;

impl PlanId {
    /// The name itself.
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// What the catalogue says about it.
    pub fn plan(self) -> &'static Plan {
        let found = CATALOGUE.plans.iter().find(|plan| plan.id == self);
        found.expect("an identifier is only made from a plan of the catalogue")
    }
}

impl FromStr for PlanId {
    type Err = UnknownPlan;
    fn from_str(name: &str) -> Result<Self, UnknownPlan> {
        let found = CATALOGUE.plans.iter().find(|plan| plan.id.0 == name);
        found.map(|plan| plan.id).ok_or(UnknownPlan)
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
impl fmt::Debug for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for PlanId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}
impl<'de> Deserialize<'de> for PlanId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

impl Type<Postgres> for PlanId {
    fn type_info() -> PgTypeInfo {
        <str as Type<Postgres>>::type_info()
    }
    fn compatible(found: &PgTypeInfo) -> bool {
        <str as Type<Postgres>>::compatible(found)
    }
}
impl Encode<'_, Postgres> for PlanId {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <&str as Encode<Postgres>>::encode_by_ref(&self.0, buf)
    }
}
impl<'r> Decode<'r, Postgres> for PlanId {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let name = <&str as Decode<Postgres>>::decode(value)?;
        name.parse()
            .map_err(|_| format!("the catalogue has no plan `{name}`").into())
    }
}

impl PartialSchema for PlanId {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(schema::Type::String)
            .enum_values(Some(CATALOGUE.plans.iter().map(|plan| plan.id.0)))
            .into()
    }
}
impl ToSchema for PlanId {}
