//! Asking the provider, outside any transaction.

use jobs::{Handlers, Job, JobError, Run};
use kernel::TenantId;
use serde::{Deserialize, Serialize};

use super::model::RefundId;
use super::ops::{fail, settle};
use super::sql::{self, Row};
use crate::payments::calls::{KEY_HOURS, hours_before};
use crate::payments::{Payments, attempts, freshness};
use crate::providers::{Failure, RefundOrder, RefundState};

/// Sends one refund, or finds out what became of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct SendRefund {
    pub(super) refund: RefundId,
    pub(super) tenant: TenantId,
}

impl Job for SendRefund {
    const KIND: &'static str = "billing.refund";
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }
}

/// With the jobs of refunds.
pub(in crate::payments) fn handlers(payments: &Payments, handlers: Handlers) -> Handlers {
    let payments = payments.clone();
    handlers.on(move |run, job: SendRefund| {
        let payments = payments.clone();
        async move { send(run, job, &payments).await }
    })
}

async fn send(run: Run, job: SendRefund, payments: &Payments) -> Result<(), JobError> {
    let reach = |point: &str| {
        let fault = run.ctx.seams().faults.reach(point);
        fault.map_err(|fault| JobError::Retry(fault.to_string()))
    };
    reach("refund.created")?;
    let mut tx = run.ctx.control().await?;
    let Some(row) = sql::get(&mut tx, job.refund).await? else {
        return Ok(());
    };
    let charge = attempts::get(&mut tx, row.refund.payment_id)
        .await?
        .and_then(|payment| payment.reference);
    let Some((sent_at, asked)) = sql::mark_sent(&mut tx, job.refund).await? else {
        drop(tx);
        return follow(&run, &row, payments).await;
    };
    tx.commit().await?;
    reach("refund.sent")?;
    let order = RefundOrder {
        refund: row.refund.id.to_string(),
        tenant: row.refund.tenant_id.to_string(),
        charge: charge.ok_or_else(|| JobError::Hopeless("the payment has no reference".to_owned()))?,
        amount: row.refund.amount,
        idempotency_key: row.idempotency_key.clone(),
    };
    let remembered = hours_before(run.ctx.seams().now(), KEY_HOURS) <= sent_at;
    let was_unknown = row.refund.status == crate::providers::RefundStatus::Unknown;
    let answered = ask(payments, &order, remembered, was_unknown).await;
    reach("refund.answered")?;
    let mut tx = run.ctx.control().await?;
    match answered {
        Ok(state) => {
            settle(&mut tx, job.refund, &state, asked).await?;
        }
        Err(Failure::Unknown(reason)) => {
            sql::mark_unknown(&mut tx, job.refund, &reason).await?;
            tx.commit().await?;
            return Err(JobError::Retry(reason));
        }
        Err(failure) if failure.may_pass() => return Err(JobError::Retry(failure.to_string())),
        Err(Failure::Invalid { code, message }) => fail(&mut tx, job.refund, &code, &message).await?,
        Err(failure) => fail(&mut tx, job.refund, "failed", &failure.to_string()).await?,
    }
    tx.commit().await?;
    reach("refund.settled")
}

/// Under the same key while the provider remembers it; then, or when that has told nothing before, in its list.
async fn ask(
    payments: &Payments,
    order: &RefundOrder,
    remembered: bool,
    was_unknown: bool,
) -> Result<RefundState, Failure> {
    let provider = payments.provider();
    if !remembered {
        return provider.find_refund(order).await?.ok_or(Failure::NotFound);
    }
    match provider.refund(order).await {
        Err(Failure::Unknown(reason)) if was_unknown => {
            let found = provider.find_refund(order).await?;
            found.ok_or(Failure::Unknown(reason))
        }
        answered => answered,
    }
}

/// Looks where a refund stands that is on its way.
async fn follow(run: &Run, row: &Row, payments: &Payments) -> Result<(), JobError> {
    let (true, Some(reference)) = (row.refund.status.is_open(), &row.refund.reference) else {
        return Ok(());
    };
    let mut tx = run.ctx.control().await?;
    let asked = freshness::look(&mut tx).await?;
    drop(tx);
    let state = payments.provider().refund_state(reference).await;
    let state = state.map_err(|failure| JobError::Retry(failure.to_string()))?;
    let mut tx = run.ctx.control().await?;
    // Stale: a webhook told of it while we asked, and knows better.
    settle(&mut tx, row.refund.id, &state, asked).await?;
    Ok(tx.commit().await?)
}
