//! An invoice becomes final: it gets its number, takes the customer's balance, is booked, and never changes again.

use audit::EventType;
use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::{Money, MoneyError};

use super::drafts::open_draft;
use super::error::InvoiceError;
use super::model::{Invoice, InvoiceId, Line, LineKind, Party};
use super::numbers::{self, Series};
use super::totals::{add_up, reckoned, treatment};
use super::{recorded, sql};
use crate::accounts::{self, BillingAccount};
use crate::clock;
use crate::ledger::{self, Account, Cause, Entry};
use crate::payments::attempts::{self, CollectError};
use crate::terms::Terms;
use crate::usage;

/// Makes a draft final.
pub async fn finalize(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    id: InvoiceId,
    expected: Option<i64>,
) -> Result<Invoice, InvoiceError> {
    let account = accounts::lock(tx, tenant).await?;
    let (invoice, sold) = open_draft(tx, tenant, id, expected).await?;
    let at = clock::now(tx).await?;
    let done = finalize_draft(tx, terms, &account, invoice, sold, at).await?;
    done.ok_or(InvoiceError::Empty)
}

/// Makes a draft final that sells this and the usage that it is to charge for. A subscription's draft on which there is
/// nothing then is deleted.
pub(crate) async fn finalize_draft(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    mut invoice: Invoice,
    mut sold: Vec<Line>,
    at: Timestamp,
) -> Result<Option<Invoice>, InvoiceError> {
    sold.extend(usage::charge(tx, terms, account, &invoice, at).await?);
    if sold.is_empty() {
        if invoice.subscription_id.is_some() {
            sql::delete(tx, invoice.tenant_id, invoice.id).await?;
            recorded(tx, EventType::InvoiceDeleted, &invoice, |event| event).await?;
        }
        return Ok(None);
    }
    let lines = add_up(&mut invoice, sold, &treatment(terms, account, at), tx.seams())?;
    sql::replace_lines(tx, &invoice, &lines).await?;
    Ok(Some(finish(tx, terms, account, invoice, lines.len(), at).await?))
}

/// Makes a draft final whose time is over, of an account that is locked; one that is not a draft any more stays as it is.
pub(crate) async fn finalize_due(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    id: InvoiceId,
    at: Timestamp,
) -> Result<(), InvoiceError> {
    match open_draft(tx, account.tenant_id, id, None).await {
        Ok((invoice, sold)) => {
            finalize_draft(tx, terms, account, invoice, sold, at).await?;
            Ok(())
        }
        Err(InvoiceError::NotFound | InvoiceError::WrongStatus { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a draft final that was just made with these lines.
pub(crate) async fn finish(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    mut invoice: Invoice,
    lines: usize,
    at: Timestamp,
) -> Result<Invoice, InvoiceError> {
    let balance = ledger::customer_balance(tx, account.tenant_id, invoice.currency).await?;
    let currency = invoice.currency;
    let least = Money::new(account.provider.minimum(currency), currency);
    let Collected { applied, carried } = collected(invoice.total, balance, least)?;
    if !applied.is_zero() {
        let word = if applied.is_positive() {
            "From the balance"
        } else {
            "Carried over from earlier invoices"
        };
        let line = reckoned(LineKind::Credit, word, applied.checked_neg()?, tx.seams());
        let position = i32::try_from(lines + 1).unwrap_or(i32::MAX);
        sql::append_line(tx, &invoice, position, &line).await?;
    }
    invoice.balance_applied = applied;
    invoice.carried_over = carried;
    invoice.finalized_at = Some(at);
    invoice.finalize_at = None;
    invoice.due_at = Some(at.plus_days(terms.payment_days.into()));
    invoice.seller = Some(terms.seller.party.clone());
    invoice.customer = Some(Party::customer(account));
    invoice.reckon_due(at);
    invoice.version += 1;
    invoice.updated_at = at;
    let (sequence, number) = numbers::next(tx, &terms.seller, Series::Invoice).await?;
    invoice.number = Some(number);
    sql::save_final(tx, &invoice, &terms.seller.legal_entity, sequence).await?;
    ledger::record(tx, account.tenant_id, &booked(&invoice)?, at).await?;
    let change = |event: audit::Event| {
        event
            .change("status", "draft", invoice.status.name())
            .meta("total", invoice.total.amount)
            .meta("due", invoice.due.amount)
            .meta("currency", invoice.currency.code())
    };
    recorded(tx, EventType::InvoiceFinalized, &invoice, change).await?;
    collect(tx, account, &invoice).await?;
    Ok(invoice)
}

/// Hands what is due to collecting. Where nobody can be charged it waits to be paid by hand.
async fn collect(
    tx: &mut ControlTx,
    account: &BillingAccount,
    invoice: &Invoice,
) -> Result<(), InvoiceError> {
    if !invoice.due.is_positive() {
        return Ok(());
    }
    let order = attempts::Order {
        tenant: invoice.tenant_id,
        invoice: invoice.id,
        amount: invoice.due,
        description: format!("Invoice {}", invoice.number.as_deref().unwrap_or_default()),
    };
    match attempts::collect(tx, account.provider, order).await {
        Ok(_) | Err(CollectError::Uncollectible | CollectError::NoMethod | CollectError::AlreadyOpen) => {
            Ok(())
        }
        Err(CollectError::Database(error)) => Err(error.into()),
    }
}

/// What the balance does to an invoice.
struct Collected {
    /// Taken from the balance; negative: added by it.
    applied: Money,
    /// Left to the next invoice.
    carried: Money,
}

/// The balance pays as much as it has. What it owes is collected with the first invoice that comes to anything, unless all of
/// it together is less than the least that can be collected.
fn collected(total: Money, balance: Money, minimum: Money) -> Result<Collected, MoneyError> {
    let nothing = Money::zero(total.currency);
    let applied = if total.is_zero() {
        nothing
    } else {
        balance.min(total)?
    };
    let due = total.checked_sub(applied)?;
    let too_little = due.is_positive() && due.amount < minimum.amount;
    Ok(Collected {
        applied,
        carried: if too_little { due } else { nothing },
    })
}

fn booked(invoice: &Invoice) -> Result<Entry, MoneyError> {
    let net = invoice.total.checked_sub(invoice.tax)?;
    Entry::of(Cause::Invoice, invoice.id, invoice.currency)
        .transfer(net, Account::Receivable, Account::Revenue)?
        .transfer(invoice.tax, Account::Receivable, Account::TaxPayable)?
        .transfer(
            invoice.balance_applied,
            Account::CustomerBalance,
            Account::Receivable,
        )?
        .transfer(
            invoice.carried_over,
            Account::CustomerBalance,
            Account::Receivable,
        )
}

#[cfg(test)]
mod tests {
    use pricing::Currency;

    use super::*;

    fn collected_of(total: i64, balance: i64, minimum: i64) -> (i64, i64) {
        let usd = |amount| Money::new(amount, Currency::USD);
        let Collected { applied, carried } =
            collected(usd(total), usd(balance), usd(minimum)).expect("small amounts fit");
        (applied.amount, carried.amount)
    }

    #[test]
    fn the_balance_pays_what_it_has_and_collects_what_it_owes() {
        assert_eq!(collected_of(1000, 0, 50), (0, 0));
        assert_eq!(collected_of(1000, 400, 50), (400, 0));
        assert_eq!(collected_of(1000, 4000, 50), (1000, 0));
        assert_eq!(collected_of(1000, -30, 50), (-30, 0));
        assert_eq!(
            collected_of(0, -30, 50),
            (0, 0),
            "nothing is collected by nothing"
        );
    }

    #[test]
    fn too_little_is_carried_over() {
        assert_eq!(collected_of(49, 0, 50), (0, 49));
        assert_eq!(collected_of(50, 0, 50), (0, 0));
        assert_eq!(collected_of(1000, 960, 50), (960, 40));
        assert_eq!(collected_of(10, -30, 50), (-30, 40));
        assert_eq!(collected_of(20, -30, 50), (-30, 0));
        assert_eq!(collected_of(49, 0, 0), (0, 0));
    }
}
