//! What is counted: the metrics that every tenant has, and those that a tenant declared.
//!
//! Invariants: a name means one metric for ever (a declared metric can change its unit and its bound, not how it is
//! aggregated); a metric has at most eight dimensions, each declared; an event cannot name others.
//!
//! What may not enter: limits (quotas) and prices.

mod built_in;
mod model;
mod ops;

pub use built_in::BuiltIn;
pub use model::{Aggregation, InvalidMetric, Kind, Metric, MetricName, NewMetric};
pub use ops::{DeclareError, declare, declared, known, remove};
