//! What came late: spans that were invoiced are measured again.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::Timestamp;
use pricing::{Money, MoneyError, Quantity};

use super::measure::{measured, usage_line};
use super::sql::{self, InvoicedUsage};
use crate::accounts::BillingAccount;
use crate::invoices::{self, CreditLine, Destination, Invoice, InvoiceError, Line, Reason};
use crate::subscriptions::SubscriptionId;
use crate::terms::Terms;

/// The lines for what came late since the subscription's spans were measured last.
pub(super) async fn charge(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    (subscription, invoice): (SubscriptionId, &Invoice),
    at: Timestamp,
) -> Result<Vec<Line>, InvoiceError> {
    let open = sql::still_open(tx, account.tenant_id, subscription).await?;
    let mut lines = Vec::new();
    for span in open.chunk_by(|one, other| one.span == other.span) {
        let names: Vec<&str> = span.iter().map(|usage| usage.metric.as_str()).collect();
        let quantities = measured(tx, account.tenant_id, &names, span[0].span).await?;
        for (usage, quantity) in span.iter().zip(quantities) {
            if quantity == usage.quantity {
                continue;
            }
            let amount = usage.price.rate(quantity)?.amount;
            let more = amount.checked_sub(Money::new(usage.amount, amount.currency))?;
            tell(tx, account, usage, quantity, more).await?;
            if more.is_positive() {
                let word = format!("Late: {}", usage.metric);
                let line = usage_line((&usage.metric, &word), usage.span, quantity, more, &usage.price);
                lines.push(line.numbered(tx.new_id()));
            } else if more.is_negative() {
                give_back(tx, terms, account, usage, more.checked_neg()?, at).await?;
            }
            sql::adjust(
                tx,
                account.tenant_id,
                subscription,
                usage,
                quantity,
                amount.amount,
            )
            .await?;
        }
        sql::checked(tx, account.tenant_id, subscription, span[0].span, at).await?;
    }
    debug_assert!(
        invoice.subscription_id == Some(subscription),
        "a subscription's own invoice"
    );
    Ok(lines)
}

/// More was charged than is measured now: a credit note over the lines that charged for it, the latest first.
async fn give_back(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    usage: &InvoicedUsage,
    amount: Money,
    at: Timestamp,
) -> Result<(), InvoiceError> {
    let mut left = amount;
    let item = format!("usage:{}", usage.metric);
    for mut invoice in sql::charged_on(tx, account.tenant_id, &item, usage.span).await? {
        if !left.is_positive() {
            break;
        }
        let mut lines = Vec::new();
        for sold in invoices::sold(tx, &invoice).await? {
            let ours = sold.line.item.as_deref() == Some(&item) && sold.line.period == Some(usage.span);
            if !ours {
                continue;
            }
            // What is left is in prices; of a discounted or tax-inclusive line its net part goes back.
            let part = left.min(sold.line.amount)?;
            left = left.checked_sub(part)?;
            lines.push(part_of(&sold, part)?);
        }
        let why = (
            Reason::Correction,
            Some("less was used than was measured".to_owned()),
        );
        let to = Destination::Customer;
        invoices::issue(tx, terms, account, &mut invoice, why, lines, to, at).await?;
    }
    Ok(())
}

fn part_of(sold: &invoices::Sold, part: Money) -> Result<CreditLine, MoneyError> {
    let net = pricing::Exact::from(part.amount).divided_by(&sold.line.amount.exact());
    let net = sold.line.net.times(&net.unwrap_or_default())?;
    let left = sold.line.net.checked_sub(sold.credited)?;
    CreditLine::of(sold, net.min(left)?)
}

async fn tell(
    tx: &mut ControlTx,
    account: &BillingAccount,
    usage: &InvoicedUsage,
    quantity: Quantity,
    more: Money,
) -> Result<(), sqlx::Error> {
    let event = Event::new(EventType::UsageDifferenceFound)
        .of_tenant(account.tenant_id)
        .resource(account.id, None)
        .change("quantity", usage.quantity.to_string(), quantity.to_string())
        .meta("metric", usage.metric.as_str())
        .meta("from", usage.span.starts_at)
        .meta("until", usage.span.ends_at)
        .meta("amount", more.amount)
        .meta("currency", more.currency.code());
    audit::record(tx, event).await
}
