//! What the passing of time does to a subscription: one step at a time, each as of the instant at which it was due.

use audit::{Event, EventType};
use isolation::ControlTx;
use kernel::{TenantId, Timestamp};
use pricing::catalogue::TrialEnd;
use tenants::plans::PlanId;

use super::billing::{Bill, Outcome, bill, open_usage};
use super::changes::{apply, ordered, saved};
use super::charges::{one_time_lines, period_lines, total};
use super::ending::{end, ended};
use super::error::{SubscriptionError, invalid};
use super::model::{Step, Subscription, SubscriptionStatus, hour_of};
use super::pausing::{go_on, lapse};
use super::worth::{note, recorded};
use super::{coupons, row, tenant as effects};
use crate::accounts::{self, BillingAccount};
use crate::clock;
use crate::dunning;
use crate::invoices::InvoiceKind;
use crate::terms::Terms;

/// Does what is due next of a subscription whose account is locked; none where nothing is due yet.
pub(crate) async fn step(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    subscription: Subscription,
    now: Timestamp,
) -> Result<Option<Outcome>, SubscriptionError> {
    let due = subscription.next().filter(|step| step.at() <= now);
    let Some(due) = due else { return Ok(None) };
    let times = (due.at(), now);
    let outcome = match due {
        Step::TrialNotice(_) => trial_notice(tx, terms, account, subscription, times).await?,
        Step::TrialEnd(_) => trial_end(tx, terms, account, subscription, times).await?,
        Step::Change(_) => scheduled_change(tx, terms, account, subscription, times).await?,
        Step::Usage(_) => usage(tx, terms, account, subscription, times).await?,
        Step::Renew(_) => renew(tx, terms, account, subscription, times).await?,
        Step::Resume(_) => go_on(tx, terms, account, subscription, times).await?,
        Step::Lapse(_) => lapse(tx, subscription, times).await?,
    };
    Ok(Some(outcome))
}

/// The subscription of a tenant that is no customer any more: it ends without a word to the tenant.
pub(crate) async fn abandon(
    tx: &mut ControlTx,
    terms: &Terms,
    before: Subscription,
    now: Timestamp,
) -> Result<(), SubscriptionError> {
    let after = ended(&before, now);
    let told = Some((&before, EventType::SubscriptionCanceled));
    let after = saved(tx, told, after, now).await?;
    note(tx, terms, &after, now).await
}

/// A period is over and the next one begins.
pub(super) async fn renew(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    before: Subscription,
    (at, now): (Timestamp, Timestamp),
) -> Result<Outcome, SubscriptionError> {
    if before.cancel_at_period_end {
        return end(tx, terms, account, before, false, (at, now)).await;
    }
    let waiting = before.scheduled.clone().filter(|waiting| waiting.at <= at);
    let mut after = match &waiting {
        Some(waiting) => {
            let wanted = ordered(terms, &before, &waiting.order)?;
            coupons::redeemed(tx, terms, account, &before, wanted, now).await?
        }
        None => before.clone(),
    };
    let first_price = !total(terms, &before)?.is_positive() && total(terms, &after)?.is_positive();
    if after.cycle != before.cycle || first_price {
        after = after.anchored(at, &account.time_zone)?;
    } else {
        after = after
            .in_period(before.period_number + 1)?
            .in_month(before.usage_number + 1)?;
    }
    after.usage_from = hour_of(at);
    let mut lines = period_lines(terms, &after, &after.present()?)?;
    lines.extend(one_time_lines(terms, &after, &before.add_ons)?);
    let next = Bill {
        kind: InvoiceKind::Cycle,
        period: after.period,
        lines,
        usage: open_usage(terms, &before, at)?,
        begins_period: true,
        waits: true,
    };
    let mut outcome = Outcome::of(before.clone(), at);
    outcome
        .invoices
        .extend(bill(tx, terms, account, &mut after, next, now).await?);
    effects::follow(tx, &before, &after).await?;
    let kind = match waiting {
        Some(_) => EventType::SubscriptionChanged,
        None => EventType::SubscriptionRenewed,
    };
    outcome.subscription = saved(tx, Some((&before, kind)), after, now).await?;
    // Also without a change: a coupon may have held for the last time.
    note(tx, terms, &outcome.subscription, at).await?;
    Ok(outcome)
}

/// A month within a longer period is over: its usage is invoiced.
async fn usage(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    before: Subscription,
    (at, now): (Timestamp, Timestamp),
) -> Result<Outcome, SubscriptionError> {
    let window = open_usage(terms, &before, at)?;
    let mut after = before.clone().in_month(before.usage_number + 1)?;
    after.usage_from = hour_of(at);
    let mut outcome = Outcome::of(before, at);
    if let Some(window) = window {
        let month = Bill {
            kind: InvoiceKind::Usage,
            period: window.span,
            lines: Vec::new(),
            usage: Some(window),
            begins_period: false,
            waits: true,
        };
        outcome
            .invoices
            .extend(bill(tx, terms, account, &mut after, month, now).await?);
    }
    outcome.subscription = saved(tx, None, after, now).await?;
    Ok(outcome)
}

/// A change takes effect within a period.
async fn scheduled_change(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    before: Subscription,
    times: (Timestamp, Timestamp),
) -> Result<Outcome, SubscriptionError> {
    let order = before.scheduled.as_ref().map(|waiting| waiting.order.clone());
    let after = ordered(terms, &before, &order.unwrap_or_default())?;
    apply(tx, terms, account, before, after, times).await
}

/// A trial is about to end: whoever pays is told, with what follows it. One that is over by now has nothing to be told of.
async fn trial_notice(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    before: Subscription,
    (at, now): (Timestamp, Timestamp),
) -> Result<Outcome, SubscriptionError> {
    let ends_at = before
        .trial_ends_at
        .filter(|ends_at| *ends_at > now && !before.cancel_at_period_end);
    if let Some(ends_at) = ends_at {
        let can_pay = row::can_pay(tx, before.tenant_id).await?;
        let follows = if can_pay { TrialEnd::Paid } else { before.trial_end };
        dunning::trial_ends(tx, terms, account, &before, (ends_at, follows)).await?;
    }
    let after = Subscription {
        trial_told: true,
        ..before.clone()
    };
    Ok(Outcome::of(saved(tx, None, after, now).await?, at))
}

/// A trial is over. Who gave a way to pay goes on and pays; otherwise follows what was agreed.
async fn trial_end(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    before: Subscription,
    times: (Timestamp, Timestamp),
) -> Result<Outcome, SubscriptionError> {
    if before.cancel_at_period_end {
        return end(tx, terms, account, before, false, times).await;
    }
    let can_pay = row::can_pay(tx, before.tenant_id).await?;
    let follows = if can_pay { TrialEnd::Paid } else { before.trial_end };
    after_trial(tx, terms, account, before, follows, times).await
}

pub(super) async fn after_trial(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    before: Subscription,
    follows: TrialEnd,
    (at, now): (Timestamp, Timestamp),
) -> Result<Outcome, SubscriptionError> {
    let mut outcome = Outcome::of(before.clone(), at);
    let mut after = match follows {
        TrialEnd::Paid => paid(&before).anchored(at, &account.time_zone)?,
        TrialEnd::Free => free(terms, &before)?.anchored(at, &account.time_zone)?,
        TrialEnd::Suspend => Subscription {
            status: SubscriptionStatus::Paused,
            paused_at: Some(at),
            lapsed: true,
            scheduled: None,
            ..before.clone()
        },
    };
    if follows == TrialEnd::Suspend {
        let expired = Event::new(EventType::TrialExpired)
            .of_tenant(before.tenant_id)
            .resource(before.id, None);
        audit::record(tx, expired).await?;
        effects::close_after_trial(tx, &before).await?;
    } else {
        let first = Bill {
            kind: InvoiceKind::Cycle,
            period: after.period,
            lines: period_lines(terms, &after, &after.present()?)?,
            usage: None,
            begins_period: true,
            waits: false,
        };
        outcome
            .invoices
            .extend(bill(tx, terms, account, &mut after, first, now).await?);
        effects::follow(tx, &before, &after).await?;
        effects::convert(tx, &after).await?;
    }
    after.version += 1;
    after.updated_at = now;
    row::save(tx, &after).await?;
    effects::admit(tx, before.status, &after).await?;
    recorded(tx, EventType::SubscriptionChanged, Some(&before), &after).await?;
    note(tx, terms, &after, at).await?;
    outcome.subscription = after;
    Ok(outcome)
}

fn paid(before: &Subscription) -> Subscription {
    Subscription {
        status: SubscriptionStatus::Active,
        ..before.clone()
    }
}

/// The free plan of the latest edition, with nothing on top.
fn free(terms: &Terms, before: &Subscription) -> Result<Subscription, SubscriptionError> {
    let plan: PlanId = FREE
        .parse()
        .map_err(|_| invalid("/plan", "there is no free plan"))?;
    Ok(Subscription {
        status: SubscriptionStatus::Active,
        plan,
        quantity: 1,
        add_ons: Vec::new(),
        edition: terms.catalogue.latest().version,
        scheduled: None,
        ..before.clone()
    })
}

/// Has the tenant go on with the plan that costs nothing, because what it had was not paid: from now on, without a credit
/// beyond what is still due. A subscription that costs nothing already stays as it is.
pub(crate) async fn downgrade_to_free(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
) -> Result<Subscription, SubscriptionError> {
    let account = accounts::lock(tx, tenant).await?;
    let before = super::get(tx, tenant).await?;
    let now = clock::now(tx).await?;
    let after = free(terms, &before)?;
    Ok(apply(tx, terms, &account, before, after, (now, now))
        .await?
        .subscription)
}

/// The plan that costs nothing.
const FREE: &str = "free";
