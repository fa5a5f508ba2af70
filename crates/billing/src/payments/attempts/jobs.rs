//! Asking the provider, outside any transaction.

use isolation::PlatformCtx;
use jobs::{Handlers, Job, JobError, Run};
use kernel::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use super::model::{AttemptId, AttemptStatus};
use super::ops::{Seen, fail, settle};
use super::sql::{self, Row};
use crate::payments::Payments;
use crate::payments::calls::{self, KEY_HOURS, hours_before};
use crate::payments::freshness;
use crate::providers::{Charge, ChargeOrder, Failure};

/// Charges one attempt, or finds out what became of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct ChargeAttempt {
    pub(super) attempt: AttemptId,
    pub(super) tenant: TenantId,
}

impl Job for ChargeAttempt {
    const KIND: &'static str = "billing.charge";
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }
}

/// Has the provider forget one attempt that waits for the payer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CancelAttempt {
    pub(super) attempt: AttemptId,
    pub(super) tenant: TenantId,
}

impl Job for CancelAttempt {
    const KIND: &'static str = "billing.cancel_charge";
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }
}

/// With the jobs of attempts.
pub(in crate::payments) fn handlers(payments: &Payments, handlers: Handlers) -> Handlers {
    let (charging, canceling) = (payments.clone(), payments.clone());
    handlers
        .on(move |run, job: ChargeAttempt| {
            let payments = charging.clone();
            async move { charge(run, job, &payments).await }
        })
        .on(move |run, job: CancelAttempt| {
            let payments = canceling.clone();
            async move { cancel(run, job, &payments).await }
        })
}

async fn charge(run: Run, job: ChargeAttempt, payments: &Payments) -> Result<(), JobError> {
    reach(&run.ctx, "charge.created")?;
    let mut tx = run.ctx.control().await?;
    let Some(row) = sql::get(&mut tx, job.attempt).await? else {
        return Ok(());
    };
    let was_unknown = row.attempt.status == AttemptStatus::Unknown;
    let Some((sent_at, asked)) = sql::mark_sent(&mut tx, job.attempt).await? else {
        drop(tx);
        return follow(&run, &row, payments).await;
    };
    tx.commit().await?;
    reach(&run.ctx, "charge.sent")?;
    let remembered = hours_before(run.ctx.seams().now(), KEY_HOURS) <= sent_at;
    let answered = ask(payments, &order(&row, sent_at)?, remembered, was_unknown).await;
    reach(&run.ctx, "charge.answered")?;
    conclude(&run, &row, payments, answered, asked).await?;
    reach(&run.ctx, "charge.settled")
}

fn reach(ctx: &PlatformCtx, point: &str) -> Result<(), JobError> {
    let fault = ctx.seams().faults.reach(point);
    fault.map_err(|fault| JobError::Retry(fault.to_string()))
}

/// Under the same key while the provider remembers it; then, or when that has told nothing before, in its list.
async fn ask(
    payments: &Payments,
    order: &ChargeOrder,
    remembered: bool,
    was_unknown: bool,
) -> Result<Charge, Failure> {
    const NEVER_RECEIVED: Failure = Failure::NotFound;
    let provider = payments.provider();
    if !remembered {
        return provider.find_charge(order).await?.ok_or(NEVER_RECEIVED);
    }
    match provider.charge(order).await {
        Err(Failure::Unknown(reason)) if was_unknown => {
            let found = provider.find_charge(order).await?;
            found.ok_or(Failure::Unknown(reason))
        }
        answered => answered,
    }
}

fn order(row: &Row, sent_at: Timestamp) -> Result<ChargeOrder, JobError> {
    let attempt = &row.attempt;
    let missing = || JobError::Hopeless("the attempt names nobody to charge".to_owned());
    Ok(ChargeOrder {
        attempt: attempt.id.to_string(),
        invoice: attempt.invoice_id.to_string(),
        tenant: attempt.tenant_id.to_string(),
        amount: attempt.amount,
        customer: row.customer.clone().ok_or_else(missing)?,
        method: row.method.clone().ok_or_else(missing)?,
        description: row.description.clone(),
        idempotency_key: row.idempotency_key.clone(),
        since: sent_at,
    })
}

async fn conclude(
    run: &Run,
    row: &Row,
    payments: &Payments,
    answered: Result<Charge, Failure>,
    asked: Timestamp,
) -> Result<(), JobError> {
    let id = row.attempt.id;
    let mut tx = run.ctx.control().await?;
    match answered {
        Ok(charge) => {
            // Stale: a webhook told of it while we asked, and knows better.
            settle(&mut tx, payments.terms(), id, &charge, asked).await?;
            Ok(tx.commit().await?)
        }
        Err(Failure::Unknown(reason)) => {
            sql::mark_unknown(&mut tx, id, &reason).await?;
            tx.commit().await?;
            Err(JobError::Retry(reason))
        }
        Err(failure @ (Failure::Transient(_) | Failure::Configuration(_))) => {
            Err(JobError::Retry(failure.to_string()))
        }
        Err(failure) => {
            let (code, message) = explain(failure);
            fail(&mut tx, payments.terms(), id, &code, &message).await?;
            Ok(tx.commit().await?)
        }
    }
}

fn explain(failure: Failure) -> (String, String) {
    match failure {
        Failure::Invalid { code, message } => (code, message),
        Failure::NotFound => (
            "not_found".to_owned(),
            "The provider does not know what was to be charged.".to_owned(),
        ),
        Failure::Unsupported => ("unsupported".to_owned(), "Nobody can be charged.".to_owned()),
        other => ("failed".to_owned(), other.to_string()),
    }
}

/// Looks where an attempt stands of which the provider has said before that it is under way.
async fn follow(run: &Run, row: &Row, payments: &Payments) -> Result<(), JobError> {
    let (true, Some(reference)) = (row.attempt.status.is_open(), &row.attempt.reference) else {
        return Ok(());
    };
    let mut tx = run.ctx.control().await?;
    let asked = freshness::look(&mut tx).await?;
    drop(tx);
    let state = payments.provider().charge_state(reference).await;
    settle_anew(run, row, payments, state, asked).await
}

async fn cancel(run: Run, job: CancelAttempt, payments: &Payments) -> Result<(), JobError> {
    let mut tx = run.ctx.control().await?;
    let Some(row) = sql::get(&mut tx, job.attempt).await? else {
        return Ok(());
    };
    let asked = freshness::look(&mut tx).await?;
    drop(tx);
    let (AttemptStatus::RequiresAction, Some(reference)) = (row.attempt.status, &row.attempt.reference)
    else {
        return Ok(());
    };
    let key = format!("{}-cancel", calls::key(row.attempt.id));
    let state = payments.provider().cancel_charge(reference, &key).await;
    settle_anew(&run, &row, payments, state, asked).await
}

async fn settle_anew(
    run: &Run,
    row: &Row,
    payments: &Payments,
    state: Result<Charge, Failure>,
    asked: Timestamp,
) -> Result<(), JobError> {
    let state = state.map_err(|failure| JobError::Retry(failure.to_string()))?;
    let mut tx = run.ctx.control().await?;
    if settle(&mut tx, payments.terms(), row.attempt.id, &state, asked).await? == Seen::Stale {
        return Err(JobError::Retry("somebody asked later".to_owned()));
    }
    Ok(tx.commit().await?)
}
