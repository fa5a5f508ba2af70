//! Usage that is reported over HTTP, by tenants and by operators alike: CloudEvents 1.0 in their JSON format, one, a
//! batch, or a stream of lines.
//!
//! What comes is read in [portions](Portions) of at most [`BATCH`] events, so that memory is bounded however long the
//! stream is; one event or a batch is one portion. Each portion is counted in a transaction of its own, the last one
//! together with the answer that is kept under the caller's key. A stream that is cut off has counted the portions
//! before; sent again from its beginning, these are duplicates and the rest is counted.

mod format;
mod lines;
mod portions;
mod receipt;

use isolation::{ControlTx, TenantCtx};
use kernel::{Code, TenantId};
use metering::Metering;
use metering::events::{BATCH, CloudEvent, Ingested, Reading, Receipt, Refusal, ingest};

use edge::ProblemResponse;

use crate::failure::unexpected;

pub use format::{EventBatch, EventLines, EventsBody};
pub use portions::{Portion, Portions};
pub use receipt::{EventReceipt, RefusedEvent};

/// An event as it was read, or why it is none.
pub type ReadEvent = Result<CloudEvent, Refusal>;

/// Counts these events in a transaction of the tenant's own.
pub async fn count(
    metering: &Metering,
    ctx: &TenantCtx,
    events: Vec<ReadEvent>,
) -> Result<Receipt, ProblemResponse> {
    let mut tx = ctx.control().await.map_err(unexpected)?;
    let ingested = count_in(metering, &mut tx, ctx.tenant_id(), events).await?;
    tx.commit().await.map_err(unexpected)?;
    Ok(observed(metering, ctx.tenant_id(), ingested))
}

/// Counts these events in a transaction that the caller commits; [`observed`] is to be called after that.
pub async fn count_in(
    metering: &Metering,
    tx: &mut ControlTx,
    tenant: TenantId,
    events: Vec<ReadEvent>,
) -> Result<Ingested, ProblemResponse> {
    debug_assert!(events.len() <= BATCH, "portions are no longer");
    let counted = ingest(tx, metering.filters(), tenant, Reading(events)).await;
    counted.map_err(|error| match error {
        // Two corrections at one moment. Nothing is counted, and the next attempt is told what is wrong.
        sqlx::Error::Protocol(_) => Code::Overloaded.into(),
        error => unexpected(error),
    })
}

/// Tells the tenant's quotas what is counted and committed.
pub fn observed(metering: &Metering, tenant: TenantId, ingested: Ingested) -> Receipt {
    metering.observe(&ingested.counted);
    if ingested.compared {
        metering.refresh(tenant);
    }
    ingested.receipt
}
