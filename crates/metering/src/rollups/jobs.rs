//! What recurs.

use std::time::Duration;

use jobs::schedule::Schedule;

use super::partitions::{self, Retention};

/// Has partitions dropped once a day. They are made by [`Metering::run`](crate::Metering::run), which needs them.
#[must_use]
pub fn scheduled(schedule: Schedule, retention: Retention) -> Schedule {
    schedule.every(
        "usage.retention",
        Duration::from_hours(24),
        move |ctx| async move {
            let dropped = partitions::drop_expired(&ctx, retention).await?;
            tracing::debug!(dropped, "partitions of usage that nobody needs any more");
            Ok(())
        },
    )
}
