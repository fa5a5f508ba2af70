//! What the passing of time does to a subscription: one step at a time, each as of the instant at which it was due.

use audit::{Event, EventType};
use isolation::ControlTx;
use kernel::Timestamp;
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
use super::{row, tenant as effects};
use crate::accounts::BillingAccount;
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
    note(tx, terms, &after, Some("canceled"), now).await
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
        Some(waiting) => ordered(terms, &before, &waiting.order)?,
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
    if waiting.is_some() {
        note(tx, terms, &outcome.subscription, None, at).await?;
    }
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
    recorded(tx, EventType::SubscriptionChanged, Some(&before), &after).await?;
    note(tx, terms, &after, Some("converted"), at).await?;
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

/// The plan that costs nothing.
const FREE: &str = "free";
