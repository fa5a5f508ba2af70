//! Trying to be paid, and learning what became of it.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx, violates};
use jobs::Queue;
use kernel::{TenantId, Timestamp};
use pricing::Money;

use super::jobs::ChargeAttempt;
use super::model::{Attempt, AttemptId, AttemptStatus};
use super::sql::{self, Row};
use crate::dunning;
use crate::invoices::InvoiceId;
use crate::payments::{calls, customers, effects, freshness, methods};
use crate::providers::{Charge, Decline, Outcome, ProviderKind};
use crate::terms::Terms;

/// What is to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// By whom.
    pub tenant: TenantId,
    /// Which invoice.
    pub invoice: InvoiceId,
    /// How much of it.
    pub amount: Money,
    /// What the payer reads.
    pub description: String,
}

/// There is nothing to charge, or it is being charged already.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Nobody can be charged: the provider is the ledger, or the tenant has no customer there.
    #[error("nobody can be charged")]
    Uncollectible,
    /// The tenant has no default method.
    #[error("there is nothing to charge")]
    NoMethod,
    /// Another attempt for this invoice is open.
    #[error("another attempt is under way")]
    AlreadyOpen,
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Writes an attempt down on the tenant's default method; a job asks the provider. It happens if the transaction commits.
pub async fn collect(
    tx: &mut ControlTx,
    provider: ProviderKind,
    order: Order,
) -> Result<Attempt, CollectError> {
    if provider == ProviderKind::Ledger {
        return Err(CollectError::Uncollectible);
    }
    let customer = customers::find(tx, provider, order.tenant).await?;
    let customer = customer.ok_or(CollectError::Uncollectible)?;
    let method = methods::default(tx, provider, order.tenant).await?;
    let method = method.ok_or(CollectError::NoMethod)?;
    let mut row = created(tx, provider, order);
    row.attempt.method_id = Some(method.id);
    row.customer = Some(customer);
    row.method = method.reference;
    write(tx, &row).await?;
    let (attempt, tenant) = (row.attempt.id, row.attempt.tenant_id);
    tx.enqueue(&ChargeAttempt { attempt, tenant }).await?;
    Ok(row.attempt)
}

fn created(tx: &ControlTx, provider: ProviderKind, order: Order) -> Row {
    let id = tx.new_id();
    Row {
        attempt: Attempt {
            id,
            tenant_id: order.tenant,
            invoice_id: order.invoice,
            provider,
            method_id: None,
            amount: order.amount,
            status: AttemptStatus::Created,
            reference: None,
            code: None,
            decline_code: None,
            message: None,
            created_at: tx.now(),
            settled_at: None,
        },
        customer: None,
        method: None,
        description: order.description,
        idempotency_key: calls::key(id),
        seen_at: None,
    }
}

async fn write(tx: &mut ControlTx, row: &Row) -> Result<(), CollectError> {
    sql::insert(tx, row).await.map_err(|error| {
        if violates(&error, "payment_attempts_open") {
            CollectError::AlreadyOpen
        } else {
            error.into()
        }
    })?;
    let event = of(EventType::PaymentAttempted, &row.attempt);
    Ok(audit::record(tx, event.meta("amount", row.attempt.amount.amount)).await?)
}

/// One attempt.
pub async fn get(tx: &mut ControlTx, id: AttemptId) -> Result<Option<Attempt>, sqlx::Error> {
    Ok(sql::get(tx, id).await?.map(|row| row.attempt))
}

/// An invoice's attempts, oldest first.
pub async fn of_invoice(
    tx: &mut ControlTx,
    tenant: TenantId,
    invoice: InvoiceId,
) -> Result<Vec<Attempt>, sqlx::Error> {
    let rows = sql::of_invoice(tx, tenant, invoice).await?;
    Ok(rows.into_iter().map(|row| row.attempt).collect())
}

/// Calls off what is open for an invoice: at once what the provider has not heard of; a job asks it to forget the rest.
pub async fn call_off(tx: &mut ControlTx, tenant: TenantId, invoice: InvoiceId) -> Result<(), sqlx::Error> {
    for row in sql::of_invoice(tx, tenant, invoice).await? {
        let Some(mut row) = sql::lock(tx, row.attempt.id).await? else {
            continue;
        };
        match row.attempt.status {
            AttemptStatus::Created => {
                row.attempt.status = AttemptStatus::Canceled;
                row.attempt.settled_at = Some(tx.now());
                let now = tx.now();
                sql::update(tx, &row.attempt, None, now).await?;
                audit::record(tx, of(EventType::PaymentFailed, &row.attempt)).await?;
            }
            AttemptStatus::RequiresAction => {
                let (attempt, tenant) = (row.attempt.id, row.attempt.tenant_id);
                tx.enqueue(&super::jobs::CancelAttempt { attempt, tenant })
                    .await?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The attempt, for this transaction alone until it ends. The lock of everything that bills the tenant comes first.
async fn lock(tx: &mut ControlTx, id: AttemptId) -> Result<Option<Row>, sqlx::Error> {
    let Some(row) = sql::get(tx, id).await? else {
        return Ok(None);
    };
    effects::lock(tx, row.attempt.tenant_id).await?;
    sql::lock(tx, id).await
}

/// What became of what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is written down, or was known.
    Applied,
    /// Somebody asked the provider later and has written that down: it has to be asked again.
    Stale,
    /// It is none of ours, or not what was ordered.
    Foreign,
}

/// Writes down what the provider said of an attempt when it was `asked`, with everything that follows from it.
pub(crate) async fn settle(
    tx: &mut ControlTx,
    terms: &Terms,
    id: AttemptId,
    charge: &Charge,
    asked: Timestamp,
) -> Result<Seen, sqlx::Error> {
    let Some(row) = lock(tx, id).await? else {
        return Ok(Seen::Foreign);
    };
    if freshness::is_stale(asked, row.seen_at) {
        return Ok(Seen::Stale);
    }
    let before = row.attempt;
    let mut attempt = before.clone();
    attempt.reference = charge.reference.clone().or(attempt.reference);
    let next = before.status.after(&charge.outcome);
    if let Some(decline) = decline_of(&charge.outcome).filter(|_| before.status.is_open()) {
        attempt.code = Some(decline.code.clone());
        attempt.decline_code.clone_from(&decline.decline_code);
        attempt.message = Some(decline.message.clone());
    }
    if let Some(next) = next {
        attempt.status = next;
        if next == AttemptStatus::Succeeded {
            (attempt.code, attempt.decline_code, attempt.message) = (None, None, None);
        }
        attempt.settled_at = (!next.is_open()).then(|| tx.now());
    }
    sql::update(tx, &attempt, charge.request_id.as_deref(), asked).await?;
    if next.is_some() {
        tell(tx, terms, &before, &attempt).await?;
    }
    Ok(Seen::Applied)
}

const fn decline_of(outcome: &Outcome) -> Option<&Decline> {
    match outcome {
        Outcome::Declined(decline) | Outcome::RequiresAction(Some(decline)) => Some(decline),
        _ => None,
    }
}

/// The provider could not be asked for it, and will never be: nothing was charged.
pub(super) async fn fail(
    tx: &mut ControlTx,
    terms: &Terms,
    id: AttemptId,
    code: &str,
    message: &str,
) -> Result<(), sqlx::Error> {
    let Some(row) = lock(tx, id).await?.filter(|row| row.attempt.status.is_open()) else {
        return Ok(());
    };
    let now = tx.now();
    let attempt = Attempt {
        status: AttemptStatus::Failed,
        code: Some(code.to_owned()),
        message: Some(message.to_owned()),
        settled_at: Some(now),
        ..row.attempt.clone()
    };
    sql::update(tx, &attempt, None, now).await?;
    tell(tx, terms, &row.attempt, &attempt).await
}

/// Everything that follows from a new status, in the transaction that writes it down.
async fn tell(
    tx: &mut ControlTx,
    terms: &Terms,
    before: &Attempt,
    after: &Attempt,
) -> Result<(), sqlx::Error> {
    let kind = match after.status {
        AttemptStatus::Succeeded => EventType::PaymentSucceeded,
        AttemptStatus::Declined | AttemptStatus::Failed | AttemptStatus::Canceled => EventType::PaymentFailed,
        _ => EventType::PaymentPending,
    };
    let event = of(kind, after)
        .change("status", before.status.name(), after.status.name())
        .meta("code", after.code.as_deref());
    audit::record(tx, event).await?;
    if after.status == AttemptStatus::Succeeded {
        return effects::payment_succeeded(tx, terms, after).await;
    }
    dunning::attempt_settled(tx, terms, after).await
}

fn of(kind: EventType, attempt: &Attempt) -> Event {
    Event::new(kind)
        .of_tenant(attempt.tenant_id)
        .resource(attempt.id, None)
}

/// The attempt that the provider calls so.
pub(crate) async fn find_by_reference(
    tx: &mut ControlTx,
    provider: ProviderKind,
    reference: &str,
) -> Result<Option<AttemptId>, sqlx::Error> {
    sql::find_by_reference(tx, provider, reference).await
}

/// An attempt's amount and reference, to be compared with what the provider has.
pub(crate) async fn look_at(tx: &mut ControlTx, id: AttemptId) -> Result<Option<Attempt>, sqlx::Error> {
    get(tx, id).await
}

/// Leaves a job for each attempt that nobody has looked at since.
pub async fn overdue(tx: &mut ControlTx, before: Timestamp) -> Result<usize, sqlx::Error> {
    let overdue = sql::take_overdue(tx, before).await?;
    let count = overdue.len();
    for (attempt, tenant) in overdue {
        tx.enqueue(&ChargeAttempt { attempt, tenant }).await?;
    }
    Ok(count)
}
