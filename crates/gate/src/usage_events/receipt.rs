//! What a caller is told of the events that he sent.

use edge::ProblemResponse;
use kernel::{Code, FieldError, Problem};
use metering::events::{Reason, Receipt, Refused};
use serde::Serialize;
use utoipa::ToSchema;

/// Refused events that are told of one by one.
const MOST_TOLD: usize = 10_000;

/// What became of the events.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "accepted": 2, "duplicates": 1, "refused": 1,
    "errors": [{"index": 3, "id": "job-4711", "code": "too_old", "detail": "time: more than 35 days ago"}]
}))]
pub struct EventReceipt {
    /// Events that are counted now.
    accepted: u64,
    /// Events that were counted before.
    duplicates: u64,
    /// Events that are not counted.
    refused: u64,
    /// Which were refused, and why: of a stream the first 10,000.
    errors: Vec<RefusedEvent>,
}

/// An event that is not counted.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedEvent {
    /// Its place among the events that were sent, from 0.
    index: u64,
    /// Its id, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Why, as a stable name.
    code: Reason,
    /// What exactly, for people.
    detail: String,
}

impl EventReceipt {
    /// Adds what became of a portion; `index` says which event of all an index of the portion means.
    pub fn add(&mut self, receipt: Receipt, index: impl Fn(usize) -> u64) {
        self.accepted += receipt.accepted as u64;
        self.duplicates += receipt.duplicates as u64;
        for refused in receipt.refused {
            let place = index(refused.index);
            self.refuse(place, refused);
        }
    }

    /// Adds an event that was refused before it came to counting.
    pub fn refuse(&mut self, index: u64, refused: Refused) {
        self.refused += 1;
        if self.errors.len() < MOST_TOLD {
            self.errors.push(RefusedEvent {
                index,
                id: refused.id,
                code: refused.refusal.reason,
                detail: refused.refusal.detail,
            });
        }
    }

    /// Puts the refusals into the order of the events.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.errors.sort_by_key(|error| error.index);
        self
    }

    /// Of one event that was refused, why: as the refusal of the request.
    pub fn refusal(&self) -> Option<Problem> {
        let refused = self.errors.first()?;
        let reason = serde_json::to_value(refused.code).unwrap_or_default();
        Some(Problem {
            code: Code::ValidationFailed,
            detail: format!(
                "The event is not counted: `{}`.",
                reason.as_str().unwrap_or_default()
            ),
            errors: vec![refused.field()],
        })
    }

    /// What a caller is told whose stream ended before its end.
    pub fn cut_off(&self, problem: Problem) -> ProblemResponse {
        let told = serde_json::to_value(self).unwrap_or_default();
        ProblemResponse::from(problem).with_member("receipt", told)
    }
}

impl RefusedEvent {
    /// What is wrong with it as a refusal of fields: the detail begins with the member that it is about.
    fn field(&self) -> FieldError {
        let named = self.detail.split_once(": ").filter(|(member, _)| {
            member
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
        });
        match named {
            Some((member, detail)) => FieldError::new(format!("/{}", member.replace('.', "/")), detail),
            None => FieldError::new("", self.detail.clone()),
        }
    }
}
