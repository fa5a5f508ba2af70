//! A subscription ends.

use audit::EventType;
use isolation::ControlTx;
use kernel::{TenantId, Timestamp};
use pricing::Span;

use super::billing::{Bill, Outcome, bill, finalize_drafts, open_usage};
use super::changes::saved;
use super::credits::{Unused, take_back};
use super::error::SubscriptionError;
use super::model::{Subscription, SubscriptionStatus};
use super::worth::{self, note};
use super::{row, tenant as effects};
use crate::accounts::{self, BillingAccount};
use crate::clock;
use crate::invoices::{InvoiceKind, Reason};
use crate::payments::customers;
use crate::terms::Terms;

/// When a subscription ends that is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelWhen {
    /// At once.
    Now {
        /// Whether the unused rest of what was charged is given back.
        credit: bool,
    },
    /// With its period.
    PeriodEnd,
}

/// Ends the tenant's subscription, now or with its period; the tenant is cancelled with it.
pub async fn cancel(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    expected: Option<i64>,
    when: CancelWhen,
) -> Result<Outcome, SubscriptionError> {
    let account = accounts::lock(tx, tenant).await?;
    let before = super::get(tx, tenant).await?;
    before.check_version(expected)?;
    let now = clock::now(tx).await?;
    let runs = before.status.renews() || before.status == SubscriptionStatus::Trialing;
    match when {
        CancelWhen::Now { credit } => end(tx, terms, &account, before, credit, (now, now)).await,
        // What is not renewed has no end to wait for.
        CancelWhen::PeriodEnd if !runs => end(tx, terms, &account, before, false, (now, now)).await,
        CancelWhen::PeriodEnd if before.cancel_at_period_end => {
            let at = before.period.ends_at;
            Ok(Outcome::of(before, at))
        }
        CancelWhen::PeriodEnd => {
            let after = Subscription {
                cancel_at_period_end: true,
                canceled_at: Some(now),
                scheduled: None,
                ..before.clone()
            };
            let told = Some((&before, EventType::SubscriptionCanceled));
            let after = saved(tx, told, after, now).await?;
            effects::show_end(tx, &after).await?;
            let at = after.period.ends_at;
            Ok(Outcome::of(after, at))
        }
    }
}

/// Has a subscription go on that was to end with its period.
pub async fn uncancel(
    tx: &mut ControlTx,
    tenant: TenantId,
    expected: Option<i64>,
) -> Result<Subscription, SubscriptionError> {
    accounts::lock(tx, tenant).await?;
    let before = super::get(tx, tenant).await?;
    before.check_version(expected)?;
    if !before.cancel_at_period_end {
        return Ok(before);
    }
    let now = clock::now(tx).await?;
    let after = Subscription {
        cancel_at_period_end: false,
        canceled_at: None,
        ..before.clone()
    };
    let told = Some((&before, EventType::SubscriptionCancellationUndone));
    let after = saved(tx, told, after, now).await?;
    effects::show_end(tx, &after).await?;
    Ok(after)
}

/// It is over: since when, and the present. What was used and is not invoiced yet comes with a last invoice.
pub(super) async fn end(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    before: Subscription,
    credit: bool,
    (at, now): (Timestamp, Timestamp),
) -> Result<Outcome, SubscriptionError> {
    let mut outcome = Outcome::of(before.clone(), at);
    if credit {
        finalize_drafts(tx, terms, account, &before, now).await?;
        let unused = Unused {
            at,
            items: &|_| true,
            reason: Reason::Cancellation,
        };
        outcome.credit_notes = take_back(tx, terms, account, &before, unused, now).await?;
    }
    let mut after = ended(&before, at);
    if before.status != SubscriptionStatus::Trialing {
        let last = Bill {
            kind: InvoiceKind::Final,
            period: Span::new(before.usage_from, at),
            lines: Vec::new(),
            usage: open_usage(terms, &before, at.plus(HOUR))?,
            begins_period: false,
            waits: true,
        };
        outcome
            .invoices
            .extend(bill(tx, terms, account, &mut after, last, now).await?);
    }
    let told = Some((&before, EventType::SubscriptionCanceled));
    outcome.subscription = saved(tx, told, after, now).await?;
    note(tx, terms, &outcome.subscription, at).await?;
    effects::close(tx, &outcome.subscription).await?;
    effects::show_end(tx, &outcome.subscription).await?;
    Ok(outcome)
}

/// The hour in which it ends counts in full.
const HOUR: std::time::Duration = std::time::Duration::from_hours(1);

pub(super) fn ended(before: &Subscription, at: Timestamp) -> Subscription {
    Subscription {
        status: SubscriptionStatus::Canceled,
        cancel_at_period_end: false,
        scheduled: None,
        canceled_at: before.canceled_at.or(Some(at)),
        ended_at: Some(at),
        ..before.clone()
    }
}

/// Takes away what billing knows of a tenant that could not be made, or forgets whose it was of one that is removed. What was
/// invoiced stays, and so does whoever it was invoiced to while the law wants it.
pub async fn withdraw(tx: &mut ControlTx, tenant: TenantId) -> Result<(), SubscriptionError> {
    customers::forget(tx, tenant).await?;
    if row::remove_unbilled(tx, tenant).await? {
        return Ok(());
    }
    if let Some(before) = row::live(tx, tenant).await? {
        let now = clock::now(tx).await?;
        let after = ended(&before, now);
        let after = saved(tx, Some((&before, EventType::SubscriptionCanceled)), after, now).await?;
        worth::gone(tx, &after, now).await?;
    }
    Ok(accounts::forget(tx, tenant).await?)
}
