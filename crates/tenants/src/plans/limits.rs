//! How much a plan allows.

use std::borrow::Cow;

use kernel::FieldError;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::overrides::{Name, Overrides, Patch};

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitName {
    /// People of the tenant.
    Users,
    /// Projects at one time.
    Projects,
    /// Bytes stored.
    StorageBytes,
    /// Calls of the API in a day (UTC).
    ApiCallsPerDay,
    /// Bytes moved in a calendar month (UTC).
    BandwidthBytesPerMonth,
    /// Days for which usage is kept by the hour and the day.
    UsageHistoryDays,
}

impl Name for LimitName {
    const ALL: &'static [Self] = &[
        Self::Users,
        Self::Projects,
        Self::StorageBytes,
        Self::ApiCallsPerDay,
        Self::BandwidthBytesPerMonth,
        Self::UsageHistoryDays,
    ];
    const KIND: &'static str = "limit";

    fn name(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Projects => "projects",
            Self::StorageBytes => "storageBytes",
            Self::ApiCallsPerDay => "apiCallsPerDay",
            Self::BandwidthBytesPerMonth => "bandwidthBytesPerMonth",
            Self::UsageHistoryDays => "usageHistoryDays",
        }
    }
}

/// A number that must not be exceeded, or none: -1 in JSON and in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Limit(i64);

/// The number is no limit.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be -1 for unlimited or from 0 to 9007199254740991")]
pub struct InvalidLimit;

impl Limit {
    /// No limit.
    pub const UNLIMITED: Self = Self(-1);
    /// The largest integer that every JSON reader keeps exact (RFC 8259 section 6).
    const MOST: i64 = (1 << 53) - 1;

    /// From its JSON form.
    pub fn new(number: i64) -> Result<Self, InvalidLimit> {
        if (-1..=Self::MOST).contains(&number) {
            Ok(Self(number))
        } else {
            Err(InvalidLimit)
        }
    }

    /// Its JSON form.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// The number that must not be exceeded; `None` is unlimited.
    pub fn at_most(self) -> Option<u64> {
        u64::try_from(self.0).ok()
    }

    /// Whether so much in all is within it.
    pub fn allows(self, total: u64) -> bool {
        self.at_most().is_none_or(|most| total <= most)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for Limit {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(-1))
            .maximum(Some(Self::MOST))
            .description(Some("-1 is unlimited."))
            .into()
    }
}
impl ToSchema for Limit {}

/// Everything that is limited, and by how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// People of the tenant.
    pub users: Limit,
    /// Projects at one time.
    pub projects: Limit,
    /// Bytes stored.
    pub storage_bytes: Limit,
    /// Calls of the API in a day (UTC).
    pub api_calls_per_day: Limit,
    /// Bytes moved in a calendar month (UTC).
    pub bandwidth_bytes_per_month: Limit,
    /// Days for which usage is kept by the hour and the day, and at most as long as the installation keeps it; never less
    /// than 402. By the month it is kept as long as the tenant.
    pub usage_history_days: Limit,
}

impl Limits {
    /// The limit of this name.
    pub const fn get(&self, name: LimitName) -> Limit {
        match name {
            LimitName::Users => self.users,
            LimitName::Projects => self.projects,
            LimitName::StorageBytes => self.storage_bytes,
            LimitName::ApiCallsPerDay => self.api_calls_per_day,
            LimitName::BandwidthBytesPerMonth => self.bandwidth_bytes_per_month,
            LimitName::UsageHistoryDays => self.usage_history_days,
        }
    }

    /// The same with a tenant's deviations.
    #[must_use]
    pub fn overridden(self, overrides: &LimitOverrides) -> Self {
        let limit = |name| overrides.get(name).unwrap_or_else(|| self.get(name));
        Self {
            users: limit(LimitName::Users),
            projects: limit(LimitName::Projects),
            storage_bytes: limit(LimitName::StorageBytes),
            api_calls_per_day: limit(LimitName::ApiCallsPerDay),
            bandwidth_bytes_per_month: limit(LimitName::BandwidthBytesPerMonth),
            usage_history_days: limit(LimitName::UsageHistoryDays),
        }
    }
}

/// One tenant's deviations from its plan's limits.
pub type LimitOverrides = Overrides<LimitName, Limit>;

/// A change of them.
pub type LimitPatch = Patch<LimitName, Limit>;

impl ToSchema for LimitPatch {
    fn name() -> Cow<'static, str> {
        "LimitPatch".into()
    }
}

impl LimitPatch {
    /// Reads `limits` of a request: a number replaces the plan's, `null` returns to it.
    pub fn from_json(
        base: &str,
        members: impl IntoIterator<Item = (String, Option<i64>)>,
    ) -> Result<Self, Vec<FieldError>> {
        Self::read(base, members, Limit::new)
    }
}
