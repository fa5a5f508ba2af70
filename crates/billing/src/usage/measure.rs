//! Measuring a span, and charging for it.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use metering::metrics::{Metric, known};
use pricing::catalogue::PlanPrices;
use pricing::{Currency, Money, Price, Quantity, RateError, Span};

use super::late;
use super::sql::{self, Charged};
use crate::accounts::BillingAccount;
use crate::columns::parsed;
use crate::invoices::{Invoice, InvoiceError, Line, LineKind, NewLine, UsageWindow};
use crate::terms::Terms;

/// The lines of usage that an invoice has when it becomes final: of its own span, and what came late in earlier ones.
pub(crate) async fn charge(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    invoice: &Invoice,
    at: Timestamp,
) -> Result<Vec<Line>, InvoiceError> {
    let Some(subscription) = invoice.subscription_id else {
        return Ok(Vec::new());
    };
    let mut lines = late::charge(tx, terms, account, (subscription, invoice), at).await?;
    if let Some(window) = &invoice.usage {
        lines.extend(charge_window(tx, terms, invoice, window, at).await?);
    }
    Ok(lines)
}

async fn charge_window(
    tx: &mut ControlTx,
    terms: &Terms,
    invoice: &Invoice,
    window: &UsageWindow,
    at: Timestamp,
) -> Result<Vec<Line>, InvoiceError> {
    let edition = terms.catalogue.edition(window.edition);
    let Some(plan) = edition.and_then(|edition| edition.plan(&window.plan)) else {
        return Ok(Vec::new());
    };
    let rated = rated::<InvoiceError>(tx, invoice.tenant_id, plan, invoice.currency, window.span).await?;
    let mut lines = Vec::new();
    let mut charged = Vec::new();
    for Rated {
        metric,
        name,
        price,
        quantity,
        amount,
    } in rated
    {
        let mut line_id = None;
        if amount.is_positive() {
            let line = usage_line((metric, name), window.span, quantity, amount, price);
            let line = line.numbered(tx.new_id());
            line_id = Some(line.id);
            lines.push(line);
        }
        charged.push(Charged {
            metric: metric.to_owned(),
            quantity,
            amount: amount.amount,
            price: price.clone(),
            line_id,
        });
    }
    sql::insert(tx, invoice, window.span, &charged, at).await?;
    Ok(lines)
}

/// What was used of a metric in a span, and what that costs.
pub(super) struct Rated<'a> {
    pub(super) metric: &'a str,
    pub(super) name: &'a str,
    pub(super) price: &'a Price,
    pub(super) quantity: Quantity,
    pub(super) amount: Money,
}

/// Everything that the plan charges for in this currency, measured in the span and rated: for invoices and for estimates.
pub(super) async fn rated<'a, E: From<sqlx::Error> + From<RateError>>(
    tx: &mut ControlTx,
    tenant: TenantId,
    plan: &'a PlanPrices,
    currency: Currency,
    span: Span,
) -> Result<Vec<Rated<'a>>, E> {
    let priced = plan.usage.iter().filter_map(|usage| {
        let price = usage.prices.iter().find(|price| price.currency == currency)?;
        Some((usage.metric.as_str(), usage.name.as_str(), price))
    });
    let priced: Vec<_> = priced.collect();
    let names: Vec<&str> = priced.iter().map(|(metric, ..)| *metric).collect();
    let quantities = measured(tx, tenant, &names, span).await?;
    let rate = |((metric, name, price), quantity): ((&'a str, &'a str, &'a Price), Quantity)| {
        let amount = price.rate(quantity)?.amount;
        Ok(Rated {
            metric,
            name,
            price,
            quantity,
            amount,
        })
    };
    priced.into_iter().zip(quantities).map(rate).collect()
}

pub(super) fn usage_line(
    (metric, name): (&str, &str),
    span: Span,
    quantity: Quantity,
    amount: Money,
    price: &Price,
) -> NewLine {
    NewLine {
        kind: LineKind::Usage,
        item: Some(format!("usage:{metric}")),
        period: Some(span),
        quantity: Some(quantity),
        price: Some(price.clone()),
        ..NewLine::one_time(name, amount)
    }
}

/// How much of each metric there was in a span, in the order of the names; of one that the tenant does not have nothing.
pub(super) async fn measured(
    tx: &mut ControlTx,
    tenant: TenantId,
    names: &[&str],
    span: Span,
) -> Result<Vec<Quantity>, sqlx::Error> {
    if names.is_empty() || span.is_empty() {
        return Ok(vec![Quantity::ZERO; names.len()]);
    }
    let known = known(tx, tenant).await?;
    let metrics: Vec<Metric> = known
        .into_values()
        .filter(|metric| names.contains(&metric.name.as_str()))
        .collect();
    let span = metering::periods::Span {
        starts_at: span.starts_at,
        ends_at: span.ends_at,
    };
    let amounts = metering::reading::window(tx, tenant, &metrics, span).await?;
    names
        .iter()
        .map(|name| {
            let amount = amounts.iter().find(|(metric, _)| metric.as_str() == *name);
            // Corrections can take away more than there was; nobody is paid for using less than nothing.
            match amount.map(|(_, amount)| amount.to_string()) {
                Some(text) if !text.starts_with('-') => parsed(&text),
                _ => Ok(Quantity::ZERO),
            }
        })
        .collect()
}
