//! The outbox of a tenant's store. An item is written in the transaction of the change it tells of; the
//! [relay](crate::relay) takes it to the control plane.
//!
//! Order: items of one tenant arrive in the order of `seq`. A transaction that could see another's item has a
//! higher `seq`, so effects never arrive before their causes; two transactions that ran at the same time without
//! touching the same rows have no order, here as in the database.

use isolation::{TenantTx, Tx};
use kernel::TenantId;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// One thing that the control plane has to hear.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Makes arriving twice the same as arriving once.
    pub id: Uuid,
    /// Whose store it comes from.
    pub tenant: TenantId,
    /// Which [`Receiver`](crate::Receiver) it is for.
    pub kind: String,
    /// What the receiver understands.
    pub payload: Value,
}

/// Leaves an item for the receiver of this kind.
pub async fn append<P: Serialize + Sync>(
    tx: &mut TenantTx,
    kind: &str,
    id: Uuid,
    payload: &P,
) -> Result<(), sqlx::Error> {
    let payload = serde_json::to_value(payload).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let (tenant, now) = (tx.tenant_id(), tx.now());
    sqlx::query!(
        "insert into outbox (tenant_id, id, kind, payload, created_at) values ($1, $2, $3, $4, $5)",
        tenant as _,
        id,
        kind,
        payload,
        now as _
    )
    .execute(tx.conn())
    .await?;
    tx.leave_news();
    Ok(())
}
