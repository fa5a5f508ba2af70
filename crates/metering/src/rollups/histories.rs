//! How far back a tenant may look: what is older than its plan allows is removed, hours and days before the installation's
//! own retention, which drops whole partitions.
//!
//! What a smaller plan does not keep is removed thirty days after the change to it, so that a change that is taken back
//! costs nothing.

use isolation::{ControlTx, PlatformCtx, Tx};
use tenants::plans::{LimitName, Name, Plan, catalogue};

/// Invoices of a year are measured from hours and days, and late events of it come for 35 days more.
pub const LEAST_DAYS: u32 = 402;
/// How long what a smaller plan does not keep stays.
const GRACE_DAYS: i64 = 30;
/// Tenants whose history is shortened in one transaction.
const TENANTS: i64 = 500;
/// As good as for ever.
const UNLIMITED: i64 = 36_500;

/// Removes what is older than each tenant's plan keeps, and says of how many tenants.
pub(super) async fn shorten(ctx: &PlatformCtx) -> Result<u64, sqlx::Error> {
    let mut tx = ctx.control().await?;
    note(&mut tx).await?;
    tx.commit().await?;
    let mut tenants = 0;
    loop {
        let mut tx = ctx.control().await?;
        let some = remove(&mut tx).await?;
        tx.commit().await?;
        tenants += some;
        if some == 0 {
            return Ok(tenants);
        }
    }
}

/// Notes how many days each tenant's plan, or its own limit, keeps now.
async fn note(tx: &mut ControlTx) -> Result<(), sqlx::Error> {
    let plans = &catalogue().plans;
    let names: Vec<&str> = plans.iter().map(|plan| plan.id.name()).collect();
    let days = |plan: &Plan| plan.limits.usage_history_days.number();
    let days: Vec<i64> = plans.iter().map(days).collect();
    let now = tx.now();
    sqlx::query!(
        "insert into control.usage_histories as h (tenant_id, days, since, kept_from)
         select t.id, case when held.days between 0 and $5 then held.days else $5 end, $4,
                t.created_at - make_interval(days => 36) -- as late as events may come
         from control.tenants t
         join unnest($1::text[], $2::bigint[]) plan(id, days) on plan.id = t.plan
         cross join lateral (select coalesce((t.limit_overrides ->> $3)::bigint, plan.days) as days) held
         on conflict (tenant_id) do update set days = excluded.days,
             since = case when excluded.days < h.days then excluded.since else h.since end
         where h.days <> excluded.days",
        &names as _,
        &days,
        LimitName::UsageHistoryDays.name(),
        now as _,
        UNLIMITED
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes what some tenants do not keep any more; says of how many.
async fn remove(tx: &mut ControlTx) -> Result<u64, sqlx::Error> {
    let now = tx.now();
    let shortened = sqlx::query!(
        "with due as materialized (
             select tenant_id, kept_from as since, cut.at as until
             from control.usage_histories
             cross join lateral (select date_trunc('day', $1::timestamptz, 'UTC')
                 - make_interval(days => greatest(days, $2::bigint)::integer) as at) cut
             where since <= $3 and kept_from < cut.at
             order by tenant_id limit $4 for update of usage_histories skip locked),
         hours as (delete from control.usage_hours u using due
             where u.tenant_id = due.tenant_id and u.starts_at >= due.since and u.starts_at < due.until),
         performance as (delete from control.usage_performance u using due
             where u.tenant_id = due.tenant_id and u.starts_at >= due.since and u.starts_at < due.until),
         days as (delete from control.usage_days u using due
             where u.tenant_id = due.tenant_id and u.starts_at >= due.since and u.starts_at < due.until),
         periods as (delete from control.usage_periods u using due
             where u.tenant_id = due.tenant_id and u.starts_at >= due.since and u.starts_at < due.until)
         update control.usage_histories h set kept_from = due.until from due where h.tenant_id = due.tenant_id",
        now as _,
        i64::from(LEAST_DAYS),
        now.plus_days(-GRACE_DAYS) as _,
        TENANTS
    )
    .execute(tx.conn())
    .await?;
    Ok(shortened.rows_affected())
}

#[cfg(test)]
mod tests {
    use isolation::IsolationStrategy;
    use kernel::TenantId;
    use testkit::TestDatabase;

    use super::*;
    use crate::Amount;
    use crate::metrics::BuiltIn;
    use crate::periods::Calendar;
    use crate::rollups::{self, Dimensions, Spread, Totals};

    async fn control(db: &TestDatabase) -> ControlTx {
        db.system().control().await.expect("the control plane answers")
    }

    /// A tenant on this plan, with this limit of its own.
    async fn tenant(db: &TestDatabase, plan: &str, own: Option<i64>) -> TenantId {
        let tenant = db.tenant(IsolationStrategy::SharedDatabase).await.tenant_id();
        change(db, tenant, plan, own).await;
        tenant
    }

    async fn change(db: &TestDatabase, tenant: TenantId, plan: &str, own: Option<i64>) {
        let own = own.map(|days| serde_json::json!({ "usageHistoryDays": days }));
        let mut tx = control(db).await;
        sqlx::query(
            "update control.tenants set plan = $2, limit_overrides = coalesce($3, '{}') where id = $1",
        )
        .bind(tenant)
        .bind(plan)
        .bind(own)
        .execute(tx.conn())
        .await
        .expect("changed");
        tx.commit().await.expect("committed");
    }

    /// Some use at this moment, by the hour, the day, the tenant's own day, and the month.
    async fn used(db: &TestDatabase, tenants: &[TenantId]) {
        rollups::ensure(&db.system()).await.expect("partitions");
        let calendar = Calendar::new("Europe/Berlin", 1).expect("a calendar");
        let (now, metric, totals) = (
            db.databases().seams().now(),
            BuiltIn::Requests.into(),
            Totals {
                count: 1,
                sum: Amount::whole(1),
                ..Totals::default()
            },
        );
        let mut spread = Spread::new();
        for tenant in tenants {
            spread.add(*tenant, &metric, now, &Dimensions::none(), &totals, &calendar);
        }
        let mut tx = control(db).await;
        rollups::write(&mut tx, &spread).await.expect("written");
        sqlx::query(
            "insert into control.usage_performance (tenant_id, starts_at, statuses, latencies)
             select id, date_trunc('hour', $2::timestamptz), '{0,1,0,0,0}', array_fill(0::bigint, array[32]) from unnest($1) id",
        )
        .bind(tenants)
        .bind(now)
        .execute(tx.conn())
        .await
        .expect("written");
        tx.commit().await.expect("committed");
    }

    /// How many hours, hours of performance, days, periods and months there are.
    async fn kept(db: &TestDatabase, tenant: TenantId) -> Vec<i64> {
        let mut tx = control(db).await;
        let mut kept = Vec::new();
        for table in ["hours", "performance", "days", "periods", "months"] {
            let count = format!("select count(*) from control.usage_{table} where tenant_id = $1");
            let count = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
                .bind(tenant)
                .fetch_one(tx.conn());
            kept.push(count.await.expect("a number"));
        }
        kept
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_plan_keeps_what_it_says_and_a_smaller_one_takes_thirty_days_to_forget() {
        const DAY: u32 = 24 * 3600;
        let db = TestDatabase::new().await;
        let free = tenant(&db, "free", None).await;
        let granted = tenant(&db, "free", Some(-1)).await;
        let below_the_least = tenant(&db, "pro", Some(1)).await;
        let beyond_every_calendar = tenant(&db, "free", Some((1 << 53) - 1)).await;
        let large = tenant(&db, "enterprise", None).await;
        let all = [free, granted, below_the_least, beyond_every_calendar, large];
        let shorten = || async { shorten(&db.system()).await.expect("shortened") };
        used(&db, &all).await;
        db.clock().advance_seconds(401 * DAY);
        used(&db, &all).await;
        assert_eq!(shorten().await, 0, "noted today");
        db.clock().advance_seconds(30 * DAY);
        assert_eq!(shorten().await, 2);
        assert_eq!(shorten().await, 0, "once a day");
        let (whole, short) = ([2, 2, 2, 4, 2], [1, 1, 1, 2, 2]);
        for (tenant, expected) in [
            (free, short),
            (granted, whole),
            (below_the_least, short),
            (beyond_every_calendar, whole),
            (large, whole),
        ] {
            assert_eq!(kept(&db, tenant).await, expected);
        }
        // Down to a smaller plan, and back again in time; down again.
        change(&db, large, "free", None).await;
        shorten().await;
        db.clock().advance_seconds(29 * DAY);
        shorten().await;
        change(&db, large, "enterprise", None).await;
        shorten().await;
        db.clock().advance_seconds(DAY);
        change(&db, large, "free", None).await;
        shorten().await;
        assert_eq!(kept(&db, large).await, whole);
        db.clock().advance_seconds(30 * DAY);
        shorten().await;
        assert_eq!(kept(&db, large).await, short);
    }
}
