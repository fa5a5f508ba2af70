//! What is ordered of a tenant's subscription as a whole: by an operator, or by the tenant itself, which can order less.
//!
//! Invariants: who has no subscription gets one, who has one has it changed; a trial comes with the first subscription only,
//! unless an operator grants another; a tenant puts itself only on plans that are for that, with coupons that are for anyone.

use isolation::{ControlTx, Tx};
use kernel::{FieldError, TenantId};
use pricing::ProrationMode;
use pricing::discounts::Redeemer;
use sqlx::Executor;
use tenants::{ChangeTenantError, Status, Tenant};

use super::billing::Outcome;
use super::changes::{change, through_period_end};
use super::creation::{NewSubscription, create};
use super::error::{SubscriptionError, invalid};
use super::model::{ChangeOrder, Subscription, SubscriptionStatus, When};
use super::{row, tenant as effects};
use crate::accounts;
use crate::terms::{Inner, Terms};

/// Who orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderedBy {
    /// An operator of the platform.
    Operator,
    /// The tenant itself.
    Tenant,
}

/// What is ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// By whom.
    pub by: OrderedBy,
    /// What is to be different.
    pub change: ChangeOrder,
    /// From when on.
    pub when: When,
    /// How parts of periods are measured, where that is not what the terms say.
    pub proration: Option<ProrationMode>,
    /// Days to try a first subscription, where that is not what the price list says.
    pub trial_days: Option<u16>,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// What it did.
    pub outcome: Outcome,
    /// Whether it began a subscription.
    pub is_new: bool,
}

/// Begins the tenant's subscription, or changes the one that it has.
pub async fn place(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    expected: Option<i64>,
    order: Order,
) -> Result<Placed, SubscriptionError> {
    accounts::lock(tx, tenant).await?;
    let live = row::live(tx, tenant).await?;
    if order.by == OrderedBy::Tenant {
        check_self_service(terms, live.as_ref(), &order.change)?;
    }
    let terms = measured_by(terms, order.proration);
    match live {
        Some(_) => {
            check_of_existing(&terms, &order)?;
            let changed = change(tx, &terms, tenant, expected, order.change, order.when);
            let outcome = Box::pin(changed).await?;
            Ok(Placed {
                outcome,
                is_new: false,
            })
        }
        None => Box::pin(begin(tx, &terms, tenant, expected, order)).await,
    }
}

/// What [`place`] would do: it is done, looked at, and undone.
pub async fn preview(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    order: Order,
) -> Result<Outcome, SubscriptionError> {
    tx.conn().execute("SAVEPOINT preview").await?;
    let outcome = Box::pin(looked_at(tx, terms, tenant, order)).await;
    // After an error of the database this is what makes the transaction usable again.
    tx.conn().execute("ROLLBACK TO SAVEPOINT preview").await?;
    tx.conn().execute("RELEASE SAVEPOINT preview").await?;
    outcome
}

async fn looked_at(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    order: Order,
) -> Result<Outcome, SubscriptionError> {
    let placed = Box::pin(place(tx, terms, tenant, None, order)).await?;
    Box::pin(through_period_end(tx, terms, tenant, placed.outcome)).await
}

fn measured_by(terms: &Terms, mode: Option<ProrationMode>) -> Terms {
    match mode {
        Some(mode) if mode != terms.proration => Terms::new(Inner {
            proration: mode,
            ..Inner::clone(terms)
        }),
        _ => terms.clone(),
    }
}

/// A subscription that has begun had its trial; and what takes effect later is measured as the terms say then.
fn check_of_existing(terms: &Terms, order: &Order) -> Result<(), SubscriptionError> {
    if order.trial_days.is_some() {
        return Err(invalid(
            "/trialDays",
            "is for a new subscription; the tenant has one",
        ));
    }
    if order.when != When::Now && order.proration.is_some() {
        let detail = format!(
            "is for what takes effect at once; later changes are measured as the terms say: {}",
            terms.proration.name()
        );
        return Err(invalid("/prorationMode", &detail));
    }
    Ok(())
}

async fn begin(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    expected: Option<i64>,
    order: Order,
) -> Result<Placed, SubscriptionError> {
    if expected.is_some() {
        return Err(SubscriptionError::VersionMismatch { current: 0 });
    }
    let known = customer(tx, tenant).await?;
    let Some(plan) = order.change.plan else {
        return Err(invalid("/plan", "is required: the tenant has no subscription"));
    };
    if order.when != When::Now {
        return Err(invalid(
            "/when",
            "must be now: there is no period yet that could end",
        ));
    }
    let had_one = !row::all(tx, tenant).await?.is_empty();
    let new = NewSubscription {
        quantity: order.change.quantity.unwrap_or(1),
        add_ons: order.change.add_ons.unwrap_or_default(),
        coupon: order.change.coupon.filter(|code| !code.is_empty()),
        trial_days: order.trial_days.or(had_one.then_some(0)),
        ..NewSubscription::to(plan, order.change.cycle.unwrap_or(known.billing_cycle))
    };
    let outcome = create(tx, terms, tenant, new).await?;
    if outcome.subscription.status == SubscriptionStatus::Active {
        effects::convert(tx, &outcome.subscription).await?;
    }
    Ok(Placed {
        outcome,
        is_new: true,
    })
}

/// The tenant, if it is a customer: not one that was given up or is being removed.
async fn customer(tx: &mut ControlTx, tenant: TenantId) -> Result<Tenant, SubscriptionError> {
    let known = tenants::get_for_update(tx, tenant).await?;
    let known = known.ok_or(ChangeTenantError::NotFound)?;
    match known.status {
        Status::Trial | Status::Active | Status::Suspended => Ok(known),
        other => Err(ChangeTenantError::NotEditable(other).into()),
    }
}

fn check_self_service(
    terms: &Terms,
    live: Option<&Subscription>,
    order: &ChangeOrder,
) -> Result<(), SubscriptionError> {
    let edition = terms.catalogue.latest();
    let mut errors = Vec::new();
    let other_plan = order
        .plan
        .filter(|plan| live.is_none_or(|live| live.plan != *plan));
    if let Some(plan) = other_plan
        && edition
            .plan(plan.name())
            .is_none_or(|prices| !prices.self_service)
    {
        let detail = format!(
            "{} is not sold by self-service; ask the platform for it",
            plan.name()
        );
        errors.push(FieldError::new("/plan", detail));
    }
    let kept = live
        .and_then(|live| live.coupon.as_ref())
        .map(|coupon| coupon.code.as_str());
    if let Some(code) = order.coupon.as_deref().filter(|code| !code.is_empty())
        && kept != Some(code)
        && edition
            .coupon(code)
            .is_none_or(|coupon| coupon.redeemer != Redeemer::Anyone)
    {
        // The same for one that is unknown, so that codes cannot be found by trying.
        errors.push(FieldError::new("/coupon", "cannot be redeemed"));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(SubscriptionError::Invalid(errors))
    }
}
