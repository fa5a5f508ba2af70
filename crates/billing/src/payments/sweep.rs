//! What recurs: attempts and refunds whose job gave up are taken up again, and what is old is removed.

use std::time::Duration;

use isolation::{PlatformCtx, Tx};
use jobs::JobError;
use jobs::schedule::Schedule;

use super::calls::hours_before;
use super::{attempts, inbox, refunds};

/// A job's back-off grows to six hours and a quarter of that; whoever was not looked at for longer has no job.
const NOBODY_LOOKS_HOURS: i64 = 8;
/// Webhooks and finished calls are kept for so long, to look things up in.
const KEPT_DAYS: i64 = 90;

pub(super) fn scheduled(schedule: Schedule) -> Schedule {
    schedule
        .every("billing.unsettled", Duration::from_mins(10), unsettled)
        .every("billing.prune", Duration::from_hours(12), prune)
}

async fn unsettled(ctx: PlatformCtx) -> Result<(), JobError> {
    let mut tx = ctx.control().await?;
    let before = hours_before(tx.now(), NOBODY_LOOKS_HOURS);
    attempts::overdue(&mut tx, before).await?;
    refunds::overdue(&mut tx, before).await?;
    inbox::overdue(&mut tx, before).await?;
    Ok(tx.commit().await?)
}

async fn prune(ctx: PlatformCtx) -> Result<(), JobError> {
    let mut tx = ctx.control().await?;
    let before = tx.now().plus_days(-KEPT_DAYS);
    sqlx::query!(
        "delete from control.provider_calls where settled_at < $1 and operation <> 'create_customer'",
        before as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from control.provider_events where received_at < $1 and status <> 'received'",
        before as _
    )
    .execute(tx.conn())
    .await?;
    Ok(tx.commit().await?)
}
