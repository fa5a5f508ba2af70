//! An endpoint.

use std::time::Duration;

use kernel::{Entity, FieldError, Id, TenantId, Timestamp, Validate};
use serde::{Deserialize, Serialize};

use crate::event::EventType;

/// Marker of endpoints.
#[derive(Debug)]
pub enum WebhookEntity {}
impl Entity for WebhookEntity {
    const PREFIX: &'static str = "webhook";
}
/// An endpoint's identifier.
pub type EndpointId = Id<WebhookEntity>;

/// Whether it is delivered to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = WebhookStatus)]
pub enum Status {
    /// It is.
    Active,
    /// It is not, and nothing is kept for it.
    Disabled,
}

/// Why an endpoint is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = WebhookDisabledReason)]
pub enum Reason {
    /// Its owner wants it so.
    Owner,
    /// Nothing got through for three days.
    Failing,
    /// It answered 410.
    Gone,
}

impl Reason {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Failing => "failing",
            Self::Gone => "gone",
        }
    }
}

/// Somebody who hears of what happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Webhook)]
pub struct Endpoint {
    /// Which one.
    pub id: EndpointId,
    /// Whose; absent where it is the platform's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<TenantId>,
    /// Where deliveries go.
    #[schema(example = "https://hooks.example.com/tenantry")]
    pub url: String,
    /// What it is for.
    #[schema(example = "Alerts to the operations channel")]
    pub description: String,
    /// The types that it hears of; none: all.
    pub event_types: Vec<EventType>,
    /// Whether it is delivered to.
    pub status: Status,
    /// Why it is disabled, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<Reason>,
    /// Since when nothing got through; absent while something does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Until when the secret before the present one signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former_secret_until: Option<Timestamp>,
    /// Counts the changes of the record.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An endpoint that is asked for.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewWebhook, example = json!({"url": "https://hooks.example.com/tenantry", "eventTypes": ["usage.alert"]}))]
pub struct NewEndpoint {
    /// Where deliveries go: `https`, a public address, port 443 or one from 1024 on.
    #[schema(max_length = 2048)]
    pub url: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub description: String,
    /// The types that it hears of; none: all, also those to come.
    #[serde(default)]
    pub event_types: Vec<EventType>,
}

impl Validate for NewEndpoint {
    fn check(&self, errors: &mut Vec<FieldError>) {
        check_description(&self.description, errors);
        check_types(&self.event_types, errors);
    }
}

/// What is to be changed; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = PatchWebhook, example = json!({"status": "disabled"}))]
pub struct PatchEndpoint {
    /// Where deliveries go.
    #[schema(max_length = 2048)]
    pub url: Option<String>,
    /// What it is for.
    #[schema(max_length = 200)]
    pub description: Option<String>,
    /// The types that it hears of; none: all.
    pub event_types: Option<Vec<EventType>>,
    /// Whether it is delivered to. What waits for one that is disabled fails, and can be replayed later.
    pub status: Option<Status>,
}

impl Validate for PatchEndpoint {
    fn check(&self, errors: &mut Vec<FieldError>) {
        if let Some(description) = &self.description {
            check_description(description, errors);
        }
        if let Some(types) = &self.event_types {
            check_types(types, errors);
        }
    }
}

fn check_description(text: &str, errors: &mut Vec<FieldError>) {
    if text.chars().count() > 200 || text.chars().any(char::is_control) {
        errors.push(FieldError::new(
            "/description",
            "must be one line of at most 200 characters",
        ));
    }
}

fn check_types(types: &[EventType], errors: &mut Vec<FieldError>) {
    if (1..types.len()).any(|at| types[..at].contains(&types[at])) {
        errors.push(FieldError::new("/eventTypes", "must be different"));
    }
}

/// How long the secret before a rotation signs too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap(Duration);

impl Overlap {
    /// At most 30 days.
    pub fn of(span: Duration) -> Option<Self> {
        (span <= Duration::from_hours(30 * 24)).then_some(Self(span))
    }

    pub(super) fn end(self, now: Timestamp) -> Timestamp {
        now.plus(self.0)
    }
}

impl Default for Overlap {
    /// A day.
    fn default() -> Self {
        Self(Duration::from_hours(24))
    }
}
