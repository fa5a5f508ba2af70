//! Partitions: made before they are needed, dropped when nobody may need them.

use std::time::Duration;

use isolation::{PlatformCtx, Tx};
use kernel::Timestamp;

/// How long roll-ups and alerts are kept, in days. Months are kept as long as the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Hours, performance by the hour, and who was counted.
    pub hours: u32,
    /// Days, and alerts.
    pub days: u32,
    /// Events. At least 35 days after their generation was closed, whatever is said here.
    pub events: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            hours: super::LEAST_DAYS,
            days: 1865,
            events: 400,
        }
    }
}

/// Days for which an event is recognised when it comes again.
pub(crate) const RECOGNISED_DAYS: i64 = 35;

/// Makes what may be written to now: the partitions of roll-ups from the latest event that may come to 40 days ahead,
/// and a generation of events that is not older than the deduplication window. To be called at start and daily; however
/// long nobody called it, one call is enough.
pub async fn ensure(ctx: &PlatformCtx) -> Result<(), sqlx::Error> {
    let mut tx = ctx.control().await?;
    let now = tx.now();
    sqlx::query!("select control.ensure_usage_partitions($1)", now as _)
        .execute(tx.conn())
        .await?;
    tx.commit().await?;
    open_generation(ctx, now.plus_days(-RECOGNISED_DAYS), None)
        .await
        .map(drop)
}

/// Opens the next generation if the newest was opened before `due`, or has more than so many bytes of indexes.
pub(crate) async fn open_generation(
    ctx: &PlatformCtx,
    due: Timestamp,
    most: Option<i64>,
) -> Result<bool, sqlx::Error> {
    let mut tx = ctx.control().await?;
    let now = tx.now();
    let opened = sqlx::query_scalar!(
        r#"select control.open_usage_generation($1, $2, $3) as "opened!""#,
        now as _,
        due as _,
        most
    )
    .fetch_one(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(opened)
}

/// Drops what nobody may need any more, and says how many partitions that were.
pub async fn drop_expired(ctx: &PlatformCtx, retention: Retention) -> Result<u32, sqlx::Error> {
    let now = ctx.seams().now();
    let before = |days: u32| now.plus_days(-i64::from(days));
    let mut dropped = 0;
    for (parent, days) in [
        ("usage_hours", retention.hours),
        ("usage_performance", retention.hours),
        ("usage_members", retention.hours),
        ("usage_days", retention.days),
        ("usage_periods", retention.days),
    ] {
        let mut tx = ctx.control().await?;
        dropped += sqlx::query_scalar!(
            r#"select control.drop_usage_partitions($1, $2) as "dropped!""#,
            parent,
            before(days) as _
        )
        .fetch_one(tx.conn())
        .await?;
        tx.commit().await?;
    }
    let events = i64::from(retention.events).max(RECOGNISED_DAYS);
    let mut tx = ctx.control().await?;
    dropped += sqlx::query_scalar!(
        r#"select control.drop_usage_generations($1) as "dropped!""#,
        now.plus_days(-events) as _
    )
    .fetch_one(tx.conn())
    .await?;
    forget_flushes(&mut tx).await?;
    forget_alerts(&mut tx, before(retention.days)).await?;
    tx.commit().await?;
    Ok(u32::try_from(dropped).unwrap_or(0))
}

/// An alert is as old as the days that it tells of.
async fn forget_alerts(tx: &mut isolation::ControlTx, before: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from control.usage_alerts where raised_at < $1",
        before as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A process that did not write for so long is not the one that will ask about its last batch.
async fn forget_flushes(tx: &mut isolation::ControlTx) -> Result<(), sqlx::Error> {
    let now = tx.now();
    let age = i64::try_from(Duration::from_hours(24 * 7).as_secs()).unwrap_or(0);
    sqlx::query!(
        "delete from control.usage_flushes where at < $1::timestamptz - make_interval(secs => $2::bigint)",
        now as _,
        age
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
