//! Subscriptions: what a tenant pays for, and how that changes with time and by order.
//!
//! ```text
//!                    trial ends: paid                   overdue              nothing collected
//!   trialing ───────────────────────────▶ active ─────────────────▶ past_due ────────────────▶ unpaid
//!      │  │ trial ends: free plan           ▲ │ ◀──── paid ────────────┘                         │
//!      │  └─────────────────────────────────┘ │ pause                                            │
//!      │ trial ends: suspend                  ▼                                                  │
//!      └──────────────────────────────────▶ paused ──── resume ──▶ active ◀──────── paid ─────────┘
//!
//!   any of them ── cancel (now, or with the period) ──▶ canceled
//! ```
//!
//! Invariants: a tenant has one that is not over; periods are counted from the anchor and never derived from one another;
//! a period is invoiced once, in advance, and usage once, in arrears; what is taken back of a period is never more than was
//! charged for it, and never given out where it was not paid; prices are those of the edition that the subscription was made
//! under. The tenant's plan is the subscription's: both change in one transaction.
//!
//! A change within a period takes back the unused rest of the old by a credit note and charges the rest of the new by an
//! invoice, which the credit pays first. Another cycle, or a first price after none, begins a new period at once. A preview
//! does all of that and undoes it, so that it cannot differ from the change.
//!
//! What may not enter: collecting (payments) and what follows when that fails (dunning).

mod billing;
mod changes;
mod charges;
mod coupons;
mod creation;
mod credits;
mod ending;
mod error;
mod model;
mod ordering;
mod pausing;
mod quote;
mod record;
mod renewal;
mod row;
mod tenant;
#[cfg(test)]
pub(crate) mod tests;
mod worth;

use isolation::ControlTx;
use kernel::TenantId;

pub use billing::{Billed, Outcome};
pub use changes::{change, preview, unschedule};
pub(crate) use charges::{MonthlyItem, a_month};
pub use creation::{NewSubscription, create, end_trial, start};
pub use ending::{CancelWhen, cancel, uncancel, withdraw};
pub use error::SubscriptionError;
pub use model::{
    AddOnItem, ChangeOrder, CouponUse, Scheduled, Subscription, SubscriptionEntity, SubscriptionId,
    SubscriptionStatus, When,
};
pub use ordering::{Order, OrderedBy, Placed, place, preview as preview_order};
pub use pausing::{mark_paid, mark_past_due, mark_unpaid, pause, resume};
pub use quote::{Changed, Quote, QuotedCreditNote, QuotedInvoice, QuotedLine};
pub use record::{buys, cancel_tenant, update_tenant};
pub(crate) use renewal::{abandon, downgrade_to_free, step};

/// The tenant's subscription that is not over.
pub async fn get(tx: &mut ControlTx, tenant: TenantId) -> Result<Subscription, SubscriptionError> {
    row::live(tx, tenant).await?.ok_or(SubscriptionError::NotFound)
}

/// The tenant's subscription, or the last that it had.
pub async fn latest(tx: &mut ControlTx, tenant: TenantId) -> Result<Subscription, SubscriptionError> {
    let all = row::all(tx, tenant).await?;
    let live = all.iter().find(|one| one.ended_at.is_none());
    live.or(all.first()).cloned().ok_or(SubscriptionError::NotFound)
}

/// The same, where there is one.
pub(crate) async fn live(tx: &mut ControlTx, tenant: TenantId) -> Result<Option<Subscription>, sqlx::Error> {
    row::live(tx, tenant).await
}

/// All that a tenant ever had, the latest first.
pub async fn history(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<Subscription>, sqlx::Error> {
    row::all(tx, tenant).await
}

/// One of them.
pub(crate) async fn find(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: SubscriptionId,
) -> Result<Option<Subscription>, sqlx::Error> {
    row::get(tx, tenant, id).await
}
