//! What subscriptions are worth a month, written down whenever it changes; and what the trail is told.

use audit::{Event, EventType};
use isolation::ControlTx;
use kernel::Timestamp;

use super::charges::monthly;
use super::error::SubscriptionError;
use super::model::{Subscription, SubscriptionStatus};
use super::row;
use crate::terms::Terms;

/// Writes down what the subscription is worth from then on, if that is not what it was worth before.
pub(super) async fn note(
    tx: &mut ControlTx,
    terms: &Terms,
    subscription: &Subscription,
    kind: Option<&str>,
    at: Timestamp,
) -> Result<(), SubscriptionError> {
    use SubscriptionStatus::{Active, Canceled, Incomplete, PastDue, Paused, Trialing, Unpaid};
    let worth = match subscription.status {
        Active | PastDue => monthly(terms, subscription)?.amount,
        Trialing | Paused | Unpaid | Incomplete | Canceled => 0,
    };
    let (number, before) = row::last_worth(tx, subscription).await?;
    if worth == before {
        return Ok(());
    }
    let usual = if worth > before { "upgraded" } else { "downgraded" };
    let kind = (number + 1, kind.unwrap_or(usual));
    Ok(row::insert_change(tx, subscription, kind, at, (before, worth)).await?)
}

/// Records what happened to a subscription.
pub(super) async fn recorded(
    tx: &mut ControlTx,
    kind: EventType,
    before: Option<&Subscription>,
    after: &Subscription,
) -> Result<(), sqlx::Error> {
    let status = |subscription: &Subscription| subscription.status.name();
    let plan = |subscription: &Subscription| subscription.plan.name();
    let cycle = |subscription: &Subscription| subscription.cycle.name();
    let event = Event::new(kind)
        .of_tenant(after.tenant_id)
        .resource(after.id, None)
        .change("status", before.map(status), status(after))
        .change("plan", before.map(plan), plan(after))
        .change("cycle", before.map(cycle), cycle(after))
        .change("quantity", before.map(|before| before.quantity), after.quantity)
        .change(
            "coupon",
            before.and_then(|before| before.coupon.as_ref().map(|coupon| coupon.code.clone())),
            after.coupon.as_ref().map(|coupon| coupon.code.clone()),
        )
        .change(
            "cancelAtPeriodEnd",
            before.is_some_and(|before| before.cancel_at_period_end),
            after.cancel_at_period_end,
        )
        .change(
            "scheduledAt",
            before.and_then(|before| before.scheduled.as_ref().map(|scheduled| scheduled.at)),
            after.scheduled.as_ref().map(|scheduled| scheduled.at),
        )
        .meta("periodEndsAt", after.period.ends_at);
    audit::record(tx, event).await
}
