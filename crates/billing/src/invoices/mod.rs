//! Invoices, credit notes, and the money that comes for them and goes back.
//!
//! ```text
//!            finalize                 paid or credited
//!   draft ─────────────▶ open ────────────────────────────▶ paid
//!     │                   │ ▲ │ void (nothing paid)
//!     │ delete            │ │ └──────────▶ void
//!     ▼              give up│ │ a payment comes after all
//!    gone                 ▼ │
//!                     uncollectible
//! ```
//!
//! Invariants: a final invoice and a credit note never change (a trigger refuses it too); numbers have no gaps; every total
//! is the sum of parts that were rounded; everything that moves money is booked in the transaction that says so; nothing is
//! sold for less than nothing: what is taken back has a credit note. Of money that came nothing is dropped, and of a payment
//! never more goes back than came. Whatever is done here begins with the lock of the tenant's account.
//!
//! What may not enter: when something is invoiced (subscriptions and the driver) and how it is collected (payments).

mod credit_note_rows;
mod credit_notes;
mod drafts;
mod error;
mod finalization;
mod model;
mod numbers;
mod payment_rows;
mod printing;
mod reading;
mod repayments;
mod row;
mod settlement;
mod sql;
#[cfg(test)]
mod tests;
mod totals;

use audit::{Event, EventType};
use isolation::ControlTx;
use kernel::Timestamp;

use crate::subscriptions::Subscription;
pub use credit_notes::{CreditLine, CreditNote, CreditNoteEntity, CreditNoteId, Reason, credit};
pub(crate) use credit_notes::{Destination, Sold, issue, sold};
pub(crate) use drafts::draft;
pub use drafts::{LineOrder, add_line, add_once, create, delete, remove_line, write};
pub use error::InvoiceError;
pub use finalization::finalize;
pub(crate) use finalization::{finalize_draft, finalize_due, finish};
pub use model::{
    AppliedCoupon, Invoice, InvoiceEntity, InvoiceId, InvoiceKind, InvoiceStatus, Line, LineEntity, LineId,
    LineKind, NewLine, Party, TaxTreatment, Timed,
};
pub(crate) use model::{NewInvoice, UsageWindow};
pub use reading::{Document, get, list, of_version};
pub use repayments::{
    NewRepayment, RefundFrom, Repayment, RepaymentEntity, RepaymentId, RepaymentStatus, most_refundable,
    refund_failed, refund_paid, repayments, request_refund,
};
pub use settlement::{
    NewPayment, Payment, PaymentEntity, PaymentId, mark_uncollectible, record_payment, void,
};

/// The subscription's drafts, with what is sold by each.
pub(crate) async fn open_drafts(
    tx: &mut ControlTx,
    subscription: &Subscription,
) -> Result<Vec<(Invoice, Vec<Line>)>, InvoiceError> {
    let mut open = Vec::new();
    for draft in sql::drafts(tx, subscription.tenant_id, subscription.id).await? {
        open.push(drafts::open_draft(tx, draft.tenant_id, draft.id, None).await?);
    }
    Ok(open)
}

/// The subscription's final invoices that charged for time which is not over at that instant.
pub(crate) async fn charging_after(
    tx: &mut ControlTx,
    subscription: &Subscription,
    at: Timestamp,
) -> Result<Vec<Invoice>, sqlx::Error> {
    sql::charging_after(tx, subscription.tenant_id, subscription.id, at).await
}

/// Records what happened to an invoice.
async fn recorded(
    tx: &mut ControlTx,
    kind: EventType,
    invoice: &Invoice,
    detail: impl FnOnce(Event) -> Event,
) -> Result<(), sqlx::Error> {
    let event = Event::new(kind)
        .of_tenant(invoice.tenant_id)
        .resource(invoice.id, invoice.number.as_deref());
    audit::record(tx, detail(event)).await
}
