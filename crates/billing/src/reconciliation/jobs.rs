//! When books are compared: once a day, and when somebody asks.

use std::time::Duration;

use audit::{Event, EventType};
use isolation::{ControlTx, PlatformCtx, Tx};
use jobs::schedule::Schedule;
use jobs::{Handlers, Job, JobError, Queue, Run as JobRun};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::model::ReconciliationId;
use super::run::Run;
use super::sql;
use crate::payments::Payments;
use crate::providers::ProviderKind;

/// How far back it looks: refunds and disputes of older payments come as objects of their own.
const DAYS: i64 = 40;
/// What is younger is still on its way.
const QUIET: Duration = Duration::from_mins(15);

/// Compares the provider's books with ours.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reconcile {
    id: ReconciliationId,
    until_micros: i64,
}

impl Job for Reconcile {
    const KIND: &'static str = "billing.reconcile";
    const MAX_ATTEMPTS: i32 = 5;
}

/// Has the books compared soon, as they are up to now.
pub async fn order(tx: &mut ControlTx) -> Result<ReconciliationId, sqlx::Error> {
    let id = tx.new_id();
    let until_micros = tx.now().as_micros();
    tx.enqueue(&Reconcile { id, until_micros }).await?;
    Ok(id)
}

/// With the job of this room.
#[must_use]
pub fn handlers(payments: &Payments, handlers: Handlers) -> Handlers {
    let payments = payments.clone();
    handlers.on(move |run, job: Reconcile| {
        let payments = payments.clone();
        async move { reconcile(run, job, &payments).await }
    })
}

/// With what recurs in this room.
#[must_use]
pub fn scheduled(payments: &Payments, schedule: Schedule) -> Schedule {
    if payments.provider().kind() == ProviderKind::Ledger {
        return schedule;
    }
    schedule.every("billing.reconciliation", Duration::from_hours(24), daily)
}

async fn daily(ctx: PlatformCtx) -> Result<(), JobError> {
    let mut tx = ctx.control().await?;
    let id = tx.new_id();
    let until = tx.now().as_micros() - i64::try_from(QUIET.as_micros()).unwrap_or(0);
    tx.enqueue(&Reconcile {
        id,
        until_micros: until,
    })
    .await?;
    Ok(tx.commit().await?)
}

async fn reconcile(job: JobRun, order: Reconcile, payments: &Payments) -> Result<(), JobError> {
    let until = Timestamp::from_micros(order.until_micros);
    let run = Run {
        ctx: &job.ctx,
        payments,
        id: order.id,
        between: (until.plus_days(-DAYS), until),
    };
    let mut tx = job.ctx.control().await?;
    sql::begin(&mut tx, order.id, run.between).await?;
    tx.commit().await?;
    let error = run.whole().await.err().map(|error| error.to_string());
    let mut tx = job.ctx.control().await?;
    let (compared, differences) = sql::finish(&mut tx, order.id, error.as_deref()).await?;
    if error.is_none() && differences > 0 {
        tracing::error!(reconciliation = %order.id, compared, differences, "the payment provider's books differ from ours");
        let event = Event::new(EventType::ReconciliationDiffers)
            .resource(order.id, None)
            .meta("compared", compared)
            .meta("differences", differences);
        audit::record(&mut tx, event).await?;
    }
    tx.commit().await?;
    error.map_or(Ok(()), |error| Err(JobError::Retry(error)))
}
