//! What recurs.

use std::time::Duration;

use jobs::schedule::Schedule;

use super::histories;
use super::partitions::{self, Retention};

/// Has partitions dropped once a day, and histories shortened to what plans keep. Partitions are made by [`Metering::run`](crate::Metering::run), which needs them.
#[must_use]
pub fn scheduled(schedule: Schedule, retention: Retention) -> Schedule {
    schedule.every(
        "usage.retention",
        Duration::from_hours(24),
        move |ctx| async move {
            let dropped = partitions::drop_expired(&ctx, retention).await?;
            let tenants = histories::shorten(&ctx).await?;
            tracing::debug!(
                dropped,
                tenants,
                "partitions and histories of usage that nobody needs any more"
            );
            Ok(())
        },
    )
}
