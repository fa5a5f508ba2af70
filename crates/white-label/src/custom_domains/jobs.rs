//! What happens to custom domains by the passing of time.

use std::time::Duration;

use isolation::PlatformCtx;
use jobs::JobError;
use jobs::schedule::Schedule;

use super::sql;

/// Adds what recurs for custom domains: names that anybody may claim again are forgotten.
#[must_use]
pub fn scheduled(schedule: Schedule) -> Schedule {
    schedule.every("custom_domains.prune", Duration::from_hours(1), prune)
}

async fn prune(ctx: PlatformCtx) -> Result<(), JobError> {
    let mut tx = ctx.control().await?;
    sql::prune(&mut tx).await?;
    Ok(tx.commit().await?)
}
