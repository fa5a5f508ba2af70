//! Doing what is due, as far as billing's time has come.

use isolation::{ControlTx, PlatformCtx, Tx};
use kernel::Timestamp;
use sqlx::Executor;
use tenants::Status;

use super::ending;
use super::error::DunningError;
use super::model::{Case, CaseStatus};
use super::sql::{self, Due};
use super::steps::{Place, is_owed, schedule};
use crate::terms::Terms;
use crate::{accounts, clock, invoices};

/// Tenants that one transaction takes on.
const BATCH: i64 = 16;

/// Steps that were taken, and those that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stepped {
    pub(crate) steps: usize,
    pub(crate) failed: usize,
}

/// Takes on what is overdue and does every step that is due, until nothing is left. Any number of nodes may do so at once,
/// and die at any moment.
pub(crate) async fn run(ctx: &PlatformCtx, terms: &Terms) -> Result<Stepped, sqlx::Error> {
    let mut stepped = Stepped::default();
    while begin_batch(ctx, terms).await? {}
    while step_batch(ctx, terms, &mut stepped).await? {}
    Ok(stepped)
}

/// Makes cases of some invoices whose due date has passed; answers whether there may be more.
async fn begin_batch(ctx: &PlatformCtx, terms: &Terms) -> Result<bool, sqlx::Error> {
    let mut tx = ctx.control().await?;
    let now = clock::now(&mut tx).await?;
    let due = sql::take_overdue(&mut tx, now, BATCH).await?;
    for one in &due {
        begin(&mut tx, terms, *one, now).await?;
    }
    tx.commit().await?;
    Ok(!due.is_empty())
}

async fn begin(tx: &mut ControlTx, terms: &Terms, due: Due, now: Timestamp) -> Result<(), sqlx::Error> {
    sql::mark_dunned(tx, due.tenant, due.invoice).await?;
    // As it is under the lock: an attempt may just have failed.
    if sql::of_invoice(tx, due.tenant, due.invoice).await?.is_none() {
        let schedule = schedule(tx, terms, due.tenant).await?;
        sql::save(tx, &Case::new(due.tenant, due.invoice, &schedule, now)).await?;
    }
    Ok(())
}

/// One step of each of some cases, the longest due first; answers whether there may be more.
async fn step_batch(ctx: &PlatformCtx, terms: &Terms, stepped: &mut Stepped) -> Result<bool, sqlx::Error> {
    let mut tx = ctx.control().await?;
    let now = clock::now(&mut tx).await?;
    let due = sql::take_cases(&mut tx, now, BATCH).await?;
    for one in &due {
        tx.conn().execute("SAVEPOINT due").await?;
        match Box::pin(step(&mut tx, terms, *one, now)).await {
            Ok(()) => stepped.steps += 1,
            Err(error) => {
                tracing::error!(tenant = %one.tenant, invoice = %one.invoice, %error, "an invoice could not be dunned");
                tx.conn().execute("ROLLBACK TO SAVEPOINT due").await?;
                sql::postpone(&mut tx, *one, now).await?;
                stepped.failed += 1;
            }
        }
        tx.conn().execute("RELEASE SAVEPOINT due").await?;
    }
    tx.commit().await?;
    Ok(!due.is_empty())
}

pub(super) async fn step(
    tx: &mut ControlTx,
    terms: &Terms,
    due: Due,
    now: Timestamp,
) -> Result<(), DunningError> {
    let account = accounts::lock(tx, due.tenant).await?;
    // As it is under the lock: another node may just have done this step.
    let case = sql::of_invoice(tx, due.tenant, due.invoice).await?;
    let is_due = |case: &Case| case.next_at.is_some_and(|at| at <= now);
    let Some(case) = case.filter(is_due) else {
        return Ok(());
    };
    let invoice = invoices::get(tx, due.tenant, due.invoice).await?.invoice;
    if !is_owed(&invoice) {
        return ending::end(tx, terms, case, &invoice, now).await;
    }
    if case.status == CaseStatus::Exhausted {
        return Ok(sql::save(
            tx,
            &Case {
                next_at: None,
                ..case
            },
        )
        .await?);
    }
    let tenant = tenants::get(tx, due.tenant).await?;
    if tenant.is_none_or(|tenant| tenant.status == Status::Deleted) {
        // Nobody is there any more to pay, or to be written to. The debt stays.
        let over = Case {
            status: CaseStatus::Exhausted,
            next_at: None,
            ..case
        };
        return Ok(sql::save(tx, &over).await?);
    }
    let place = Place {
        terms,
        account: &account,
        now,
    };
    Box::pin(place.try_again(tx, case, &invoice)).await
}
