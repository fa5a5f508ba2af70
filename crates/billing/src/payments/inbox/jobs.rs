//! Applying one event.

use jobs::{Handlers, Job, JobError, Run};
use serde::{Deserialize, Serialize};

use super::apply::{Verdict, apply};
use super::objects::{Found, fetch};
use super::store::{self, StoredId};
use crate::payments::Payments;
use crate::providers::Failure;

/// Applies one stored event.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ApplyEvent {
    pub(super) event: StoredId,
}

impl Job for ApplyEvent {
    const KIND: &'static str = "billing.provider_event";
}

/// With the jobs of the inbox.
pub(in crate::payments) fn handlers(payments: &Payments, handlers: Handlers) -> Handlers {
    let payments = payments.clone();
    handlers.on(move |run, job: ApplyEvent| {
        let payments = payments.clone();
        async move { handle(run, job.event, &payments).await }
    })
}

/// How often somebody else may have asked later before this waits for its next turn.
const ROUNDS: usize = 3;

async fn handle(run: Run, event: StoredId, payments: &Payments) -> Result<(), JobError> {
    let reach = |point: &str| {
        let fault = run.ctx.seams().faults.reach(point);
        fault.map_err(|fault| JobError::Retry(fault.to_string()))
    };
    for _ in 0..ROUNDS {
        let mut tx = run.ctx.control().await?;
        let Some(stored) = store::load(&mut tx, event).await? else {
            return Ok(());
        };
        drop(tx);
        reach("event.loaded")?;
        let found = match fetch(payments, &stored).await {
            Ok(found) => found,
            Err(Failure::NotFound) => Found::Nothing("the provider does not have it any more"),
            Err(failure) => return Err(JobError::Retry(failure.to_string())),
        };
        reach("event.fetched")?;
        let mut tx = run.ctx.control().await?;
        if !store::take(&mut tx, event, stored.object.as_deref().unwrap_or_default()).await? {
            return Ok(());
        }
        let note = match apply(&mut tx, payments, found, stored.asked).await? {
            Verdict::Stale => continue,
            Verdict::Applied => None,
            Verdict::Ignored(note) => Some(note),
        };
        store::finish(&mut tx, event, note).await?;
        reach("event.applied")?;
        return Ok(tx.commit().await?);
    }
    Err(JobError::Retry(
        "others asked the provider later, again and again".to_owned(),
    ))
}
