//! Nothing is due any more: the case ends, and what dunning took is given back.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use sqlx::Executor;
use tenants::{Status, SuspensionReason};

use super::error::DunningError;
use super::model::{Case, CaseStatus};
use super::sql;
use super::steps::is_owed;
use crate::invoices::{Invoice, InvoiceStatus};
use crate::payments::attempts;
use crate::subscriptions::{self, SubscriptionStatus};
use crate::terms::Terms;

/// Hears of an invoice that was just paid, credited, voided or given up, at the end of what did that. Should what follows
/// fail, that stays nevertheless, and the driver tries again.
pub(crate) async fn settled(
    tx: &mut ControlTx,
    terms: &Terms,
    invoice: &Invoice,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    if is_owed(invoice) {
        return Ok(());
    }
    let case = sql::of_invoice(tx, invoice.tenant_id, invoice.id).await?;
    let Some(case) = case.filter(|case| case.status != CaseStatus::Ended) else {
        return Ok(());
    };
    tx.conn().execute("SAVEPOINT dunning").await?;
    match Box::pin(end(tx, terms, case, invoice, now)).await {
        Ok(()) => {}
        Err(DunningError::Database(error)) => return Err(error),
        Err(error) => {
            tracing::error!(tenant = %invoice.tenant_id, invoice = %invoice.id, %error, "what was paid has no consequences yet");
            tx.conn().execute("ROLLBACK TO SAVEPOINT dunning").await?;
            sql::look(tx, invoice.tenant_id, invoice.id, now).await?;
        }
    }
    tx.conn().execute("RELEASE SAVEPOINT dunning").await.map(drop)
}

/// Hears of an invoice that a change of its subscription has credited: the driver looks at it when that is done.
pub(crate) async fn invoice_changed(
    tx: &mut ControlTx,
    invoice: &Invoice,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    if is_owed(invoice) {
        return Ok(());
    }
    sql::look(tx, invoice.tenant_id, invoice.id, now).await
}

/// Ends a case, whose account is locked.
pub(super) async fn end(
    tx: &mut ControlTx,
    terms: &Terms,
    case: Case,
    invoice: &Invoice,
    now: Timestamp,
) -> Result<(), DunningError> {
    let tenant = case.tenant_id;
    let was_exhausted = case.status == CaseStatus::Exhausted;
    sql::save(tx, &case.ended(now)).await?;
    attempts::call_off(tx, tenant, invoice.id).await?;
    let event = Event::new(EventType::DunningEnded)
        .of_tenant(tenant)
        .resource(invoice.id, invoice.number.as_deref())
        .meta("invoiceStatus", invoice.status.name());
    audit::record(tx, event).await?;
    // Whoever gives an invoice up gives nothing back for it: that is for somebody to decide.
    let given_up = invoice.status == InvoiceStatus::Uncollectible && was_exhausted;
    if given_up || sql::has_open(tx, tenant).await? {
        return Ok(());
    }
    restore(tx, terms, tenant).await
}

async fn restore(tx: &mut ControlTx, terms: &Terms, tenant: TenantId) -> Result<(), DunningError> {
    use SubscriptionStatus::{Incomplete, PastDue, Unpaid};
    let live = subscriptions::live(tx, tenant).await?;
    if matches!(live.map(|live| live.status), Some(PastDue | Unpaid | Incomplete)) {
        subscriptions::mark_paid(tx, terms, tenant).await?;
    }
    let record = tenants::get_for_update(tx, tenant).await?;
    let overdue = Some(SuspensionReason::payment_overdue());
    if record.is_some_and(|it| it.status == Status::Suspended && it.suspension_reason == overdue) {
        tenants::reactivate(tx, tenant, None).await?;
    }
    Ok(())
}
