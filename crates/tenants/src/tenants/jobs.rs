//! What happens to tenants by the passing of time.

use std::time::Duration;

use isolation::PlatformCtx;
use jobs::JobError;
use jobs::schedule::Schedule;

use super::{lifecycle, slugs};

/// Adds what recurs for tenants: trials that nobody ended end, and slugs that anybody may claim again are forgotten.
#[must_use]
pub fn scheduled(schedule: Schedule) -> Schedule {
    schedule
        .every("tenants.expire_trials", Duration::from_mins(1), expire_trials)
        .every("tenants.prune_slugs", Duration::from_hours(1), prune_slugs)
}

async fn expire_trials(ctx: PlatformCtx) -> Result<(), JobError> {
    loop {
        let mut tx = ctx.control().await?;
        let expired = lifecycle::expire_trials(&mut tx)
            .await
            .map_err(|error| JobError::Retry(error.to_string()))?;
        tx.commit().await?;
        if expired == 0 {
            return Ok(());
        }
    }
}

async fn prune_slugs(ctx: PlatformCtx) -> Result<(), JobError> {
    let mut tx = ctx.control().await?;
    let pruned = slugs::prune(&mut tx).await?;
    tracing::debug!(pruned, "slugs that can be claimed again were forgotten");
    Ok(tx.commit().await?)
}
