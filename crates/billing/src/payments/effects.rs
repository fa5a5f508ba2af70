//! What payments mean to the rest of billing: every way in which what happens here is heard there.
//!
//! Each is called once for its cause, in the transaction that writes the cause down, under `lock`.

use isolation::ControlTx;
use kernel::TenantId;

use super::attempts::Attempt;
use super::disputes::Dispute;
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
pub(super) async fn payment_succeeded(tx: &mut ControlTx, attempt: &Attempt) -> Result<(), sqlx::Error> {
    let new = NewPayment {
        id: PaymentId::from_uuid(attempt.id.uuid()),
        invoice: attempt.invoice_id,
        amount: attempt.amount,
        reference: attempt.reference.clone(),
        received_at: None,
    };
    let recorded = invoices::record_payment(tx, attempt.tenant_id, new).await;
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

/// A payer contests a payment: its money is gone for now.
pub(super) async fn dispute_opened(tx: &mut ControlTx, dispute: &Dispute) -> Result<(), sqlx::Error> {
    book(
        tx,
        dispute,
        Cause::DisputeOpened,
        (Account::Disputes, Account::Cash),
    )
    .await
}

/// A dispute ended: the money is back, or gone for good.
pub(super) async fn dispute_closed(tx: &mut ControlTx, dispute: &Dispute) -> Result<(), sqlx::Error> {
    if dispute.is_won() {
        return book(tx, dispute, Cause::DisputeWon, (Account::Cash, Account::Disputes)).await;
    }
    book(
        tx,
        dispute,
        Cause::DisputeLost,
        (Account::WriteOff, Account::Disputes),
    )
    .await
}

async fn book(
    tx: &mut ControlTx,
    dispute: &Dispute,
    cause: Cause,
    (debit, credit): (Account, Account),
) -> Result<(), sqlx::Error> {
    let entry = Entry::of(cause, dispute.id, dispute.amount.currency)
        .transfer(dispute.amount, debit, credit)
        .map_err(impossible)?;
    let at = clock::now(tx).await?;
    ledger::record(tx, dispute.tenant_id, &entry, at).await.map(drop)
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
