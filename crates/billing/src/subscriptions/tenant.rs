//! What a subscription means to its tenant: the plan with its features, limits and quotas, and whether it is open. All of it
//! in the transaction of the subscription's change; the tenants' room announces it.

use isolation::ControlTx;
use tenants::{PatchTenant, Status, SuspensionReason};

use super::error::SubscriptionError;
use super::model::{Subscription, SubscriptionStatus};

/// The tenant is on what the subscription is for.
pub(super) async fn follow(
    tx: &mut ControlTx,
    before: &Subscription,
    after: &Subscription,
) -> Result<(), SubscriptionError> {
    if (before.plan, before.cycle) == (after.plan, after.cycle) {
        return Ok(());
    }
    put_on_plan(tx, after).await
}

/// The tenant is on the subscription's plan, whatever it was on.
pub(super) async fn put_on_plan(
    tx: &mut ControlTx,
    subscription: &Subscription,
) -> Result<(), SubscriptionError> {
    let patch = PatchTenant {
        plan: Some(subscription.plan),
        billing_cycle: Some(subscription.cycle),
        ..PatchTenant::default()
    };
    tenants::update(tx, subscription.tenant_id, None, patch).await?;
    Ok(())
}

/// So much is open to the tenant as its subscription is paid for.
pub(super) async fn admit(
    tx: &mut ControlTx,
    before: SubscriptionStatus,
    after: &Subscription,
) -> Result<(), SubscriptionError> {
    if before.access() != after.status.access() {
        tenants::set_access(tx, after.tenant_id, after.status.access()).await?;
    }
    Ok(())
}

/// The tenant's trial became a subscription.
pub(super) async fn convert(
    tx: &mut ControlTx,
    subscription: &Subscription,
) -> Result<(), SubscriptionError> {
    if status(tx, subscription).await? == Some(Status::Trial) {
        tenants::convert(tx, subscription.tenant_id).await?;
    }
    Ok(())
}

/// The tenant's trial ended with nothing after it.
pub(super) async fn close_after_trial(
    tx: &mut ControlTx,
    subscription: &Subscription,
) -> Result<(), SubscriptionError> {
    suspend(tx, subscription, SuspensionReason::trial_expired()).await
}

/// What was paid for is over, and the pause is not.
pub(super) async fn close_after_pause(
    tx: &mut ControlTx,
    subscription: &Subscription,
) -> Result<(), SubscriptionError> {
    suspend(tx, subscription, SuspensionReason::subscription_paused()).await
}

async fn suspend(
    tx: &mut ControlTx,
    subscription: &Subscription,
    reason: SuspensionReason,
) -> Result<(), SubscriptionError> {
    if status(tx, subscription).await?.is_some_and(Status::is_open) {
        tenants::suspend(tx, subscription.tenant_id, None, reason).await?;
    }
    Ok(())
}

/// Opens the tenant again that was suspended for want of money, and for nothing else.
pub(super) async fn reopen(tx: &mut ControlTx, subscription: &Subscription) -> Result<(), SubscriptionError> {
    let tenant = tenants::get_for_update(tx, subscription.tenant_id).await?;
    let suspended_by_us = tenant.is_some_and(|tenant| {
        let reason = tenant.suspension_reason.as_ref();
        tenant.status == Status::Suspended && reason.is_some_and(SuspensionReason::ends_by_paying)
    });
    if suspended_by_us {
        tenants::reactivate(tx, subscription.tenant_id, None).await?;
    }
    Ok(())
}

/// The tenant is told until when it has what it paid for; nothing while there is no end in sight.
pub(super) async fn show_end(
    tx: &mut ControlTx,
    subscription: &Subscription,
) -> Result<(), SubscriptionError> {
    let end = match subscription.ended_at {
        Some(ended_at) => Some(ended_at),
        None => subscription
            .cancel_at_period_end
            .then_some(subscription.period.ends_at),
    };
    tenants::set_subscription_end(tx, subscription.tenant_id, end).await?;
    Ok(())
}

/// The tenant is given up with its subscription.
pub(super) async fn close(tx: &mut ControlTx, subscription: &Subscription) -> Result<(), SubscriptionError> {
    let status = status(tx, subscription).await?;
    if matches!(status, Some(Status::Trial | Status::Active | Status::Suspended)) {
        tenants::cancel(tx, subscription.tenant_id, None).await?;
    }
    Ok(())
}

async fn status(
    tx: &mut ControlTx,
    subscription: &Subscription,
) -> Result<Option<Status>, SubscriptionError> {
    let tenant = tenants::get_for_update(tx, subscription.tenant_id).await?;
    Ok(tenant.map(|tenant| tenant.status))
}
