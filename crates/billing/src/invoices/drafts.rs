//! Drafts: invoices that can still change.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::Money;

use super::error::InvoiceError;
use super::model::{
    Invoice, InvoiceId, InvoiceKind, InvoiceStatus, Line, LineId, NewInvoice, NewLine, TaxTreatment,
};
use super::totals::{add_up, treatment};
use super::{recorded, sql};
use crate::accounts::{self, BillingAccount};
use crate::clock;
use crate::terms::Terms;

/// Something that somebody charges once, in the account's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineOrder {
    /// What the invoice says.
    pub description: String,
    /// What it comes to, in minor units.
    pub amount: i64,
}

impl LineOrder {
    fn priced(self, account: &BillingAccount) -> NewLine {
        NewLine::one_time(self.description, Money::new(self.amount, account.currency))
    }
}

/// A draft that an operator writes, with what he charges once.
pub async fn write(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    lines: Vec<LineOrder>,
) -> Result<(Invoice, Vec<Line>), InvoiceError> {
    let account = accounts::lock(tx, tenant).await?;
    let lines = lines.into_iter().map(|line| line.priced(&account)).collect();
    create(tx, terms, tenant, lines).await
}

/// Adds something to a draft that is charged once.
pub async fn add_once(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    id: InvoiceId,
    expected: Option<i64>,
    line: LineOrder,
) -> Result<(Invoice, Vec<Line>), InvoiceError> {
    let account = accounts::lock(tx, tenant).await?;
    let line = line.priced(&account);
    add_line(tx, terms, tenant, id, expected, line).await
}

/// A draft that somebody writes by hand.
pub async fn create(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    lines: Vec<NewLine>,
) -> Result<(Invoice, Vec<Line>), InvoiceError> {
    let account = accounts::lock(tx, tenant).await?;
    let at = clock::now(tx).await?;
    let new = NewInvoice {
        subscription: None,
        kind: InvoiceKind::Manual,
        period: None,
        finalize_at: None,
        usage: None,
        coupons: Vec::new(),
        lines,
    };
    draft(tx, terms, &account, new, at).await
}

/// Makes a draft of an account that is locked.
pub(crate) async fn draft(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    new: NewInvoice,
    at: Timestamp,
) -> Result<(Invoice, Vec<Line>), InvoiceError> {
    let sold = sold(tx, account, new.lines.clone())?;
    let mut invoice = blank(tx, terms, account, new, at);
    let lines = add_up(&mut invoice, sold, &treatment(terms, account, at), tx.seams())?;
    sql::insert(tx, &invoice, &lines).await?;
    recorded(tx, EventType::InvoiceCreated, &invoice, |event| event).await?;
    Ok((invoice, lines))
}

fn sold(tx: &ControlTx, account: &BillingAccount, lines: Vec<NewLine>) -> Result<Vec<Line>, InvoiceError> {
    for line in &lines {
        line.amount.same_currency(Money::zero(account.currency))?;
        if line.amount.is_negative() {
            return Err(InvoiceError::NegativeLine);
        }
    }
    Ok(lines.into_iter().map(|line| line.numbered(tx.new_id())).collect())
}

fn blank(tx: &ControlTx, terms: &Terms, account: &BillingAccount, new: NewInvoice, at: Timestamp) -> Invoice {
    let nothing = Money::zero(account.currency);
    Invoice {
        id: tx.new_id(),
        tenant_id: account.tenant_id,
        subscription_id: new.subscription,
        kind: new.kind,
        status: InvoiceStatus::Draft,
        currency: account.currency,
        period: new.period,
        finalize_at: new.finalize_at,
        usage: new.usage,
        coupons: new.coupons,
        number: None,
        subtotal: nothing,
        discount: nothing,
        tax: nothing,
        total: nothing,
        prices_include_tax: terms.tax_behaviour == pricing::tax::TaxBehaviour::Inclusive,
        tax_treatment: TaxTreatment::NotCollected,
        balance_applied: nothing,
        carried_over: nothing,
        finalized_at: None,
        due_at: None,
        seller: None,
        customer: None,
        paid: nothing,
        surplus: nothing,
        credited_due: nothing,
        credited_paid: nothing,
        refunded: nothing,
        written_off: nothing,
        due: nothing,
        paid_at: None,
        voided_at: None,
        uncollectible_at: None,
        version: 1,
        created_at: at,
        updated_at: at,
    }
}

/// Adds a line to a draft.
pub async fn add_line(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    id: InvoiceId,
    expected: Option<i64>,
    line: NewLine,
) -> Result<(Invoice, Vec<Line>), InvoiceError> {
    let account = accounts::lock(tx, tenant).await?;
    let (invoice, mut lines) = open_draft(tx, tenant, id, expected).await?;
    lines.extend(sold(tx, &account, vec![line])?);
    rewrite(tx, terms, &account, invoice, lines).await
}

/// Takes a line from a draft.
pub async fn remove_line(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    id: InvoiceId,
    expected: Option<i64>,
    line: LineId,
) -> Result<(Invoice, Vec<Line>), InvoiceError> {
    let account = accounts::lock(tx, tenant).await?;
    let (invoice, mut lines) = open_draft(tx, tenant, id, expected).await?;
    let before = lines.len();
    lines.retain(|known| known.id != line);
    if lines.len() == before {
        return Err(InvoiceError::NotFound);
    }
    rewrite(tx, terms, &account, invoice, lines).await
}

/// Deletes a draft that somebody wrote by hand: those of subscriptions would be missing.
pub async fn delete(tx: &mut ControlTx, tenant: TenantId, id: InvoiceId) -> Result<(), InvoiceError> {
    accounts::lock(tx, tenant).await?;
    let (invoice, _) = open_draft(tx, tenant, id, None).await?;
    if invoice.kind != InvoiceKind::Manual {
        return Err(InvoiceError::WrongStatus {
            status: invoice.status,
            action: "deleted, because a subscription made it",
        });
    }
    sql::delete(tx, tenant, id).await?;
    Ok(recorded(tx, EventType::InvoiceDeleted, &invoice, |event| event).await?)
}

/// A draft and what is sold by it.
pub(super) async fn open_draft(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: InvoiceId,
    expected: Option<i64>,
) -> Result<(Invoice, Vec<Line>), InvoiceError> {
    let invoice = sql::get(tx, tenant, id).await?.ok_or(InvoiceError::NotFound)?;
    if invoice.status != InvoiceStatus::Draft {
        return Err(InvoiceError::WrongStatus {
            status: invoice.status,
            action: "changed",
        });
    }
    if expected.is_some_and(|version| version != invoice.version) {
        return Err(InvoiceError::VersionMismatch {
            current: invoice.version,
        });
    }
    let mut lines = sql::lines(tx, tenant, id, invoice.currency).await?;
    lines.retain(|line| line.kind.is_sold());
    Ok((invoice, lines))
}

async fn rewrite(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    mut invoice: Invoice,
    sold: Vec<Line>,
) -> Result<(Invoice, Vec<Line>), InvoiceError> {
    let at = clock::now(tx).await?;
    let total = invoice.total.amount;
    let lines = add_up(&mut invoice, sold, &treatment(terms, account, at), tx.seams())?;
    invoice.version += 1;
    invoice.updated_at = at;
    sql::replace_lines(tx, &invoice, &lines).await?;
    sql::save_draft(tx, &invoice).await?;
    let change = |event: Event| event.change("total", total, invoice.total.amount);
    recorded(tx, EventType::InvoiceUpdated, &invoice, change).await?;
    Ok((invoice, lines))
}
