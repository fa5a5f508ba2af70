//! The end of events: each is kept for as long as its type asks, and no longer.

use isolation::{PlatformCtx, Tx};

/// Events that are removed in one transaction.
const BATCH: i32 = 5_000;

/// Removes what has expired: whole months where nothing is left to be kept, else event by event. What may be removed
/// is decided by the database: the product could not remove any other event. Answers how many events were removed one
/// by one.
pub async fn remove_expired(ctx: PlatformCtx) -> Result<i64, sqlx::Error> {
    while drop_month(&ctx).await? {}
    let mut removed = 0;
    loop {
        let batch = remove_batch(&ctx).await?;
        removed += batch;
        if batch < i64::from(BATCH) {
            return Ok(removed);
        }
    }
}

async fn drop_month(ctx: &PlatformCtx) -> Result<bool, sqlx::Error> {
    let mut tx = ctx.control().await?;
    let dropped = sqlx::query_scalar!(r#"select control.drop_expired_audit_month() as "dropped!""#)
        .fetch_one(tx.conn())
        .await?;
    tx.commit().await?;
    Ok(dropped)
}

async fn remove_batch(ctx: &PlatformCtx) -> Result<i64, sqlx::Error> {
    let mut tx = ctx.control().await?;
    let removed = sqlx::query_scalar!(
        r#"select control.remove_expired_audit_events($1) as "removed!""#,
        BATCH
    )
    .fetch_one(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(removed)
}
