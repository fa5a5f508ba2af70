//! Why an event is not counted.

use serde::Serialize;

/// Why, as a stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It is not a CloudEvent that could be counted.
    Invalid,
    /// It happened more than 35 days ago.
    TooOld,
    /// It is said to happen more than 5 minutes from now.
    InFuture,
    /// It is said to be of a tenant that it cannot be of.
    UnknownTenant,
    /// The tenant has no such metric.
    UnknownMetric,
    /// The platform measures the metric itself.
    Measured,
    /// The metric has no such dimension.
    UnknownDimension,
    /// What it corrects is not known, or not any more.
    UnknownOriginal,
    /// What it corrects was corrected before: correct the correction.
    AlreadyCorrected,
    /// What it corrects cannot be corrected.
    NotCorrectable,
}

/// Why, and what exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// What exactly, for people.
    pub detail: String,
}

impl Refusal {
    /// For this reason.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

/// An event that is not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Refused {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// Its id, where it could be read.
    pub id: Option<String>,
    /// Why.
    #[serde(flatten)]
    pub refusal: Refusal,
}
