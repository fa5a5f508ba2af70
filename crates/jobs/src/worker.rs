//! Runs jobs: any node takes any job that is due, under a lease that it renews while it works. A node that dies
//! lets its leases run out, and another takes over.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use isolation::{PlatformCtx, Tx};
use kernel::TenantId;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::queue::{Job, JobId};

const IDLE: Duration = Duration::from_millis(200);
const LEASE_SECONDS: f64 = 15.0;
const RENEW_EVERY: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 8;

/// Why a job was not done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It may work later.
    #[error("{0}")]
    Retry(String),
    /// It will never work.
    #[error("{0}")]
    Hopeless(String),
}

impl From<sqlx::Error> for JobError {
    fn from(error: sqlx::Error) -> Self {
        Self::Retry(error.to_string())
    }
}

/// One attempt at a job.
#[derive(Debug, Clone)]
pub struct Run {
    /// The product acting by itself.
    pub ctx: PlatformCtx,
    /// Which job.
    pub job: JobId,
    /// The tenant that it is about.
    pub tenant: Option<TenantId>,
    /// The how-manieth attempt this is, from 1.
    pub attempt: i32,
    /// Whether another attempt follows if this one fails.
    pub last: bool,
}

type Handler = Box<dyn Fn(Run, Value) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync>;

/// What is done for each kind of job.
#[derive(Default)]
pub struct Handlers(HashMap<&'static str, Handler>);

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Handlers {
    /// Registers what is done for jobs of type `J`.
    #[must_use]
    pub fn on<J, F, Fut>(mut self, handle: F) -> Self
    where
        J: Job,
        F: Fn(Run, J) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), JobError>> + Send + 'static,
    {
        let handler: Handler = Box::new(move |run, payload| match serde_json::from_value(payload) {
            Ok(job) => Box::pin(handle(run, job)),
            Err(error) => Box::pin(async move { Err(JobError::Hopeless(error.to_string())) }),
        });
        self.0.insert(J::KIND, handler);
        self
    }

    fn kinds(&self) -> Vec<String> {
        self.0.keys().map(|kind| (*kind).to_owned()).collect()
    }
}

/// The worker of one node.
#[derive(Debug)]
pub struct Worker {
    ctx: PlatformCtx,
    handlers: Arc<Handlers>,
}

struct Taken {
    run: Run,
    kind: String,
    payload: Value,
}

impl Worker {
    /// A worker for these kinds of jobs; others are left to nodes that know them.
    pub fn new(ctx: PlatformCtx, handlers: Handlers) -> Self {
        Self {
            ctx,
            handlers: Arc::new(handlers),
        }
    }

    /// Runs until told to stop, then waits for the jobs under way.
    pub async fn run(self, stop: CancellationToken) {
        let (slots, tasks) = (Arc::new(Semaphore::new(AT_ONCE)), TaskTracker::new());
        while !stop.is_cancelled() {
            let free = slots.available_permits();
            let taken = match self.take(free).await {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::warn!(%error, "jobs could not be taken");
                    Vec::new()
                }
            };
            let idle = taken.is_empty();
            for job in taken {
                let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
                    break;
                };
                let handlers = Arc::clone(&self.handlers);
                tasks.spawn(async move {
                    work(&handlers, job).await;
                    drop(slot);
                });
            }
            if idle {
                tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(IDLE) => {} }
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Takes at most `free` jobs that are due, oldest first.
    async fn take(&self, free: usize) -> Result<Vec<Taken>, sqlx::Error> {
        if free == 0 {
            return Ok(Vec::new());
        }
        let mut tx = self.ctx.control().await?;
        let now = tx.now();
        let rows = sqlx::query!(
            r#"update control.jobs j
               set status = 'running', attempts = j.attempts + 1,
                   lease_until = clock_timestamp() + make_interval(secs => $3)
               from (select id from control.jobs
                     where ((status = 'queued' and run_at <= $1)
                         or (status = 'running' and lease_until < clock_timestamp()))
                       and kind = any ($2)
                     order by run_at, id limit $4 for update skip locked) due
               where j.id = due.id
               returning j.id as "id: JobId", j.kind, j.tenant_id as "tenant: TenantId", j.payload, j.attempts, j.max_attempts"#,
            now as _,
            &self.handlers.kinds(),
            LEASE_SECONDS,
            i64::try_from(free).unwrap_or(1)
        )
        .fetch_all(tx.conn())
        .await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        tx.commit().await?;
        Ok(rows
            .into_iter()
            .map(|row| Taken {
                run: Run {
                    ctx: self.ctx.clone(),
                    job: row.id,
                    tenant: row.tenant,
                    attempt: row.attempts,
                    last: row.attempts >= row.max_attempts,
                },
                kind: row.kind,
                payload: row.payload,
            })
            .collect())
    }
}

async fn work(handlers: &Handlers, job: Taken) {
    let run = job.run.clone();
    let outcome = match handlers.0.get(&*job.kind) {
        Some(handler) => {
            tokio::select! {
                outcome = handler(job.run, job.payload) => outcome,
                lost = keep_lease(&run) => Err(lost),
            }
        }
        None => return,
    };
    if let Err(error) = &outcome {
        tracing::warn!(job = %run.job, kind = job.kind, attempt = run.attempt, %error, "a job failed");
    }
    if let Err(error) = settle(&run, outcome).await {
        tracing::warn!(job = %run.job, %error, "a job's outcome could not be written; it will run again");
    }
}

/// Renews the lease for as long as the job takes; answers when it is lost.
async fn keep_lease(run: &Run) -> JobError {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        if let Err(error) = renew(run).await {
            tracing::warn!(job = %run.job, %error, "a job's lease could not be renewed");
        }
    }
}

async fn renew(run: &Run) -> Result<(), sqlx::Error> {
    let mut tx = run.ctx.control().await?;
    sqlx::query!(
        "update control.jobs set lease_until = clock_timestamp() + make_interval(secs => $2)
         where id = $1 and status = 'running'",
        run.job as _,
        LEASE_SECONDS
    )
    .execute(tx.conn())
    .await?;
    tx.commit().await
}

/// Seconds until the next attempt: 1, 4, 16, … at most six hours, with up to a quarter of jitter.
fn back_off(run: &Run) -> i64 {
    let base = 4_i64
        .saturating_pow(u32::try_from(run.attempt - 1).unwrap_or(0))
        .min(6 * 3600);
    let [jitter] = run.ctx.seams().random::<1>();
    base + base * i64::from(jitter) / 1024
}

async fn settle(run: &Run, outcome: Result<(), JobError>) -> Result<(), sqlx::Error> {
    let mut tx = run.ctx.control().await?;
    let now = tx.now();
    let (status, error, run_at) = match outcome {
        Ok(()) => ("done", None, now),
        Err(JobError::Retry(reason)) if !run.last => (
            "queued",
            Some(reason),
            now.plus(std::time::Duration::from_secs(back_off(run).unsigned_abs())),
        ),
        Err(JobError::Retry(reason) | JobError::Hopeless(reason)) => ("dead", Some(reason), now),
    };
    sqlx::query!(
        "update control.jobs set status = $2, last_error = $3, run_at = $4, lease_until = null,
             finished_at = case when $2 in ('done', 'dead') then $5::timestamptz end
         where id = $1 and attempts = $6",
        run.job as _,
        status,
        error,
        run_at as _,
        now as _,
        run.attempt
    )
    .execute(tx.conn())
    .await?;
    tx.commit().await
}
