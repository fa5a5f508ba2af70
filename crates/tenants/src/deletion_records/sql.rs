//! The statements on `control.deletion_records`.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::TenantId;

use super::model::SignedDeletionRecord;

/// Keeps the record. A removal that is repeated after a crash keeps the first one and records nothing more.
pub async fn insert(
    tx: &mut ControlTx,
    tenant: TenantId,
    record: &SignedDeletionRecord,
) -> Result<(), sqlx::Error> {
    let now = tx.now();
    let inserted = sqlx::query!(
        "insert into control.deletion_records (tenant_id, record, signature, created_at) values ($1, $2, $3, $4)
         on conflict (tenant_id) do nothing",
        tenant as _,
        record.text,
        &record.signature[..],
        now as _
    )
    .execute(tx.conn())
    .await?;
    if inserted.rows_affected() == 1 {
        let event = Event::new(EventType::DeletionRecorded)
            .of_tenant(tenant)
            .resource(tenant, None);
        audit::record(tx, event).await?;
    }
    Ok(())
}

/// The record of a removed tenant. Verify it before believing it.
pub async fn get(tx: &mut ControlTx, tenant: TenantId) -> Result<Option<SignedDeletionRecord>, sqlx::Error> {
    let row = sqlx::query!(
        "select record, signature from control.deletion_records where tenant_id = $1",
        tenant as _
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        let signature = <[u8; 64]>::try_from(row.signature)
            .map_err(|_| sqlx::Error::Decode("a signature is not of 64 bytes".into()))?;
        Ok(SignedDeletionRecord {
            text: row.record,
            signature,
        })
    })
    .transpose()
}
