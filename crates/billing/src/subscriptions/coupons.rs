//! Redeeming coupons. Each time is written down, whatever becomes of the subscription, and counted under a lock of the
//! coupon's own, so that of two who redeem the last one only one gets it.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use pricing::discounts::Redemptions;
use tenants::plans::PlanId;
use uuid::Uuid;

use super::error::{SubscriptionError, invalid};
use super::model::{CouponUse, Subscription};
use crate::accounts::BillingAccount;
use crate::terms::Terms;

impl Subscription {
    /// Whether this would be another coupon than it has. An empty code is none.
    pub(super) fn wants_coupon(&self, code: &str) -> bool {
        let has = self.coupon.as_ref();
        !code.is_empty() && has.is_none_or(|coupon| !coupon.code.eq_ignore_ascii_case(code))
    }
}

/// The coupon of this code, as the catalogue writes it, before its first invoice.
pub(super) fn used(terms: &Terms, code: &str) -> CouponUse {
    let known = terms.catalogue.latest().coupon(code);
    CouponUse {
        code: known.map_or_else(|| code.to_owned(), |coupon| coupon.code.clone()),
        invoices: 0,
    }
}

/// Takes away a coupon that is not for the plan.
pub(super) fn drop_unsuitable(terms: &Terms, subscription: &mut Subscription) {
    let used = subscription.coupon.as_ref();
    let known = used.and_then(|used| terms.catalogue.latest().coupon(&used.code));
    if known.is_some_and(|coupon| !coupon.is_for(subscription.plan.name())) {
        subscription.coupon = None;
    }
}

/// Refuses a coupon that is unknown or that the account cannot redeem for this plan. Until the transaction ends nobody else
/// redeems one of which there are so many.
pub(super) async fn check(
    tx: &mut ControlTx,
    terms: &Terms,
    code: &str,
    (plan, account): (PlanId, &BillingAccount),
    at: Timestamp,
) -> Result<(), SubscriptionError> {
    let known = terms.catalogue.latest().coupon(code);
    let coupon = known.ok_or_else(|| invalid("/coupon", "is not known"))?;
    let mut redemptions = Redemptions::default();
    if coupon.counts_redemptions() {
        if coupon.max_redemptions.is_some() {
            lock(tx, &coupon.code).await?;
        }
        redemptions = count(tx, &coupon.code, account.tenant_id).await?;
    }
    Ok(coupon.redeemable(at, plan.name(), account.currency, redemptions)?)
}

/// Writes down that the subscription's coupon was redeemed, which was checked.
pub(super) async fn redeem(
    tx: &mut ControlTx,
    subscription: &Subscription,
    at: Timestamp,
) -> Result<(), SubscriptionError> {
    let Some(coupon) = &subscription.coupon else {
        return Ok(());
    };
    let id = Uuid::from_bytes(tx.seams().random());
    sqlx::query!(
        "insert into control.coupon_redemptions (id, tenant_id, subscription_id, code, redeemed_at)
         values ($1, $2, $3, $4, $5)",
        id,
        subscription.tenant_id as _,
        subscription.id as _,
        coupon.code,
        at as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "insert into control.coupon_totals as t (code, redeemed) values ($1, 1)
         on conflict (code) do update set redeemed = t.redeemed + 1",
        coupon.code
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The subscription as it is wanted, its new coupon redeemed. One that waited and cannot be redeemed any more stays away:
/// what else was ordered happens nevertheless.
pub(super) async fn redeemed(
    tx: &mut ControlTx,
    terms: &Terms,
    account: &BillingAccount,
    before: &Subscription,
    mut after: Subscription,
    at: Timestamp,
) -> Result<Subscription, SubscriptionError> {
    let code = after.coupon.as_ref().map(|coupon| coupon.code.clone());
    let Some(code) = code.filter(|code| before.wants_coupon(code)) else {
        return Ok(after);
    };
    match check(tx, terms, &code, (after.plan, account), at).await {
        Ok(()) => redeem(tx, &after, at).await?,
        Err(SubscriptionError::Coupon(_) | SubscriptionError::Invalid(_)) => {
            after.coupon.clone_from(&before.coupon);
            drop_unsuitable(terms, &mut after);
        }
        Err(other) => return Err(other),
    }
    Ok(after)
}

async fn lock(tx: &mut ControlTx, code: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('coupon ' || $1::text, 0))",
        code
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

async fn count(tx: &mut ControlTx, code: &str, tenant: TenantId) -> Result<Redemptions, sqlx::Error> {
    let row = sqlx::query!(
        r#"select coalesce((select redeemed from control.coupon_totals where code = $1), 0) as "all!",
                  (select count(*) from control.coupon_redemptions where code = $1 and tenant_id = $2) as "own!""#,
        code,
        tenant as _
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Redemptions {
        all: u32::try_from(row.all).unwrap_or(u32::MAX),
        own: u32::try_from(row.own).unwrap_or(u32::MAX),
    })
}
