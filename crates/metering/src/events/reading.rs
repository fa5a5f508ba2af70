//! Events as they are sent.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Number, Value};

use super::refusal::{Reason, Refusal};

/// A CloudEvent 1.0 in its JSON format. Extension attributes are allowed and not read.
#[derive(Debug, Clone, PartialEq, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({
    "specversion": "1.0", "id": "job-4711", "source": "/workers/7", "type": "compute_time",
    "data": {"value": 12.5, "dimensions": {"region": "eu"}}
}))]
pub struct CloudEvent {
    /// `1.0`.
    pub specversion: String,
    /// Unique within the source.
    pub id: String,
    /// Where it comes from.
    pub source: String,
    /// The metric that it is about.
    #[serde(rename = "type")]
    pub metric: String,
    /// When it happened (RFC 3339); now, where it does not say.
    #[serde(default)]
    pub time: Option<String>,
    /// The tenant; needed only from callers that are not a tenant themselves.
    #[serde(default)]
    pub subject: Option<String>,
    /// What is to be counted.
    #[serde(default)]
    pub data: Data,
}

/// What is to be counted.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// How much.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub value: Option<Number>,
    /// What the value is multiplied with, for weighted sums.
    #[serde(default)]
    #[schema(value_type = Option<f64>)]
    pub weight: Option<Number>,
    /// Who or what was there, for metrics that count distinct members.
    #[serde(default)]
    pub member: Option<String>,
    /// What it is told apart by.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    /// The id of the event of the same source in whose place this one is to be counted.
    #[serde(default)]
    pub amends: Option<String>,
    /// The id of the event of the same source that is not to be counted any more.
    #[serde(default)]
    pub revokes: Option<String>,
}

/// A batch as it was read: each event, or why it is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading(pub Vec<Result<CloudEvent, Refusal>>);

impl Reading {
    /// Reads one event or an array of them; an error says that it is neither.
    pub fn of(json: &[u8]) -> Result<Self, serde_json::Error> {
        // Nearly every batch has nothing wrong with it; only others are taken apart.
        if let Ok(events) = serde_json::from_slice::<Vec<CloudEvent>>(json) {
            return Ok(Self(events.into_iter().map(Ok).collect()));
        }
        Ok(match serde_json::from_slice(json)? {
            Value::Array(events) => Self(events.into_iter().map(read).collect()),
            event => Self(vec![read(event)]),
        })
    }

    /// Reads one line of an NDJSON stream; none where it is blank.
    pub fn line(json: &[u8]) -> Option<Result<CloudEvent, Refusal>> {
        if json.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        Some(serde_json::from_slice(json).map_err(|error| invalid(&error)))
    }
}

fn read(value: Value) -> Result<CloudEvent, Refusal> {
    serde_json::from_value(value).map_err(|error| invalid(&error))
}

fn invalid(error: &serde_json::Error) -> Refusal {
    Refusal::new(Reason::Invalid, error.to_string())
}
