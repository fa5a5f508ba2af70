//! What payments mean to the rest of billing: every way in which what happens here is heard there.
//!
//! Each is called once for its cause, in the transaction that writes the cause down, under `lock`.

use isolation::ControlTx;
use kernel::TenantId;
use pricing::MoneyError;

use super::attempts::Attempt;
use super::disputes::{Dispute, Stake};
use super::refunds::Refund;
use crate::accounts::{self, AccountError};
use crate::invoices::{self, InvoiceError, NewPayment, NewRepayment, PaymentId, RefundFrom, RepaymentId};
use crate::ledger::{self, Account, Cause, Entry};
use crate::providers::RefundStatus;
use crate::{Terms, clock};

/// Takes the lock of everything that bills the tenant, which comes before every other.
pub(super) async fn lock(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    match accounts::lock(tx, tenant).await {
        Ok(_) | Err(AccountError::NotFound) => Ok(()),
        Err(AccountError::Database(error)) => Err(error),
        Err(other) => Err(impossible(other)),
    }
}

/// Money came for an invoice, perhaps after the invoice was paid otherwise.
pub(super) async fn payment_succeeded(
    tx: &mut ControlTx,
    terms: &Terms,
    attempt: &Attempt,
) -> Result<(), sqlx::Error> {
    let new = NewPayment {
        id: PaymentId::from_uuid(attempt.id.uuid()),
        invoice: attempt.invoice_id,
        amount: attempt.amount,
        reference: attempt.reference.clone(),
        received_at: None,
    };
    let recorded = invoices::record_payment(tx, terms, attempt.tenant_id, new).await;
    recorded.map(drop).map_err(refused)
}

/// A refund reached its payee, or came back. One that succeeded may still come back.
pub(super) async fn refund_settled(tx: &mut ControlTx, refund: &Refund) -> Result<(), sqlx::Error> {
    let id = RepaymentId::from_uuid(refund.id.uuid());
    let settled = if refund.status == RefundStatus::Succeeded {
        invoices::refund_paid(tx, refund.tenant_id, id).await
    } else {
        invoices::refund_failed(tx, refund.tenant_id, id).await
    };
    settled.map(drop).map_err(refused)
}

/// Somebody refunded at the provider, past us: the invoice has it as far as something is left of it, then the balance.
pub(super) async fn refund_found(
    tx: &mut ControlTx,
    terms: &Terms,
    refund: &Refund,
) -> Result<(), sqlx::Error> {
    let new = NewRepayment {
        id: RepaymentId::from_uuid(refund.id.uuid()),
        payment: PaymentId::from_uuid(refund.payment_id.uuid()),
        amount: refund.amount,
        from: RefundFrom::Either,
        note: None,
    };
    let asked = invoices::request_refund(tx, terms, refund.tenant_id, new).await;
    asked.map(drop).map_err(refused)
}

/// A dispute was opened or decided, or decided otherwise: its money is taken from where it was to where it is. `bookings`
/// counts what was booked of it before.
pub(super) async fn dispute_moved(
    tx: &mut ControlTx,
    from: Option<Stake>,
    dispute: &Dispute,
    bookings: i64,
) -> Result<(), sqlx::Error> {
    let to = dispute.stake();
    if from == Some(to) {
        return Ok(());
    }
    let cause = match to.account {
        Account::Disputes => Cause::DisputeOpened,
        Account::WriteOff => Cause::DisputeLost,
        _ => Cause::DisputeWon,
    };
    let entry = moved(cause, from, to, dispute).map_err(impossible)?;
    let at = clock::now(tx).await?;
    ledger::record(tx, dispute.tenant_id, &entry.occurrence(bookings), at)
        .await
        .map(drop)
}

fn moved(cause: Cause, from: Option<Stake>, to: Stake, dispute: &Dispute) -> Result<Entry, MoneyError> {
    let mut entry = Entry::of(cause, dispute.id, dispute.amount.currency);
    if let Some(from) = from {
        entry = entry.transfer(from.amount, Account::Cash, from.account)?;
    }
    entry.transfer(to.amount, to.account, Account::Cash)
}

fn refused(error: InvoiceError) -> sqlx::Error {
    match error {
        InvoiceError::Database(error) => error,
        other => impossible(other),
    }
}

/// What the invariants of both rooms exclude. The transaction ends and is tried again, so that nothing is lost meanwhile.
fn impossible(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    tracing::error!(%error, "what a payment means could not be written down");
    sqlx::Error::Encode(Box::new(error))
}
