//! What is heard from payments: the end of an attempt, and that there is another method.

use isolation::{ControlTx, Tx};
use jobs::Queue;
use kernel::{TenantId, Timestamp};
use sqlx::Executor;

use super::declines;
use super::error::DunningError;
use super::jobs::ChargeAgain;
use super::model::{Case, CaseStatus};
use super::sql;
use super::steps::{Place, Setback, is_owed, open_attempt, schedule};
use crate::payments::attempts::{self, Attempt, AttemptStatus};
use crate::terms::Terms;
use crate::{accounts, clock, invoices};

/// Hears where an attempt stands now. What follows is part of the transaction; where it cannot be done, what was heard is
/// kept all the same, and the case is looked at again.
pub(crate) async fn attempt_settled(
    tx: &mut ControlTx,
    terms: &Terms,
    attempt: &Attempt,
) -> Result<(), sqlx::Error> {
    let setback = match attempt.status {
        AttemptStatus::Declined | AttemptStatus::Failed => Some(Setback::Refused {
            reason: attempt.message.clone(),
            is_final: declines::is_final(attempt.code.as_deref(), attempt.decline_code.as_deref()),
        }),
        AttemptStatus::RequiresAction => Some(Setback::NeedsConfirmation),
        AttemptStatus::Canceled => None,
        _ => return Ok(()),
    };
    tx.conn().execute("SAVEPOINT dunning").await?;
    let heard = Box::pin(hear(tx, terms, attempt, setback)).await;
    match heard {
        Ok(()) => {}
        Err(DunningError::Database(error)) => return Err(error),
        Err(error) => {
            tracing::error!(tenant = %attempt.tenant_id, invoice = %attempt.invoice_id, %error, "a setback has no consequences yet");
            tx.conn().execute("ROLLBACK TO SAVEPOINT dunning").await?;
            let now = clock::now(tx).await?;
            sql::look(tx, attempt.tenant_id, attempt.invoice_id, now).await?;
        }
    }
    tx.conn().execute("RELEASE SAVEPOINT dunning").await.map(drop)
}

async fn hear(
    tx: &mut ControlTx,
    terms: &Terms,
    attempt: &Attempt,
    setback: Option<Setback>,
) -> Result<(), DunningError> {
    let account = accounts::lock(tx, attempt.tenant_id).await?;
    let now = clock::now(tx).await?;
    let place = Place {
        terms,
        account: &account,
        now,
    };
    let invoice = invoices::get(tx, attempt.tenant_id, attempt.invoice_id)
        .await?
        .invoice;
    if !is_owed(&invoice) {
        return Ok(());
    }
    let Some(mut case) = case_of(tx, terms, attempt, setback.is_some(), now).await? else {
        return Ok(());
    };
    if matches!(setback, Some(Setback::Refused { is_final: true, .. })) {
        case.refused_method = attempt.method_id;
    }
    let again = std::mem::take(&mut case.again);
    let decides = case.awaited == Some(attempt.id);
    match setback {
        Some(setback) if decides || case.status == CaseStatus::Exhausted => {
            place.missed(tx, case, &invoice, setback).await?;
        }
        // One more than the schedule has: it goes on as it was.
        Some(setback) => {
            sql::save(tx, &case).await?;
            let next = case.next_at;
            place
                .write(tx, &invoice, super::letters::Letter::Missed { setback, next })
                .await?;
        }
        None if decides && !again => {
            let reason = None;
            let canceled = Setback::Refused {
                reason,
                is_final: false,
            };
            place.missed(tx, case, &invoice, canceled).await?;
        }
        None => sql::save(tx, &case).await?,
    }
    if again {
        retry(tx, &place, attempt.tenant_id, attempt.invoice_id).await?;
    }
    Ok(())
}

/// The invoice's case; a setback begins one where there is none.
async fn case_of(
    tx: &mut ControlTx,
    terms: &Terms,
    attempt: &Attempt,
    begins: bool,
    now: Timestamp,
) -> Result<Option<Case>, sqlx::Error> {
    let known = sql::of_invoice(tx, attempt.tenant_id, attempt.invoice_id).await?;
    let known = known.filter(|case| case.status != CaseStatus::Ended);
    if known.is_some() || !begins {
        return Ok(known);
    }
    sql::mark_dunned(tx, attempt.tenant_id, attempt.invoice_id).await?;
    let schedule = schedule(tx, terms, attempt.tenant_id).await?;
    let begun = Case::new(attempt.tenant_id, attempt.invoice_id, &schedule, now).tried();
    Ok(Some(Case {
        awaited: Some(attempt.id),
        ..begun
    }))
}

/// The tenant pays by another method from now on: what is being collected is tried with it at once, by a job. It happens
/// if the transaction commits.
pub(crate) async fn method_changed(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    if sql::has_open(tx, tenant).await? {
        tx.enqueue(&ChargeAgain { tenant }).await?;
    }
    Ok(())
}

/// Tries everything that is being collected of the tenant with its default method.
pub(super) async fn retry_all(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
) -> Result<(), DunningError> {
    let account = accounts::lock(tx, tenant).await?;
    let now = clock::now(tx).await?;
    let place = Place {
        terms,
        account: &account,
        now,
    };
    for case in sql::open(tx, tenant).await? {
        retry(tx, &place, tenant, case.invoice_id).await?;
    }
    Ok(())
}

/// Tries an invoice at once, or as soon as what is under way has ended.
async fn retry(
    tx: &mut ControlTx,
    place: &Place<'_>,
    tenant: TenantId,
    invoice: invoices::InvoiceId,
) -> Result<(), DunningError> {
    let case = sql::of_invoice(tx, tenant, invoice).await?;
    let Some(case) = case.filter(|case| case.status != CaseStatus::Ended) else {
        return Ok(());
    };
    let invoice = invoices::get(tx, tenant, invoice).await?.invoice;
    if !is_owed(&invoice) {
        return Ok(());
    }
    if open_attempt(tx, &case).await?.is_some() {
        // What nobody has asked for yet is called off at once; what waits for the payer, by a job.
        attempts::call_off(tx, tenant, invoice.id).await?;
        if open_attempt(tx, &case).await?.is_some() {
            return Ok(sql::save(tx, &Case { again: true, ..case }).await?);
        }
    }
    // Of a try that was called off the new one takes the place.
    if let Some(attempt) = place.charge(tx, &case, &invoice).await? {
        let awaited = case.awaited.map(|_| attempt.id);
        sql::save(tx, &Case { awaited, ..case }).await?;
    }
    Ok(())
}
