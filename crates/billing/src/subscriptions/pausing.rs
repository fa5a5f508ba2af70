//! A subscription pauses, or is not paid, and goes on.

use audit::EventType;
use isolation::ControlTx;
use kernel::{TenantId, Timestamp};

use super::billing::{Bill, Outcome, bill, finalize_drafts, open_usage};
use super::changes::saved;
use super::charges::period_lines;
use super::error::{SubscriptionError, invalid};
use super::model::{Subscription, SubscriptionStatus};
use super::tenant as effects;
use super::worth::note;
use crate::accounts::{self, BillingAccount};
use crate::clock;
use crate::invoices::InvoiceKind;
use crate::terms::Terms;

/// Pauses a subscription: nothing is invoiced until it is resumed. The tenant stays open until what was paid for is over.
pub async fn pause(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    expected: Option<i64>,
    resumes_at: Option<Timestamp>,
) -> Result<Subscription, SubscriptionError> {
    accounts::lock(tx, tenant).await?;
    let before = super::get(tx, tenant).await?;
    before.check_version(expected)?;
    let now = clock::now(tx).await?;
    if !before.status.renews() {
        return Err(wrong(&before, "paused"));
    }
    if resumes_at.is_some_and(|at| at <= now) {
        return Err(invalid("/resumesAt", "must be in the future"));
    }
    let after = Subscription {
        status: SubscriptionStatus::Paused,
        paused_at: Some(now),
        resumes_at,
        lapsed: false,
        scheduled: None,
        ..before.clone()
    };
    let after = saved(tx, Some((&before, EventType::SubscriptionPaused)), after, now).await?;
    note(tx, terms, &after, now).await?;
    Ok(after)
}

/// Has a paused subscription go on. Within the period that was paid for nothing is charged; after it a new one begins.
pub async fn resume(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    expected: Option<i64>,
) -> Result<Outcome, SubscriptionError> {
    let account = accounts::lock(tx, tenant).await?;
    let before = super::get(tx, tenant).await?;
    before.check_version(expected)?;
    let now = clock::now(tx).await?;
    if !matches!(
        before.status,
        SubscriptionStatus::Paused | SubscriptionStatus::Unpaid
    ) {
        return Err(wrong(&before, "resumed"));
    }
    go_on(tx, terms, &account, before, (now, now)).await
}

/// It goes on: since when, and the present.
pub(super) async fn go_on(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    before: Subscription,
    (at, now): (Timestamp, Timestamp),
) -> Result<Outcome, SubscriptionError> {
    let mut outcome = Outcome::of(before.clone(), at);
    let mut after = Subscription {
        status: SubscriptionStatus::Active,
        paused_at: None,
        resumes_at: None,
        lapsed: false,
        ..before.clone()
    };
    if before.lapsed || at >= before.period.ends_at {
        finalize_drafts(tx, terms, account, &before, now).await?;
        // A trial that ended with nothing after it charged for nothing.
        let usage = match before.trial_ends_at {
            Some(ends_at) if before.period.ends_at <= ends_at => None,
            _ => open_usage(terms, &before, at)?,
        };
        after = after.anchored(at, &account.time_zone)?;
        let anew = Bill {
            kind: InvoiceKind::Cycle,
            period: after.period,
            lines: period_lines(terms, &after, &after.present()?)?,
            usage,
            begins_period: true,
            waits: false,
        };
        outcome
            .invoices
            .extend(bill(tx, terms, account, &mut after, anew, now).await?);
    }
    effects::reopen(tx, &after).await?;
    let told = Some((&before, EventType::SubscriptionResumed));
    outcome.subscription = saved(tx, told, after, now).await?;
    note(tx, terms, &outcome.subscription, at).await?;
    Ok(outcome)
}

/// What was paid for is over, and the pause is not: the tenant is suspended.
pub(super) async fn lapse(
    tx: &mut ControlTx,
    before: Subscription,
    (at, now): (Timestamp, Timestamp),
) -> Result<Outcome, SubscriptionError> {
    let after = Subscription {
        lapsed: true,
        ..before
    };
    effects::close_after_pause(tx, &after).await?;
    Ok(Outcome::of(saved(tx, None, after, now).await?, at))
}

/// An invoice is overdue and being collected. Its periods go on.
pub async fn mark_past_due(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
) -> Result<Subscription, SubscriptionError> {
    let from = [SubscriptionStatus::Active, SubscriptionStatus::Incomplete];
    mark(tx, terms, tenant, &from, SubscriptionStatus::PastDue).await
}

/// Nothing could be collected: nothing more is invoiced until something is.
pub async fn mark_unpaid(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
) -> Result<Subscription, SubscriptionError> {
    let from = [SubscriptionStatus::Active, SubscriptionStatus::PastDue];
    mark(tx, terms, tenant, &from, SubscriptionStatus::Unpaid).await
}

/// What was overdue is paid. A subscription whose period ended meanwhile begins a new one.
pub async fn mark_paid(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
) -> Result<Subscription, SubscriptionError> {
    let account = accounts::lock(tx, tenant).await?;
    let before = super::get(tx, tenant).await?;
    if before.status == SubscriptionStatus::Unpaid {
        let now = clock::now(tx).await?;
        return Ok(go_on(tx, terms, &account, before, (now, now)).await?.subscription);
    }
    let from = [SubscriptionStatus::PastDue, SubscriptionStatus::Incomplete];
    mark(tx, terms, tenant, &from, SubscriptionStatus::Active).await
}

/// Moves it if it stands at one of these; answers it as it is then.
async fn mark(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    from: &[SubscriptionStatus],
    to: SubscriptionStatus,
) -> Result<Subscription, SubscriptionError> {
    accounts::lock(tx, tenant).await?;
    let before = super::get(tx, tenant).await?;
    if !from.contains(&before.status) {
        return Ok(before);
    }
    let now = clock::now(tx).await?;
    let after = Subscription {
        status: to,
        ..before.clone()
    };
    let told = Some((&before, EventType::SubscriptionStatusChanged));
    let after = saved(tx, told, after, now).await?;
    note(tx, terms, &after, now).await?;
    Ok(after)
}

fn wrong(subscription: &Subscription, action: &'static str) -> SubscriptionError {
    SubscriptionError::WrongStatus {
        status: subscription.status,
        action,
    }
}
