//! Asking for a refund, and learning what became of it.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use jobs::Queue;
use kernel::{TenantId, Timestamp};
use pricing::Money;

use super::jobs::SendRefund;
use super::model::{Refund, RefundId};
use super::sql::{self, Row};
use crate::invoices::InvoiceId;
use crate::payments::attempts::{self, Attempt, AttemptId, AttemptStatus, Seen};
use crate::payments::{Payments, calls, effects, freshness};
use crate::providers::{ProviderKind, RefundState, RefundStatus};

/// Money that is to go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    /// Of which payment.
    pub payment: AttemptId,
    /// How much of it.
    pub amount: Money,
    /// Why, in words.
    pub reason: Option<String>,
}

/// Nothing can go back.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    /// There is no such payment, or no money came of it.
    #[error("there is no such payment")]
    NotPaid,
    /// More than is left of the payment.
    #[error("more than is left of the payment")]
    AboveLeft {
        /// What is left, in minor units.
        left: i64,
    },
    /// Nothing, or in another currency.
    #[error("not an amount of this payment")]
    Amount,
    /// The database.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Writes down that money is to go back by the way it came; a job asks the provider. It happens if the transaction commits.
pub async fn ask(tx: &mut ControlTx, id: RefundId, new: NewRefund) -> Result<Refund, RefundError> {
    let payment = attempts::get(tx, new.payment).await?;
    let payment =
        payment.filter(|payment| payment.status == AttemptStatus::Succeeded && payment.reference.is_some());
    let payment = payment.ok_or(RefundError::NotPaid)?;
    effects::lock(tx, payment.tenant_id).await?;
    if new.amount.amount <= 0 || new.amount.currency != payment.amount.currency {
        return Err(RefundError::Amount);
    }
    let left = payment.amount.amount - sql::refunded(tx, payment.id).await?;
    if new.amount.amount > left {
        return Err(RefundError::AboveLeft { left });
    }
    let row = Row {
        refund: Refund {
            reason: new.reason,
            ..written(id, &payment, new.amount, tx.now())
        },
        idempotency_key: calls::key(id),
        seen_at: None,
    };
    sql::insert(tx, &row).await?;
    let tenant = payment.tenant_id;
    tx.enqueue(&SendRefund { refund: id, tenant }).await?;
    Ok(row.refund)
}

fn written(id: RefundId, payment: &Attempt, amount: Money, now: Timestamp) -> Refund {
    Refund {
        id,
        tenant_id: payment.tenant_id,
        payment_id: payment.id,
        provider: payment.provider,
        amount,
        reason: None,
        status: RefundStatus::Created,
        reference: None,
        code: None,
        message: None,
        created_at: now,
        settled_at: None,
    }
}

/// One refund.
pub async fn get(tx: &mut ControlTx, id: RefundId) -> Result<Option<Refund>, sqlx::Error> {
    Ok(sql::get(tx, id).await?.map(|row| row.refund))
}

/// An invoice's refunds, oldest first.
pub async fn of_invoice(
    tx: &mut ControlTx,
    tenant: TenantId,
    invoice: InvoiceId,
) -> Result<Vec<Refund>, sqlx::Error> {
    let mut all = Vec::new();
    for attempt in attempts::of_invoice(tx, tenant, invoice).await? {
        all.extend(of_payment(tx, attempt.id).await?);
    }
    Ok(all)
}

/// A payment's refunds, oldest first.
pub async fn of_payment(tx: &mut ControlTx, payment: AttemptId) -> Result<Vec<Refund>, sqlx::Error> {
    let rows = sql::of_payment(tx, payment).await?;
    Ok(rows.into_iter().map(|row| row.refund).collect())
}

/// The refund that the provider calls so.
pub(in crate::payments) async fn find(
    tx: &mut ControlTx,
    reference: &str,
) -> Result<Option<RefundId>, sqlx::Error> {
    sql::find(tx, reference).await
}

/// The refund, for this transaction alone until it ends. The lock of everything that bills the tenant comes first.
async fn lock(tx: &mut ControlTx, id: RefundId) -> Result<Option<Row>, sqlx::Error> {
    let Some(row) = sql::get(tx, id).await? else {
        return Ok(None);
    };
    effects::lock(tx, row.refund.tenant_id).await?;
    sql::lock(tx, id).await
}

/// Writes down what the provider said of a refund when it was `asked`, with everything that follows from it.
pub(in crate::payments) async fn settle(
    tx: &mut ControlTx,
    id: RefundId,
    said: &RefundState,
    asked: Timestamp,
) -> Result<Seen, sqlx::Error> {
    let Some(row) = lock(tx, id).await? else {
        return Ok(Seen::Foreign);
    };
    if freshness::is_stale(asked, row.seen_at) {
        return Ok(Seen::Stale);
    }
    let before = row.refund;
    let next = before.status.after(said.status);
    let mut refund = Refund {
        reference: Some(said.reference.clone()),
        status: next.unwrap_or(before.status),
        ..before.clone()
    };
    if next.is_some() {
        refund.code.clone_from(&said.failure);
        refund.message = None;
        refund.settled_at = (!refund.status.is_open()).then(|| tx.now());
    }
    sql::update(tx, &refund, said.request_id.as_deref(), asked).await?;
    if next.is_some() {
        tell(tx, before.status, &refund).await?;
    }
    Ok(Seen::Applied)
}

/// The provider could not be asked for it, and will never be: nothing went back.
pub(super) async fn fail(
    tx: &mut ControlTx,
    id: RefundId,
    code: &str,
    message: &str,
) -> Result<(), sqlx::Error> {
    let Some(row) = lock(tx, id).await?.filter(|row| row.refund.status.is_open()) else {
        return Ok(());
    };
    let now = tx.now();
    let refund = Refund {
        status: RefundStatus::Failed,
        code: Some(code.to_owned()),
        message: Some(message.to_owned()),
        settled_at: Some(now),
        ..row.refund.clone()
    };
    sql::update(tx, &refund, None, now).await?;
    tell(tx, row.refund.status, &refund).await
}

async fn tell(tx: &mut ControlTx, before: RefundStatus, refund: &Refund) -> Result<(), sqlx::Error> {
    if refund.status.is_open() {
        return Ok(());
    }
    let event = Event::new(EventType::RefundSettled)
        .of_tenant(refund.tenant_id)
        .resource(refund.id, None)
        .change("status", before.name(), refund.status.name())
        .meta("amount", refund.amount.amount);
    audit::record(tx, event).await?;
    effects::refund_settled(tx, refund).await
}

/// Writes down a refund that somebody made at the provider, past us.
pub(in crate::payments) async fn found(
    tx: &mut ControlTx,
    payments: &Payments,
    payment: AttemptId,
    amount: Money,
    said: &RefundState,
    asked: Timestamp,
) -> Result<Seen, sqlx::Error> {
    let Some(payment) = attempts::get(tx, payment).await? else {
        return Ok(Seen::Foreign);
    };
    effects::lock(tx, payment.tenant_id).await?;
    if let Some(known) = sql::find(tx, &said.reference).await? {
        return settle(tx, known, said, asked).await;
    }
    let id = tx.new_id();
    let row = Row {
        refund: Refund {
            provider: ProviderKind::Stripe,
            reference: Some(said.reference.clone()),
            ..written(id, &payment, amount, tx.now())
        },
        idempotency_key: format!("found-{}", said.reference),
        seen_at: None,
    };
    sql::insert(tx, &row).await?;
    let event = Event::new(EventType::RefundFound)
        .of_tenant(payment.tenant_id)
        .resource(id, None)
        .meta("amount", amount.amount);
    audit::record(tx, event).await?;
    effects::refund_found(tx, payments.terms(), &row.refund).await?;
    settle(tx, id, said, asked).await
}

/// Leaves a job for each refund that nobody has looked at since.
pub async fn overdue(tx: &mut ControlTx, before: Timestamp) -> Result<usize, sqlx::Error> {
    let overdue = sql::take_overdue(tx, before).await?;
    let count = overdue.len();
    for (refund, tenant) in overdue {
        tx.enqueue(&SendRefund { refund, tenant }).await?;
    }
    Ok(count)
}
