//! Endpoints that nothing gets through to.

use audit::EventType;
use isolation::{ControlTx, Tx};
use jobs::{Job, Queue};
use kernel::TenantId;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::model::{Endpoint, EndpointId, Reason, Status};
use super::ops::{about, host};
use super::sql;
use crate::event::{self, Event};

/// Whoever is in charge of the endpoint is to be told. Handled above, where people are known.
#[derive(Debug, Serialize, Deserialize)]
pub struct EndpointDisabled {
    /// Which endpoint.
    pub endpoint: EndpointId,
    /// Whose; none for the platform's.
    pub tenant: Option<TenantId>,
    /// The host that it is at.
    pub host: String,
    /// Why.
    pub reason: Reason,
}

impl Job for EndpointDisabled {
    const KIND: &'static str = "webhooks.disabled";
    fn tenant(&self) -> Option<TenantId> {
        self.tenant
    }
}

/// Disables an endpoint, unless it is disabled already, and has everybody told.
pub(crate) async fn disable(
    tx: &mut ControlTx,
    owner: Option<TenantId>,
    id: EndpointId,
    reason: Reason,
) -> Result<(), sqlx::Error> {
    let active = sql::lock(tx, owner, id).await?;
    let Some(endpoint) = active.filter(|endpoint| endpoint.status == Status::Active) else {
        return Ok(());
    };
    let endpoint = Endpoint {
        status: Status::Disabled,
        disabled_reason: Some(reason),
        version: endpoint.version + 1,
        updated_at: tx.now(),
        ..endpoint
    };
    sql::save(tx, &endpoint).await?;
    sql::fail_pending(tx, id).await?;
    let event = about(EventType::WebhookDisabled, &endpoint).meta("reason", reason.name());
    audit::record(tx, event).await?;
    let host = host(&endpoint.url).unwrap_or_default();
    let data = json!({"webhookId": id, "host": host, "reason": reason});
    let kind = event::EventType::EndpointDisabled;
    event::publish(
        tx,
        &Event {
            kind,
            tenant: owner,
            data,
        },
    )
    .await?;
    tx.enqueue(&EndpointDisabled {
        endpoint: id,
        tenant: owner,
        host,
        reason,
    })
    .await?;
    Ok(())
}
