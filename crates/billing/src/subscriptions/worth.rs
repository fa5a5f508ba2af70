//! What subscriptions are worth, written down whenever it changes; and what the trail is told.

use audit::{Event, EventType};
use isolation::ControlTx;
use kernel::Timestamp;

use super::charges::yearly;
use super::error::SubscriptionError;
use super::model::{Subscription, SubscriptionStatus};
use super::row;
use crate::revenue::Movement;
use crate::terms::Terms;

/// Writes down what the subscription is worth from then on, if that is not what it was worth before.
pub(super) async fn note(
    tx: &mut ControlTx,
    terms: &Terms,
    subscription: &Subscription,
    at: Timestamp,
) -> Result<(), SubscriptionError> {
    use SubscriptionStatus::{Active, Canceled, Incomplete, PastDue, Paused, Trialing, Unpaid};
    let worth = match subscription.status {
        Active | PastDue => yearly(terms, subscription)?.amount,
        Trialing | Paused | Unpaid | Incomplete | Canceled => 0,
    };
    Ok(write(tx, subscription, worth, at).await?)
}

/// Writes down that it is worth nothing any more.
pub(super) async fn gone(
    tx: &mut ControlTx,
    subscription: &Subscription,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    write(tx, subscription, 0, at).await
}

async fn write(
    tx: &mut ControlTx,
    subscription: &Subscription,
    worth: i64,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let (number, before) = row::last_worth(tx, subscription).await?;
    let known = before == 0 && worth > 0 && row::was_worth_something(tx, subscription).await?;
    let Some(movement) = Movement::of(before, worth, known) else {
        return Ok(());
    };
    row::insert_change(tx, subscription, (number + 1, movement), at, (before, worth)).await
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
