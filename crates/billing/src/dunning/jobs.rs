//! Trying at once with another method.

use jobs::{Handlers, Job, JobError, Run};
use kernel::TenantId;
use serde::{Deserialize, Serialize};

use super::cases::retry_all;
use crate::payments::Payments;

/// Charges what is being collected of a tenant to its default method.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ChargeAgain {
    pub(super) tenant: TenantId,
}

impl Job for ChargeAgain {
    const KIND: &'static str = "billing.charge_again";
    fn tenant(&self) -> Option<TenantId> {
        Some(self.tenant)
    }
}

/// With the jobs of this room.
pub(crate) fn handlers(payments: &Payments, handlers: Handlers) -> Handlers {
    let payments = payments.clone();
    handlers.on(move |run: Run, job: ChargeAgain| {
        let payments = payments.clone();
        async move {
            let mut tx = run.ctx.control().await?;
            let tried = retry_all(&mut tx, payments.terms(), job.tenant).await;
            tried.map_err(|error| JobError::Retry(error.to_string()))?;
            Ok(tx.commit().await?)
        }
    })
}
