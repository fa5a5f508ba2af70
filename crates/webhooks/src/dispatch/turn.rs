//! One endpoint's turn.

use std::time::Duration;

use futures_util::future::join_all;
use isolation::{PlatformCtx, Tx};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{AT_ONCE, Leased, attempt};
use crate::deliveries::DeliveryId;
use crate::service::Webhooks;

/// After so long nothing more is begun in a turn.
const LONGEST: Duration = Duration::from_secs(20);

/// Delivers what is due, until something fails, time is up, or nothing is due; then gives the endpoint back.
pub(super) async fn turn(webhooks: &Webhooks, ctx: &PlatformCtx, leased: Leased, stop: &CancellationToken) {
    let end = Instant::now() + LONGEST;
    while !stop.is_cancelled() && Instant::now() < end {
        match deliver_some(webhooks, ctx, leased).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                tracing::warn!(endpoint = %leased.endpoint, %error, "what became of deliveries could not be written down");
                break;
            }
        }
    }
    if let Err(error) = give_back(ctx, leased).await {
        tracing::warn!(endpoint = %leased.endpoint, %error, "an endpoint's lease has to run out");
    }
}

/// Whether everything got through, so that there may be more.
async fn deliver_some(webhooks: &Webhooks, ctx: &PlatformCtx, leased: Leased) -> Result<bool, sqlx::Error> {
    let due = due(ctx, leased).await?;
    let attempts = due
        .iter()
        .map(|delivery| attempt::attempt(webhooks, ctx, leased, *delivery));
    let mut through = !due.is_empty();
    for outcome in join_all(attempts).await {
        through &= outcome?;
    }
    Ok(through)
}

async fn due(ctx: &PlatformCtx, leased: Leased) -> Result<Vec<DeliveryId>, sqlx::Error> {
    let mut tx = ctx.control().await?;
    let now = tx.now();
    sqlx::query_scalar!(
        r#"select id as "id: DeliveryId" from control.webhook_deliveries
           where endpoint_id = $1 and status = 'pending' and next_attempt_at <= $2
           order by next_attempt_at, id limit $3"#,
        leased.endpoint as _,
        now as _,
        i64::try_from(AT_ONCE).unwrap_or(1)
    )
    .fetch_all(tx.conn())
    .await
}

/// Ends the lease. What is due next is looked up under the endpoint's lock, by a statement of its own: whoever adds
/// something either is seen by it, or waits and says so afterwards.
async fn give_back(ctx: &PlatformCtx, leased: Leased) -> Result<(), sqlx::Error> {
    let mut tx = ctx.control().await?;
    sqlx::query!(
        "select id from control.webhook_endpoints where id = $1 for no key update",
        leased.endpoint as _
    )
    .fetch_optional(tx.conn())
    .await?;
    sqlx::query!(
        "update control.webhook_endpoints set lease_until = null, due_at = (
             select min(next_attempt_at) from control.webhook_deliveries where endpoint_id = $1 and status = 'pending')
         where id = $1",
        leased.endpoint as _
    )
    .execute(tx.conn())
    .await?;
    tx.commit().await
}
