//! Subscriptions as they are stored.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::Span;
use pricing::catalogue::TrialEnd;
use serde_json::Value;
use tenants::BillingCycle;
use tenants::plans::PlanId;

use super::model::{CouponUse, Scheduled, Step, Subscription, SubscriptionId, SubscriptionStatus};
use crate::columns::{document, json, parsed};
use crate::revenue::Movement;

struct Row {
    id: SubscriptionId,
    tenant_id: TenantId,
    status: SubscriptionStatus,
    plan: PlanId,
    cycle: BillingCycle,
    quantity: i32,
    add_ons: Value,
    coupon: Option<String>,
    coupon_invoices: i32,
    currency: String,
    catalogue_version: i32,
    time_zone: String,
    alignment: Value,
    anchor: Timestamp,
    period_number: i32,
    period_starts_at: Timestamp,
    period_ends_at: Timestamp,
    usage_from: Timestamp,
    usage_number: i32,
    usage_ends_at: Timestamp,
    trial_ends_at: Option<Timestamp>,
    trial_end: String,
    trial_told: bool,
    cancel_at_period_end: bool,
    scheduled_at: Option<Timestamp>,
    scheduled: Option<Value>,
    paused_at: Option<Timestamp>,
    resumes_at: Option<Timestamp>,
    lapsed: bool,
    canceled_at: Option<Timestamp>,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Columns that the database keeps from being negative.
fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

fn column(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

impl Row {
    fn subscription(self) -> Result<Subscription, sqlx::Error> {
        let invoices = count(self.coupon_invoices);
        let scheduled = self.scheduled_at.zip(self.scheduled);
        Ok(Subscription {
            id: self.id,
            tenant_id: self.tenant_id,
            status: self.status,
            plan: self.plan,
            cycle: self.cycle,
            quantity: count(self.quantity),
            add_ons: document(self.add_ons)?,
            coupon: self.coupon.map(|code| CouponUse { code, invoices }),
            currency: parsed(&self.currency)?,
            edition: count(self.catalogue_version),
            time_zone: parsed(&self.time_zone)?,
            alignment: document(self.alignment)?,
            anchor: self.anchor,
            period_number: count(self.period_number),
            period: Span::new(self.period_starts_at, self.period_ends_at),
            usage_from: self.usage_from,
            usage_number: count(self.usage_number),
            usage_ends_at: self.usage_ends_at,
            trial_ends_at: self.trial_ends_at,
            trial_end: document(Value::String(self.trial_end))?,
            trial_told: self.trial_told,
            cancel_at_period_end: self.cancel_at_period_end,
            scheduled: scheduled
                .map(|(at, order)| {
                    Ok::<_, sqlx::Error>(Scheduled {
                        at,
                        order: document(order)?,
                    })
                })
                .transpose()?,
            paused_at: self.paused_at,
            resumes_at: self.resumes_at,
            lapsed: self.lapsed,
            canceled_at: self.canceled_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

const fn trial_end(end: TrialEnd) -> &'static str {
    match end {
        TrialEnd::Paid => "paid",
        TrialEnd::Free => "free",
        TrialEnd::Suspend => "suspend",
    }
}

/// One literal for all: what follows the table's name is the caller's.
macro_rules! select_subscriptions {
    ($rest:literal $(, $parameter:expr)*) => {
        sqlx::query_as!(
            Row,
            r#"select id as "id: SubscriptionId", tenant_id as "tenant_id: TenantId", status as "status: SubscriptionStatus",
                      plan as "plan: PlanId", cycle as "cycle: BillingCycle", quantity, add_ons, coupon, coupon_invoices,
                      currency, catalogue_version, time_zone, alignment, anchor as "anchor: Timestamp", period_number,
                      period_starts_at as "period_starts_at: Timestamp", period_ends_at as "period_ends_at: Timestamp",
                      usage_from as "usage_from: Timestamp", usage_number, usage_ends_at as "usage_ends_at: Timestamp",
                      trial_ends_at as "trial_ends_at: Timestamp", trial_end, trial_told, cancel_at_period_end,
                      scheduled_at as "scheduled_at: Timestamp", scheduled, paused_at as "paused_at: Timestamp",
                      resumes_at as "resumes_at: Timestamp", lapsed, canceled_at as "canceled_at: Timestamp",
                      started_at as "started_at: Timestamp", ended_at as "ended_at: Timestamp", version,
                      created_at as "created_at: Timestamp", updated_at as "updated_at: Timestamp"
               from control.subscriptions "# + $rest
            $(, $parameter)*
        )
    };
}

/// The tenant's subscription that is not over.
pub(super) async fn live(tx: &mut ControlTx, tenant: TenantId) -> Result<Option<Subscription>, sqlx::Error> {
    let row = select_subscriptions!("where tenant_id = $1 and status <> 'canceled'", tenant as _)
        .fetch_optional(tx.conn())
        .await?;
    row.map(Row::subscription).transpose()
}

/// All of the tenant's subscriptions, the latest first.
pub(super) async fn all(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<Subscription>, sqlx::Error> {
    let rows = select_subscriptions!(
        "where tenant_id = $1 order by started_at desc, id desc",
        tenant as _
    )
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Row::subscription).collect()
}

pub(super) async fn get(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: SubscriptionId,
) -> Result<Option<Subscription>, sqlx::Error> {
    let row = select_subscriptions!("where tenant_id = $1 and id = $2", tenant as _, id as _)
        .fetch_optional(tx.conn())
        .await?;
    row.map(Row::subscription).transpose()
}

pub(super) async fn insert(tx: &mut ControlTx, subscription: &Subscription) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into control.subscriptions
             (tenant_id, id, status, plan, cycle, quantity, add_ons, coupon, coupon_invoices, currency, catalogue_version,
              time_zone, alignment, anchor, period_number, period_starts_at, period_ends_at, usage_from, usage_number,
              usage_ends_at, trial_ends_at, trial_end, cancel_at_period_end, lapsed, started_at, next_at, version, created_at,
              updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, false,
                 false, $23, $24, $25, $26, $26)",
        subscription.tenant_id as _,
        subscription.id as _,
        subscription.status.name(),
        subscription.plan as _,
        subscription.cycle.name(),
        column(subscription.quantity),
        json(&subscription.add_ons)?,
        subscription.coupon.as_ref().map(|coupon| &*coupon.code),
        column(subscription.coupon.as_ref().map_or(0, |coupon| coupon.invoices)),
        subscription.currency.code(),
        column(subscription.edition),
        subscription.time_zone.name(),
        json(&subscription.alignment)?,
        subscription.anchor as _,
        column(subscription.period_number),
        subscription.period.starts_at as _,
        subscription.period.ends_at as _,
        subscription.usage_from as _,
        column(subscription.usage_number),
        subscription.usage_ends_at as _,
        subscription.trial_ends_at as _,
        trial_end(subscription.trial_end),
        subscription.started_at as _,
        subscription.next().map(Step::at) as _,
        subscription.version,
        subscription.created_at as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn save(tx: &mut ControlTx, subscription: &Subscription) -> Result<(), sqlx::Error> {
    let scheduled = subscription.scheduled.as_ref();
    sqlx::query!(
        "update control.subscriptions
         set status = $3, plan = $4, cycle = $5, quantity = $6, add_ons = $7, coupon = $8, coupon_invoices = $9, currency = $10,
             catalogue_version = $11, time_zone = $12, alignment = $13, anchor = $14, period_number = $15,
             period_starts_at = $16, period_ends_at = $17, usage_from = $18, usage_number = $19, usage_ends_at = $20,
             trial_ends_at = $21, trial_end = $22, cancel_at_period_end = $23, scheduled_at = $24, scheduled = $25,
             paused_at = $26, resumes_at = $27, canceled_at = $28, ended_at = $29, next_at = $30, failures = 0,
             version = $31, updated_at = $32, lapsed = $33, trial_told = $34
         where tenant_id = $1 and id = $2",
        subscription.tenant_id as _,
        subscription.id as _,
        subscription.status.name(),
        subscription.plan as _,
        subscription.cycle.name(),
        column(subscription.quantity),
        json(&subscription.add_ons)?,
        subscription.coupon.as_ref().map(|coupon| &*coupon.code),
        column(subscription.coupon.as_ref().map_or(0, |coupon| coupon.invoices)),
        subscription.currency.code(),
        column(subscription.edition),
        subscription.time_zone.name(),
        json(&subscription.alignment)?,
        subscription.anchor as _,
        column(subscription.period_number),
        subscription.period.starts_at as _,
        subscription.period.ends_at as _,
        subscription.usage_from as _,
        column(subscription.usage_number),
        subscription.usage_ends_at as _,
        subscription.trial_ends_at as _,
        trial_end(subscription.trial_end),
        subscription.cancel_at_period_end,
        scheduled.map(|scheduled| scheduled.at) as _,
        scheduled.map(|scheduled| json(&scheduled.order)).transpose()?,
        subscription.paused_at as _,
        subscription.resumes_at as _,
        subscription.canceled_at as _,
        subscription.ended_at as _,
        subscription.next().map(Step::at) as _,
        subscription.version,
        subscription.updated_at as _,
        subscription.lapsed,
        subscription.trial_told
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What the subscription is worth a year, as it was written down last.
pub(super) async fn last_worth(
    tx: &mut ControlTx,
    subscription: &Subscription,
) -> Result<(i32, i64), sqlx::Error> {
    let row = sqlx::query!(
        "select number, yearly_amount from control.subscription_changes
         where tenant_id = $1 and subscription_id = $2 order by number desc limit 1",
        subscription.tenant_id as _,
        subscription.id as _
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map_or((0, 0), |row| (row.number, row.yearly_amount)))
}

/// Whether any of the tenant's subscriptions was ever worth something in this currency.
pub(super) async fn was_worth_something(
    tx: &mut ControlTx,
    subscription: &Subscription,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from control.subscription_changes where tenant_id = $1 and currency = $2) as "was!""#,
        subscription.tenant_id as _,
        subscription.currency.code()
    )
    .fetch_one(tx.conn())
    .await
}

/// Writes down what it is worth a year from then on.
pub(super) async fn insert_change(
    tx: &mut ControlTx,
    subscription: &Subscription,
    (number, movement): (i32, Movement),
    at: Timestamp,
    (before, after): (i64, i64),
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into control.subscription_changes
             (tenant_id, subscription_id, number, at, movement, plan, cycle, quantity, yearly_amount, previous_amount, currency)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        subscription.tenant_id as _,
        subscription.id as _,
        number,
        at as _,
        movement.name(),
        subscription.plan as _,
        subscription.cycle.name(),
        column(subscription.quantity),
        after,
        before,
        subscription.currency.code()
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether a way to pay is known.
pub(super) async fn can_pay(tx: &mut ControlTx, tenant: TenantId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from control.payment_methods where tenant_id = $1 and removed_at is null) as "can!""#,
        tenant as _
    )
    .fetch_one(tx.conn())
    .await
}

/// Removes the account and the subscriptions of a tenant that was never invoiced anything; answers whether that was so.
pub(super) async fn remove_unbilled(tx: &mut ControlTx, tenant: TenantId) -> Result<bool, sqlx::Error> {
    let billed = sqlx::query_scalar!(
        r#"select exists (select from control.invoices where tenant_id = $1)
               or exists (select from control.ledger_entries where tenant_id = $1) as "billed!""#,
        tenant as _
    )
    .fetch_one(tx.conn())
    .await?;
    if billed {
        return Ok(false);
    }
    sqlx::query!(
        "delete from control.invoiced_usage where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from control.subscriptions where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from control.billing_accounts where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    Ok(true)
}
