//! Webhooks over HTTP: what is asked for, what is shown once, and how failures become problems. Tenants' and the
//! platform's are alike.

use std::time::Duration;

use edge::ProblemResponse;
use kernel::{Code, FieldError, Problem, Secret, Timestamp, Validate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use webhooks::deliveries::DeliveryError;
use webhooks::endpoints::{Endpoint, EndpointError, MOST, Overlap};
use webhooks::event::EventType;

use crate::failure::unexpected;

/// An endpoint with its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookWithSecret)]
pub struct WithSecret {
    #[serde(flatten)]
    endpoint: Endpoint,
    /// What deliveries are signed with. It is shown in this answer and nowhere else.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=")]
    secret: String,
}

impl From<(Endpoint, Secret<String>)> for WithSecret {
    fn from((endpoint, secret): (Endpoint, Secret<String>)) -> Self {
        Self {
            endpoint,
            secret: secret.expose().clone(),
        }
    }
}

/// How a secret is replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WebhookRotation, example = json!({"overlapSeconds": 3600}))]
pub struct SecretRotation {
    /// Seconds that the secret before signs too: at most 30 days, one day unless given.
    #[schema(minimum = 0, maximum = 2_592_000)]
    overlap_seconds: Option<u32>,
}

impl SecretRotation {
    fn given(&self) -> Option<Duration> {
        self.overlap_seconds
            .map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// How long both secrets sign.
    pub fn overlap(&self) -> Overlap {
        self.given().and_then(Overlap::of).unwrap_or_default()
    }
}

impl Validate for SecretRotation {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if self.given().is_some_and(|span| Overlap::of(span).is_none()) {
            errors.push(FieldError::new("/overlapSeconds", "must be at most 2592000"));
        }
    }
}

/// Which failed deliveries are to be sent again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = WebhookReplay, example = json!({"since": "2026-03-05T00:00:00Z"}))]
pub struct Replay {
    /// Those that were made since then.
    pub since: Timestamp,
}
impl Validate for Replay {}

/// What is sent again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookReplayed)]
pub struct Replayed {
    /// So many deliveries.
    pub replayed: u64,
}

/// A type of events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEventTypeInfo)]
pub struct EventTypeInfo {
    /// Its name.
    pub name: EventType,
    /// What it means.
    pub description: &'static str,
}

/// The types of events there are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookEventTypes)]
pub struct EventTypes {
    /// Each of them.
    pub items: Vec<EventTypeInfo>,
}

impl EventTypes {
    /// Every one.
    pub fn all() -> Self {
        let info = |kind: &EventType| EventTypeInfo {
            name: *kind,
            description: kind.description(),
        };
        Self {
            items: EventType::ALL.iter().map(info).collect(),
        }
    }
}

/// How the failures of operations on endpoints become problems.
pub fn failed(error: EndpointError) -> ProblemResponse {
    match error {
        EndpointError::NotFound => Code::NotFound.into(),
        EndpointError::VersionMismatch => Code::PreconditionFailed.into(),
        EndpointError::Invalid(errors) => Problem::invalid(errors).into(),
        EndpointError::TooMany => {
            Problem::new(Code::Conflict, format!("There are {MOST} webhooks already.")).into()
        }
        EndpointError::Database(error) => unexpected(error),
    }
}

/// How the failures of operations on deliveries become problems.
pub fn not_delivered(error: DeliveryError) -> ProblemResponse {
    match error {
        DeliveryError::NotFound => Code::NotFound.into(),
        DeliveryError::Disabled => Problem::new(Code::Conflict, "The webhook is disabled.").into(),
        DeliveryError::Database(error) => unexpected(error),
    }
}
