//! The queue of jobs in the control plane.
//!
//! `queued → running → done`, back to `queued` after a failure, `dead` after the last attempt. Finished jobs stay
//! for [`KEPT_DAYS`] days: for people to look at, and so that a job relayed twice is recognised. Dead ones stay for
//! [`DEAD_KEPT_DAYS`].

use std::fmt;

use futures_util::future::BoxFuture;
use isolation::{ControlTx, TenantTx, Tx};
use kernel::{Entity, Id, TenantId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::outbox::{self, Item};
use crate::relay::Receiver;

/// How long finished jobs stay.
pub const KEPT_DAYS: i32 = 7;
/// How long dead jobs stay, which somebody may want to look into.
pub const DEAD_KEPT_DAYS: i32 = 30;

/// Marker of jobs.
#[derive(Debug)]
pub enum JobEntity {}
impl Entity for JobEntity {
    const PREFIX: &'static str = "job";
}
/// A job's identifier.
pub type JobId = Id<JobEntity>;

/// Something to be done later. The type is what is stored; the handler is registered with
/// [`Handlers`](crate::Handlers).
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The stable name, e.g. `mail.deliver`.
    const KIND: &'static str;
    /// Attempts before it is given up; with the back-off, twelve take about a day.
    const MAX_ATTEMPTS: i32 = 12;
    /// The tenant that it is about.
    fn tenant(&self) -> Option<TenantId> {
        None
    }
}

/// A job as it is stored or relayed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    id: JobId,
    kind: String,
    tenant: Option<TenantId>,
    payload: Value,
    run_at_micros: i64,
    max_attempts: i32,
}

impl Entry {
    fn of<J: Job>(job: &J, id: JobId, run_at: Timestamp) -> Result<Self, sqlx::Error> {
        let payload = serde_json::to_value(job).map_err(|error| sqlx::Error::Encode(error.into()))?;
        Ok(Self {
            id,
            kind: J::KIND.to_owned(),
            tenant: job.tenant(),
            payload,
            run_at_micros: run_at.as_micros(),
            max_attempts: J::MAX_ATTEMPTS,
        })
    }
}

/// A transaction that can leave a job: it runs if and only if the transaction commits.
pub trait Queue: Tx {
    /// Leaves a job that is due now.
    fn enqueue<J: Job>(&mut self, job: &J) -> impl Future<Output = Result<JobId, sqlx::Error>> + Send
    where
        Self: Sized,
    {
        let now = self.now();
        self.enqueue_at(job, now)
    }

    /// Leaves a job that is due at `run_at`.
    fn enqueue_at<J: Job>(
        &mut self,
        job: &J,
        run_at: Timestamp,
    ) -> impl Future<Output = Result<JobId, sqlx::Error>> + Send
    where
        Self: Sized,
    {
        async move {
            let id = self.new_id();
            let entry = Entry::of(job, id, run_at)?;
            self.put(entry).await?;
            Ok(id)
        }
    }

    /// Stores the entry, here or by way of the outbox.
    fn put(&mut self, entry: Entry) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

impl Queue for ControlTx {
    async fn put(&mut self, entry: Entry) -> Result<(), sqlx::Error> {
        let now = self.now();
        sqlx::query!(
            "insert into control.jobs (id, kind, tenant_id, payload, run_at, max_attempts, created_at)
             values ($1, $2, $3, $4, $5, $6, $7)",
            entry.id as _,
            entry.kind,
            entry.tenant as _,
            entry.payload,
            Timestamp::from_micros(entry.run_at_micros) as _,
            entry.max_attempts,
            now as _
        )
        .execute(self.conn())
        .await?;
        Ok(())
    }
}

impl Queue for TenantTx {
    async fn put(&mut self, entry: Entry) -> Result<(), sqlx::Error> {
        outbox::append(self, RelayedJobs::KIND, entry.id.uuid(), &entry).await
    }
}

/// Receives the jobs that tenants' stores left.
#[derive(Debug)]
pub struct RelayedJobs;

impl RelayedJobs {
    const KIND: &'static str = "job";
}

impl Receiver for RelayedJobs {
    fn kind(&self) -> &'static str {
        Self::KIND
    }

    fn receive<'a>(
        &'a self,
        tx: &'a mut ControlTx,
        items: &'a [&'a Item],
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            for item in items {
                let entry: Entry = serde_json::from_value(item.payload.clone())
                    .map_err(|error| sqlx::Error::Decode(error.into()))?;
                let now = tx.now();
                sqlx::query!(
                    "insert into control.jobs (id, kind, tenant_id, payload, run_at, max_attempts, created_at)
                     values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing",
                    item.id,
                    entry.kind,
                    // The store says whose job it is, not the payload.
                    item.tenant as _,
                    entry.payload,
                    Timestamp::from_micros(entry.run_at_micros) as _,
                    entry.max_attempts,
                    now as _
                )
                .execute(tx.conn())
                .await?;
            }
            Ok(())
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)
    }
}
