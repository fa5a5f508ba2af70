//! A delivery.

use kernel::{Entity, Id, Timestamp};
use serde::{Deserialize, Serialize};

use crate::endpoints::EndpointId;
use crate::event::EventId;

/// Marker of deliveries.
#[derive(Debug)]
pub enum DeliveryEntity {}
impl Entity for DeliveryEntity {
    const PREFIX: &'static str = "delivery";
}
/// A delivery's identifier.
pub type DeliveryId = Id<DeliveryEntity>;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
#[schema(as = WebhookDeliveryStatus)]
pub enum DeliveryStatus {
    /// An attempt is to come.
    Pending,
    /// The endpoint took it.
    Delivered,
    /// No attempt is to come.
    Failed,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookAttempt)]
pub struct Attempt {
    /// Which one since it was made or last replayed, from 1.
    pub number: i32,
    /// When.
    pub at: Timestamp,
    /// What the endpoint answered; absent where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Milliseconds until then.
    pub latency_ms: u32,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How the answer began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
}

/// What is sent to one endpoint about one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDelivery)]
pub struct Delivery {
    /// Which one.
    pub id: DeliveryId,
    /// To which endpoint.
    pub webhook_id: EndpointId,
    /// About which event: what receivers get as `webhook-id`.
    pub event_id: EventId,
    /// Of which type.
    #[schema(example = "usage.alert")]
    pub event_type: String,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// Attempts since it was made or last replayed.
    pub attempts: i32,
    /// When the next one is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Timestamp>,
    /// The last twenty attempts, oldest first.
    pub history: Vec<Attempt>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When something last became of it.
    pub updated_at: Timestamp,
}

/// Which deliveries to list; what is left out does not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// That stand here.
    pub status: Option<DeliveryStatus>,
}
