//! What follows when everything was tried.

use isolation::ControlTx;
use pricing::catalogue::FinalAction;
use tenants::SuspensionReason;

use super::error::DunningError;
use super::steps::Place;
use crate::subscriptions::{self, CancelWhen, SubscriptionStatus};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// The tenant is suspended, and its subscription unpaid.
    Suspended,
    /// The subscription is over.
    Canceled,
    /// It goes on with the plan that costs nothing.
    Downgraded,
    /// The subscription is unpaid.
    Unpaid,
    /// Nothing: the invoice is for no subscription.
    Nothing,
}

/// Takes the final action on the tenant's subscription.
pub(super) async fn take(
    tx: &mut ControlTx,
    place: &Place<'_>,
    action: FinalAction,
) -> Result<Taken, DunningError> {
    let (terms, tenant) = (place.terms, place.account.tenant_id);
    match action {
        FinalAction::Suspend => {
            subscriptions::mark_unpaid(tx, terms, tenant).await?;
            let record = tenants::get_for_update(tx, tenant).await?;
            if record.is_some_and(|record| record.status.is_open()) {
                tenants::suspend(tx, tenant, None, SuspensionReason::payment_overdue()).await?;
            }
            Ok(Taken::Suspended)
        }
        FinalAction::Cancel => {
            let now = CancelWhen::Now { credit: false };
            subscriptions::cancel(tx, terms, tenant, None, now).await?;
            Ok(Taken::Canceled)
        }
        FinalAction::DowngradeToFree => {
            let after = subscriptions::downgrade_to_free(tx, terms, tenant).await?;
            debug_assert_eq!(after.status, SubscriptionStatus::Active);
            Ok(Taken::Downgraded)
        }
        FinalAction::MarkUnpaid => {
            subscriptions::mark_unpaid(tx, terms, tenant).await?;
            Ok(Taken::Unpaid)
        }
    }
}
