//! What can happen, and saying so.

use isolation::{ControlTx, Tx};
use kernel::{Entity, Id, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Marker of events.
#[derive(Debug)]
pub enum EventEntity {}
impl Entity for EventEntity {
    const PREFIX: &'static str = "event";
}
/// An event's identifier: the same in every delivery, so that receivers recognise what they know.
pub type EventId = Id<EventEntity>;

macro_rules! event_types {
    ($($variant:ident = $name:literal, $about:literal;)*) => {
        /// What can happen. Types are added, never renamed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum EventType { $(#[doc = $about] #[serde(rename = $name)] $variant),* }
        impl EventType {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The stable name.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name),* } }
            /// What it means, for people.
            pub const fn description(self) -> &'static str { match self { $(Self::$variant => $about),* } }
        }
    };
}

event_types! {
    UsageAlert = "usage.alert", "A use reached a threshold of its limit.";
    EndpointDisabled = "webhook.disabled", "An endpoint was disabled, because nothing got through to it or it was gone.";
    Test = "webhook.test", "Somebody asked for it, to see whether it arrives.";
}

impl utoipa::PartialSchema for EventType {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("What can happen. Types are added, never renamed."))
            .enum_values(Some(Self::ALL.iter().map(|kind| kind.name())))
            .into()
    }
}
impl utoipa::ToSchema for EventType {
    fn name() -> std::borrow::Cow<'static, str> {
        "WebhookEventType".into()
    }
}

impl EventType {
    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.name() == name)
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What.
    pub kind: EventType,
    /// To which tenant: its endpoints hear of it, and the platform's; of none, only the platform's.
    pub tenant: Option<TenantId>,
    /// The rest, as the type's documentation describes it.
    pub data: Value,
}

/// The body as it is sent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: EventType,
    timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<TenantId>,
    data: &'a Value,
}

/// Has everybody told who hears of it, once the transaction commits.
pub async fn publish(tx: &mut ControlTx, event: &Event) -> Result<EventId, sqlx::Error> {
    insert(tx, event, event.tenant, false).await
}

/// Keeps an event that belongs to `owner`; one that is not spread goes to nobody by itself.
pub(crate) async fn insert(
    tx: &mut ControlTx,
    event: &Event,
    owner: Option<TenantId>,
    spread: bool,
) -> Result<EventId, sqlx::Error> {
    let (id, now) = (tx.new_id(), tx.now());
    let body = Body {
        kind: event.kind,
        timestamp: now,
        tenant_id: event.tenant,
        data: &event.data,
    };
    let body = serde_json::to_string(&body).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query!(
        "insert into control.webhook_events (id, tenant_id, type, body, spread, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        id as _,
        owner as _,
        event.kind.name(),
        body,
        spread,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(id)
}
