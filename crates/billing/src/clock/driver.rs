//! Doing what is due.

use isolation::{ControlTx, PlatformCtx, Tx};
use kernel::Timestamp;
use sqlx::Executor;
use tenants::Status;

use super::sql::{self, Due};
use super::time;
use crate::accounts;
use crate::dunning;
use crate::invoices::{self, InvoiceError, InvoiceId};
use crate::subscriptions::{self, SubscriptionError, SubscriptionId};
use crate::terms::Terms;

/// Tenants that one transaction takes on: enough to share a commit, few enough not to keep others waiting.
const BATCH: i64 = 16;

/// The driver could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// The time is moved where that is forbidden.
    #[error("time can be moved ahead by at most {0} days at once")]
    TooFar(i64),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ran {
    /// Steps of subscriptions.
    pub steps: usize,
    /// Drafts that became final.
    pub drafts: usize,
    /// Steps of invoices that are not paid.
    pub dunned: usize,
    /// What failed, and is tried again later.
    pub failed: usize,
}

/// Does everything that is due now, until nothing is left.
pub async fn run(ctx: &PlatformCtx, terms: &Terms) -> Result<Ran, ClockError> {
    let mut ran = Ran::default();
    while subscriptions_batch(ctx, terms, &mut ran).await? {}
    while drafts_batch(ctx, terms, &mut ran).await? {}
    let dunned = dunning::run(ctx, terms).await?;
    ran.dunned += dunned.steps;
    ran.failed += dunned.failed;
    Ok(ran)
}

/// One step of each of some subscriptions, the longest due first; answers whether there may be more.
async fn subscriptions_batch(ctx: &PlatformCtx, terms: &Terms, ran: &mut Ran) -> Result<bool, ClockError> {
    let mut tx = ctx.control().await?;
    let now = time::now(&mut tx).await?;
    let due = sql::take_subscriptions(&mut tx, now, BATCH).await?;
    for one in &due {
        tx.conn().execute("SAVEPOINT due").await?;
        match step(&mut tx, terms, one, now).await {
            Ok(()) => ran.steps += 1,
            Err(error) => {
                tracing::error!(tenant = %one.tenant, subscription = %one.id, %error, "a subscription could not be billed");
                tx.conn().execute("ROLLBACK TO SAVEPOINT due").await?;
                sql::postpone_subscription(&mut tx, one, now).await?;
                ran.failed += 1;
            }
        }
        tx.conn().execute("RELEASE SAVEPOINT due").await?;
    }
    tx.commit().await?;
    Ok(!due.is_empty())
}

async fn step(
    tx: &mut ControlTx,
    terms: &Terms,
    due: &Due<SubscriptionId>,
    now: Timestamp,
) -> Result<(), SubscriptionError> {
    let account = accounts::lock(tx, due.tenant).await?;
    // As it is under the lock: another node may just have done this step.
    let Some(subscription) = subscriptions::find(tx, due.tenant, due.id).await? else {
        return Ok(());
    };
    match due.status {
        Status::Provisioning | Status::Trial | Status::Active | Status::Suspended => {
            Box::pin(subscriptions::step(tx, terms, &account, subscription, now)).await?;
        }
        // The tenant was given up, or is being removed, past its subscription.
        Status::Canceled | Status::Deleting | Status::Deleted | Status::Failed => {
            if subscription.ended_at.is_none() {
                subscriptions::abandon(tx, terms, subscription, now).await?;
            }
        }
    }
    Ok(())
}

/// Makes some drafts final whose time is over; answers whether there may be more.
async fn drafts_batch(ctx: &PlatformCtx, terms: &Terms, ran: &mut Ran) -> Result<bool, ClockError> {
    let mut tx = ctx.control().await?;
    let now = time::now(&mut tx).await?;
    let due = sql::take_drafts(&mut tx, now, BATCH).await?;
    for one in &due {
        tx.conn().execute("SAVEPOINT due").await?;
        match finalize(&mut tx, terms, one, now).await {
            Ok(()) => ran.drafts += 1,
            Err(error) => {
                tracing::error!(tenant = %one.tenant, invoice = %one.id, %error, "a draft could not become final");
                tx.conn().execute("ROLLBACK TO SAVEPOINT due").await?;
                sql::postpone_draft(&mut tx, one, now).await?;
                ran.failed += 1;
            }
        }
        tx.conn().execute("RELEASE SAVEPOINT due").await?;
    }
    tx.commit().await?;
    Ok(!due.is_empty())
}

async fn finalize(
    tx: &mut ControlTx,
    terms: &Terms,
    due: &Due<InvoiceId>,
    now: Timestamp,
) -> Result<(), InvoiceError> {
    let account = accounts::lock(tx, due.tenant).await?;
    invoices::finalize_due(tx, terms, &account, due.id, now).await
}
