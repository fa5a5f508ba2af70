//! A subscription is changed by order.

use audit::EventType;
use isolation::{ControlTx, Tx};
use kernel::{FieldError, TenantId, Timestamp};
use pricing::Span;
use sqlx::Executor;

use super::billing::{Bill, Outcome, bill, finalize_drafts, open_usage};
use super::charges::{one_time_lines, period_lines, plan, recurring, rest_lines, total};
use super::credits::{Unused, take_back};
use super::error::{SubscriptionError, invalid};
use super::model::{AddOnItem, ChangeOrder, Scheduled, Subscription, SubscriptionStatus, When, hour_of};
use super::worth::{note, recorded};
use super::{coupons, renewal, row, tenant as effects};
use crate::accounts::{self, BillingAccount};
use crate::clock;
use crate::invoices::{InvoiceKind, Reason};
use crate::terms::Terms;

/// The largest number of seats, or of one add-on.
const MOST: u32 = 1_000_000;
/// Add-ons that a subscription has at most.
const MOST_ADD_ONS: usize = 50;

/// Changes the tenant's subscription, now or later. A change that waits is replaced by any other.
pub async fn change(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    expected: Option<i64>,
    order: ChangeOrder,
    when: When,
) -> Result<Outcome, SubscriptionError> {
    let account = accounts::lock(tx, tenant).await?;
    let before = super::get(tx, tenant).await?;
    before.check_version(expected)?;
    let now = clock::now(tx).await?;
    if let Some(code) = order.coupon.as_ref().filter(|code| before.wants_coupon(code)) {
        let plan = order.plan.unwrap_or(before.plan);
        coupons::check(tx, terms, code, (plan, &account), now).await?;
    }
    let at = match when {
        When::Now => now,
        When::PeriodEnd => before.period.ends_at,
        When::At(at) => at,
    };
    // Refuses what is not for sale now rather than when it would take effect.
    let after = ordered(terms, &before, &order)?;
    if at > now {
        return schedule(tx, before, order, at).await;
    }
    apply(tx, terms, &account, before, after, (now, now)).await
}

/// What [`change`] would do now, or with the end of the period: it is done, looked at, and undone.
pub async fn preview(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    order: ChangeOrder,
    when: When,
) -> Result<Outcome, SubscriptionError> {
    tx.conn().execute("SAVEPOINT preview").await?;
    let outcome = Box::pin(dry_run(tx, terms, tenant, order, when)).await;
    // After an error of the database this is what makes the transaction usable again.
    tx.conn().execute("ROLLBACK TO SAVEPOINT preview").await?;
    tx.conn().execute("RELEASE SAVEPOINT preview").await?;
    outcome
}

async fn dry_run(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    order: ChangeOrder,
    when: When,
) -> Result<Outcome, SubscriptionError> {
    let outcome = change(tx, terms, tenant, None, order, when).await?;
    Box::pin(through_period_end(tx, terms, tenant, outcome)).await
}

/// Goes on to the end of the period, where that is what a change waits for; what comes of it is undone by the caller.
pub(super) async fn through_period_end(
    tx: &mut ControlTx,
    terms: &Terms,
    tenant: TenantId,
    mut outcome: Outcome,
) -> Result<Outcome, SubscriptionError> {
    let at = outcome.takes_effect_at;
    if outcome.subscription.scheduled.is_none() || at != outcome.subscription.period.ends_at {
        return Ok(outcome);
    }
    let account = accounts::lock(tx, tenant).await?;
    if outcome.subscription.status != SubscriptionStatus::Trialing {
        let seen = renewal::renew(tx, terms, &account, outcome.subscription, (at, at)).await?;
        return Ok(seen);
    }
    // With a trial its change is made first, and then it ends.
    loop {
        let seen = Box::pin(renewal::step(
            tx,
            terms,
            &account,
            outcome.subscription.clone(),
            at,
        ))
        .await?;
        let Some(seen) = seen else { return Ok(outcome) };
        outcome.subscription = seen.subscription;
        outcome.invoices.extend(seen.invoices);
        outcome.credit_notes.extend(seen.credit_notes);
    }
}

/// Takes away the change that waits.
pub async fn unschedule(
    tx: &mut ControlTx,
    tenant: TenantId,
    expected: Option<i64>,
) -> Result<Subscription, SubscriptionError> {
    accounts::lock(tx, tenant).await?;
    let before = super::get(tx, tenant).await?;
    before.check_version(expected)?;
    if before.scheduled.is_none() {
        return Ok(before);
    }
    let now = clock::now(tx).await?;
    let after = Subscription {
        scheduled: None,
        ..before.clone()
    };
    saved(tx, Some((&before, EventType::SubscriptionChanged)), after, now).await
}

async fn schedule(
    tx: &mut ControlTx,
    before: Subscription,
    order: ChangeOrder,
    at: Timestamp,
) -> Result<Outcome, SubscriptionError> {
    if at > before.period.ends_at {
        return Err(invalid("/at", "must not be after the end of the present period"));
    }
    if !before.status.renews() && before.status != SubscriptionStatus::Trialing {
        return Err(SubscriptionError::WrongStatus {
            status: before.status,
            action: "changed later; it can be changed now",
        });
    }
    let now = clock::now(tx).await?;
    let after = Subscription {
        scheduled: Some(Scheduled { at, order }),
        ..before.clone()
    };
    let after = saved(tx, Some((&before, EventType::SubscriptionChanged)), after, now).await?;
    Ok(Outcome::of(after, at))
}

/// Stores a changed subscription, and records it where a type is given.
pub(super) async fn saved(
    tx: &mut ControlTx,
    told: Option<(&Subscription, EventType)>,
    mut after: Subscription,
    now: Timestamp,
) -> Result<Subscription, SubscriptionError> {
    after.version += 1;
    after.updated_at = now;
    row::save(tx, &after).await?;
    if let Some((before, kind)) = told {
        effects::admit(tx, before.status, &after).await?;
        recorded(tx, kind, Some(before), &after).await?;
    }
    Ok(after)
}

/// The subscription as it is wanted; refuses what is not for sale.
pub(super) fn ordered(
    terms: &Terms,
    before: &Subscription,
    order: &ChangeOrder,
) -> Result<Subscription, SubscriptionError> {
    let mut after = Subscription {
        scheduled: None,
        ..before.clone()
    };
    if let Some(plan) = order.plan {
        after.plan = plan;
        if plan != before.plan {
            // Whoever changes the plan buys anew; what merely changes with time or number keeps its prices.
            after.edition = terms.catalogue.latest().version;
        }
    }
    after.cycle = order.cycle.unwrap_or(after.cycle);
    after.quantity = order.quantity.unwrap_or(after.quantity);
    match &order.add_ons {
        Some(add_ons) => after.add_ons.clone_from(add_ons),
        // What does not go with the new plan stays behind.
        None => drop_unsold(terms, &mut after),
    }
    match order.coupon.as_deref() {
        Some("") => after.coupon = None,
        Some(code) if before.wants_coupon(code) => after.coupon = Some(coupons::used(terms, code)),
        // Like an add-on that does not go with the new plan.
        _ if after.plan != before.plan => coupons::drop_unsuitable(terms, &mut after),
        _ => {}
    }
    check_quantity(after.quantity, &after.add_ons)?;
    recurring(terms, &after)?;
    one_time_lines(terms, &after, &before.add_ons)?;
    Ok(after)
}

fn drop_unsold(terms: &Terms, subscription: &mut Subscription) {
    let edition = terms.catalogue.edition(subscription.edition);
    let plan = subscription.plan.name();
    subscription.add_ons.retain(|wanted| {
        let known = edition.and_then(|edition| edition.add_on(&wanted.id));
        known.is_some_and(|add_on| add_on.goes_with(plan))
    });
}

/// Refuses numbers that nobody means.
pub(super) fn check_quantity(quantity: u32, add_ons: &[AddOnItem]) -> Result<(), SubscriptionError> {
    let mut errors = Vec::new();
    let allowed = 1..=MOST;
    if !allowed.contains(&quantity) {
        errors.push(FieldError::new("/quantity", format!("must be from 1 to {MOST}")));
    }
    for (index, add_on) in add_ons.iter().enumerate() {
        let twice = add_ons[..index].iter().any(|other| other.id == add_on.id);
        if twice || !allowed.contains(&add_on.quantity) || index >= MOST_ADD_ONS {
            let detail = format!("must be one of at most {MOST_ADD_ONS}, there once, from 1 to {MOST} times");
            errors.push(FieldError::new(format!("/addOns/{index}"), detail));
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(SubscriptionError::Invalid(errors))
    }
}

/// Applies what is wanted: since when it is to hold, and the present.
pub(super) async fn apply(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    before: Subscription,
    mut after: Subscription,
    (at, now): (Timestamp, Timestamp),
) -> Result<Outcome, SubscriptionError> {
    let mut outcome = Outcome::of(before.clone(), at);
    after = coupons::redeemed(tx, terms, account, &before, after, now).await?;
    match before.status {
        SubscriptionStatus::Active | SubscriptionStatus::PastDue => {
            finalize_drafts(tx, terms, account, &before, now).await?;
            let priced = Priced {
                before: &before,
                at,
                now,
            };
            after = priced.charge(tx, terms, account, after, &mut outcome).await?;
        }
        SubscriptionStatus::Trialing => {
            if !total(terms, &after)?.is_positive() {
                after.status = SubscriptionStatus::Active;
                after = after.anchored(at, &account.time_zone)?;
            }
            let lines = one_time_lines(terms, &after, &before.add_ons)?;
            let wanted = Bill {
                kind: InvoiceKind::Change,
                period: after.period,
                lines,
                usage: None,
                begins_period: false,
                waits: false,
            };
            outcome
                .invoices
                .extend(bill(tx, terms, account, &mut after, wanted, now).await?);
        }
        // Nothing is charged until it is resumed, and then by what it is.
        SubscriptionStatus::Paused | SubscriptionStatus::Unpaid | SubscriptionStatus::Incomplete => {}
        SubscriptionStatus::Canceled => return Err(SubscriptionError::NotFound),
    }
    effects::follow(tx, &before, &after).await?;
    let told = Some((&before, EventType::SubscriptionChanged));
    outcome.subscription = saved(tx, told, after, now).await?;
    note(tx, terms, &outcome.subscription, at).await?;
    Ok(outcome)
}

/// A change of a subscription that is paid for.
struct Priced<'a> {
    before: &'a Subscription,
    at: Timestamp,
    now: Timestamp,
}

impl Priced<'_> {
    async fn charge(
        &self,
        tx: &mut ControlTx,
        terms: &Terms,
        account: &BillingAccount,
        mut after: Subscription,
        outcome: &mut Outcome,
    ) -> Result<Subscription, SubscriptionError> {
        let (old, new) = (recurring(terms, self.before)?, recurring(terms, &after)?);
        let begins = self.begins_anew(terms, &after)?;
        let stays = |item: &str| !begins && old.iter().any(|one| one.item == item && new.contains(one));
        let unused = Unused {
            at: self.at,
            items: &|item| !stays(item),
            reason: Reason::Change,
        };
        let notes = take_back(tx, terms, account, self.before, unused, self.now).await?;
        outcome.credit_notes.extend(notes);
        let usage = if begins || self.usage_is_priced_anew(terms, &after)? {
            after.usage_from = hour_of(self.at);
            open_usage(terms, self.before, self.at)?
        } else {
            None
        };
        let mut lines;
        if begins {
            after = after.anchored(self.at, &account.time_zone)?;
            lines = period_lines(terms, &after, &after.present()?)?;
        } else {
            let fresh: Vec<_> = new.iter().filter(|one| !stays(&one.item)).cloned().collect();
            lines = rest_lines(terms, &after, &fresh, self.at)?;
        }
        lines.extend(one_time_lines(terms, &after, &self.before.add_ons)?);
        let wanted = Bill {
            kind: if begins {
                InvoiceKind::Cycle
            } else {
                InvoiceKind::Change
            },
            period: Span::new(self.at, after.period.ends_at),
            lines,
            usage,
            begins_period: begins,
            waits: false,
        };
        outcome
            .invoices
            .extend(bill(tx, terms, account, &mut after, wanted, self.now).await?);
        Ok(after)
    }

    /// Another cycle has other periods; and what cost nothing until now is paid for from now on.
    fn begins_anew(&self, terms: &Terms, after: &Subscription) -> Result<bool, SubscriptionError> {
        let first_price = !total(terms, self.before)?.is_positive() && total(terms, after)?.is_positive();
        Ok(first_price || after.cycle != self.before.cycle)
    }

    /// What was used is charged by the prices that it was used under.
    fn usage_is_priced_anew(&self, terms: &Terms, after: &Subscription) -> Result<bool, SubscriptionError> {
        Ok(plan(terms, self.before)?.usage != plan(terms, after)?.usage)
    }
}
