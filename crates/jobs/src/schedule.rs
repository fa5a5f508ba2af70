//! What recurs. The row of a schedule is the lock: whoever moves its time forward runs it.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use isolation::{PlatformCtx, Tx};
use kernel::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::queue::{DEAD_KEPT_DAYS, KEPT_DAYS};
use crate::worker::JobError;

const LOOK_EVERY: Duration = Duration::from_secs(1);

type Task = Box<dyn Fn(PlatformCtx) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync>;

/// Everything that recurs on one installation.
pub struct Schedule {
    ctx: PlatformCtx,
    tasks: Vec<(&'static str, Duration, Task)>,
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.tasks.iter().map(|(name, every, _)| (name, every)))
            .finish()
    }
}

impl Schedule {
    /// The schedule, with the queue's own housekeeping in it.
    pub fn new(ctx: PlatformCtx) -> Self {
        Self {
            ctx,
            tasks: Vec::new(),
        }
        .every("jobs.prune", Duration::from_hours(1), prune)
    }

    /// Adds a task that runs on one node whenever so much time has passed.
    #[must_use]
    pub fn every<F, Fut>(mut self, name: &'static str, period: Duration, task: F) -> Self
    where
        F: Fn(PlatformCtx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), JobError>> + Send + 'static,
    {
        self.tasks
            .push((name, period, Box::new(move |ctx| Box::pin(task(ctx)))));
        self
    }

    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            for (name, period, task) in &self.tasks {
                if let Err(error) = self.run_if_due(name, *period, task).await {
                    tracing::warn!(task = name, %error, "a scheduled task failed; it runs again at its next turn");
                }
            }
            tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(LOOK_EVERY) => {} }
        }
    }

    async fn run_if_due(&self, name: &str, period: Duration, task: &Task) -> Result<(), JobError> {
        let mut tx = self.ctx.control().await?;
        let now = tx.now();
        let due_before = Timestamp::from_micros(
            now.as_micros()
                .saturating_sub(i64::try_from(period.as_micros()).unwrap_or(i64::MAX)),
        );
        let mine = sqlx::query!(
            "insert into control.schedules (name, last_run_at) values ($1, $2)
             on conflict (name) do update set last_run_at = excluded.last_run_at
             where control.schedules.last_run_at <= $3",
            name,
            now as _,
            due_before as _
        )
        .execute(tx.conn())
        .await?
        .rows_affected()
            == 1;
        if !mine {
            return Ok(());
        }
        tx.commit().await?;
        task(self.ctx.clone()).await
    }
}

/// Removes jobs and news that nobody needs any more.
async fn prune(ctx: PlatformCtx) -> Result<(), JobError> {
    let mut tx = ctx.control().await?;
    let now = tx.now();
    sqlx::query!(
        "delete from control.jobs
         where (status = 'done' and finished_at < $1::timestamptz - make_interval(days => $2))
            or (status = 'dead' and finished_at < $1::timestamptz - make_interval(days => $3))",
        now as _,
        KEPT_DAYS,
        DEAD_KEPT_DAYS
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!("delete from control.changes where at < clock_timestamp() - interval '1 hour'")
        .execute(tx.conn())
        .await?;
    Ok(tx.commit().await?)
}
