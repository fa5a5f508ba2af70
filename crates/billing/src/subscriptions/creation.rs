//! A subscription begins.

use audit::EventType;
use isolation::{ControlTx, Tx, violates};
use kernel::{TenantId, Timestamp};
use pricing::catalogue::TrialEnd;
use pricing::{Alignment, Span};
use tenants::plans::PlanId;
use tenants::{BillingCycle, Tenant};

use super::billing::{Bill, Outcome, bill};
use super::changes::check_quantity;
use super::charges::{one_time_lines, period_lines, total};
use super::error::{SubscriptionError, invalid};
use super::model::{AddOnItem, Subscription, SubscriptionStatus, hour_of};
use super::renewal::after_trial;
use super::worth::{note, recorded};
use super::{coupons, row, tenant as effects};
use crate::accounts::{self, BillingAccount, NewAccount};
use crate::clock;
use crate::invoices::InvoiceKind;
use crate::terms::Terms;

/// A subscription that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubscription {
    /// The plan.
    pub plan: PlanId,
    /// How often it is paid for.
    pub cycle: BillingCycle,
    /// How many seats.
    pub quantity: u32,
    /// What it has on top.
    pub add_ons: Vec<AddOnItem>,
    /// A coupon.
    pub coupon: Option<String>,
    /// Days to try it; those of the price list where nothing is said.
    pub trial_days: Option<u16>,
    /// What follows the trial; what the price list says where nothing is said.
    pub trial_end: Option<TrialEnd>,
}

impl NewSubscription {
    /// This plan, so often, as the price list says.
    pub const fn to(plan: PlanId, cycle: BillingCycle) -> Self {
        Self {
            plan,
            cycle,
            quantity: 1,
            add_ons: Vec::new(),
            coupon: None,
            trial_days: None,
            trial_end: None,
        }
    }
}

/// Begins a subscription of a tenant that has none: with its trial, or with a first period that is invoiced at once.
pub async fn create(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    new: NewSubscription,
) -> Result<Outcome, SubscriptionError> {
    let account = accounts::lock(tx, tenant).await?;
    let now = clock::now(tx).await?;
    check_quantity(new.quantity, &new.add_ons)?;
    if let Some(code) = &new.coupon {
        coupons::check(tx, terms, code, (new.plan, &account), now).await?;
    }
    let subscription = begin(tx, terms, &account, new, now)?;
    insert(tx, &subscription).await?;
    coupons::redeem(tx, &subscription, now).await?;
    let outcome = first_period(tx, terms, &account, subscription, now).await?;
    effects::put_on_plan(tx, &outcome.subscription).await?;
    recorded(tx, EventType::SubscriptionStarted, None, &outcome.subscription).await?;
    Ok(outcome)
}

/// Makes the account and the subscription of a tenant that is being made. The saga records that it began.
pub async fn start(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: &Tenant,
    email: Option<String>,
) -> Result<Outcome, SubscriptionError> {
    let new = NewAccount {
        provider: terms.provider.kind(),
        email,
        name: tenant.name.as_str().to_owned(),
        currency: terms.currency,
        time_zone: pricing::Zone::UTC,
    };
    let (account, now) = accounts::insert(tx, tenant.id, new).await?;
    let wanted = NewSubscription::to(tenant.plan, tenant.billing_cycle);
    let subscription = begin(tx, terms, &account, wanted, now)?;
    insert(tx, &subscription).await?;
    first_period(tx, terms, &account, subscription, now).await
}

async fn insert(tx: &mut ControlTx, subscription: &Subscription) -> Result<(), SubscriptionError> {
    row::insert(tx, subscription).await.map_err(|error| {
        if violates(&error, "subscriptions_live") {
            SubscriptionError::Exists
        } else {
            SubscriptionError::Database(error)
        }
    })
}

fn begin(
    tx: &ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    new: NewSubscription,
    now: Timestamp,
) -> Result<Subscription, SubscriptionError> {
    let edition = terms.catalogue.latest();
    let prices = edition.plan(new.plan.name());
    let prices = prices.ok_or_else(|| invalid("/plan", "is not for sale"))?;
    let trial_days = new.trial_days.unwrap_or(prices.trial_days);
    let trial_ends_at = (trial_days > 0)
        .then(|| account.time_zone.days_after(now, trial_days))
        .transpose()?;
    let subscription = Subscription {
        id: tx.new_id(),
        tenant_id: account.tenant_id,
        status: SubscriptionStatus::Active,
        plan: new.plan,
        cycle: new.cycle,
        quantity: new.quantity,
        add_ons: new.add_ons,
        coupon: new.coupon.map(|code| coupons::used(terms, &code)),
        currency: account.currency,
        edition: edition.version,
        time_zone: account.time_zone.clone(),
        alignment: alignment(terms),
        anchor: now,
        period_number: 0,
        period: Span::new(now, now),
        usage_from: hour_of(now),
        usage_number: 0,
        usage_ends_at: now,
        trial_ends_at,
        trial_end: new.trial_end.unwrap_or(prices.trial_end),
        trial_told: false,
        cancel_at_period_end: false,
        scheduled: None,
        paused_at: None,
        resumes_at: None,
        lapsed: false,
        canceled_at: None,
        started_at: now,
        ended_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    // Refuses what has no price, before anything is written.
    let price = total(terms, &subscription)?;
    one_time_lines(terms, &subscription, &[])?;
    let subscription = subscription.anchored(now, &account.time_zone)?;
    Ok(match trial_ends_at {
        Some(ends_at) if price.is_positive() => subscription.on_trial(ends_at),
        _ => Subscription {
            trial_ends_at: None,
            ..subscription
        },
    })
}

/// On which days periods begin; a day of the month is not for sale.
fn alignment(terms: &Terms) -> Alignment {
    terms.alignment
}

impl Subscription {
    /// Tried until then; its periods are counted from there.
    fn on_trial(self, ends_at: Timestamp) -> Self {
        Self {
            status: SubscriptionStatus::Trialing,
            period: Span::new(self.started_at, ends_at),
            usage_ends_at: ends_at,
            ..self
        }
    }
}

/// Charges for the first period, unless that is a trial: then for what is charged once.
async fn first_period(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    mut subscription: Subscription,
    now: Timestamp,
) -> Result<Outcome, SubscriptionError> {
    let trial = subscription.status == SubscriptionStatus::Trialing;
    let mut lines = Vec::new();
    if !trial {
        lines = period_lines(terms, &subscription, &subscription.present()?)?;
    }
    lines.extend(one_time_lines(terms, &subscription, &[])?);
    let mut outcome = Outcome::of(subscription.clone(), now);
    if lines.is_empty() {
        return Ok(outcome);
    }
    let wanted = Bill {
        kind: if trial {
            InvoiceKind::Change
        } else {
            InvoiceKind::Cycle
        },
        period: subscription.period,
        lines,
        usage: None,
        begins_period: !trial,
        waits: false,
    };
    outcome
        .invoices
        .extend(bill(tx, terms, account, &mut subscription, wanted, now).await?);
    row::save(tx, &subscription).await?;
    note(tx, terms, &subscription, now).await?;
    outcome.subscription = subscription;
    Ok(outcome)
}

/// Ends a trial before its time: what follows is paid from now on.
pub async fn end_trial(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    expected: Option<i64>,
) -> Result<Outcome, SubscriptionError> {
    let account = accounts::lock(tx, tenant).await?;
    let before = super::get(tx, tenant).await?;
    before.check_version(expected)?;
    if before.status != SubscriptionStatus::Trialing {
        return Err(SubscriptionError::WrongStatus {
            status: before.status,
            action: "paid for from now on: it is on no trial",
        });
    }
    let now = clock::now(tx).await?;
    let after = Subscription {
        trial_ends_at: Some(now),
        ..before
    };
    after_trial(tx, terms, &account, after, TrialEnd::Paid, (now, now)).await
}
