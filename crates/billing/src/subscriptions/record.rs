//! Changes of a tenant's record that are its subscription's affair: what it is on, and that it is given up.

use isolation::ControlTx;
use kernel::TenantId;
use tenants::{ChangeTenantError, PatchTenant, Status, Tenant, VersionMismatch};

use super::ending::{CancelWhen, cancel};
use super::error::SubscriptionError;
use super::model::{ChangeOrder, When};
use super::ordering::{Order, OrderedBy, place};
use super::row;
use crate::accounts::{self, AccountError};
use crate::terms::Terms;

/// Whether the change is one of the subscription, too.
pub const fn buys(patch: &PatchTenant) -> bool {
    patch.plan.is_some() || patch.billing_cycle.is_some()
}

/// Changes a tenant's record. Another plan or cycle is another subscription, and is charged as such.
pub async fn update_tenant(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    expected: Option<i64>,
    patch: PatchTenant,
) -> Result<Tenant, SubscriptionError> {
    let before = if buys(&patch) {
        locked(tx, tenant, expected).await?
    } else {
        None
    };
    let Some(before) = before.filter(is_customer) else {
        return Ok(tenants::update(tx, tenant, expected, patch).await?);
    };
    let change = ChangeOrder {
        plan: patch.plan.or(Some(before.plan)),
        cycle: patch.billing_cycle.or(Some(before.billing_cycle)),
        ..ChangeOrder::default()
    };
    let live = row::live(tx, tenant).await?;
    let stays = live.is_some_and(|live| {
        (Some(live.plan), Some(live.cycle)) == (change.plan, change.cycle) && live.scheduled.is_none()
    });
    if !stays {
        let order = Order {
            by: OrderedBy::Operator,
            change,
            when: When::Now,
            proration: None,
            trial_days: None,
        };
        Box::pin(place(tx, terms, tenant, None, order)).await?;
    }
    let rest = PatchTenant {
        plan: None,
        billing_cycle: None,
        ..patch
    };
    Ok(tenants::update(tx, tenant, None, rest).await?)
}

/// Gives a tenant up, from now on, and its subscription with it: the unused rest of what was charged is taken back.
pub async fn cancel_tenant(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    expected: Option<i64>,
) -> Result<Tenant, SubscriptionError> {
    let before = locked(tx, tenant, expected).await?;
    let subscribed =
        before.is_some_and(|before| is_customer(&before)) && row::live(tx, tenant).await?.is_some();
    if !subscribed {
        return Ok(tenants::cancel(tx, tenant, expected).await?);
    }
    Box::pin(cancel(tx, terms, tenant, None, CancelWhen::Now { credit: true })).await?;
    let after = tenants::get(tx, tenant).await?;
    Ok(after.ok_or(ChangeTenantError::NotFound)?)
}

/// The tenant for this transaction alone, after the lock of everything that bills it; none where nobody bills it.
async fn locked(
    tx: &mut ControlTx,
    tenant: TenantId,
    expected: Option<i64>,
) -> Result<Option<Tenant>, SubscriptionError> {
    match accounts::lock(tx, tenant).await {
        Ok(_) => {}
        Err(AccountError::NotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let known = tenants::get_for_update(tx, tenant).await?;
    let known = known.ok_or(ChangeTenantError::NotFound)?;
    match expected {
        Some(version) if version != known.version => {
            let current = known.version;
            Err(ChangeTenantError::from(VersionMismatch { current }).into())
        }
        _ => Ok(Some(known)),
    }
}

const fn is_customer(tenant: &Tenant) -> bool {
    matches!(tenant.status, Status::Trial | Status::Active | Status::Suspended)
}
