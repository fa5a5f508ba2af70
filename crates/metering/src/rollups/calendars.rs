//! What was used of the periods under way, when a tenant's calendar changes.

use isolation::{ControlTx, Tx};
use kernel::TenantId;

use super::bucket::Bucket;
use crate::periods::Calendar;

/// Reckons the tenant's present day and month from the hours that begin in them.
pub(crate) async fn begin_calendar(
    tx: &mut ControlTx,
    tenant: TenantId,
    calendar: &Calendar,
) -> Result<(), sqlx::Error> {
    if calendar.is_utc() {
        return Ok(());
    }
    let now = tx.now();
    for bucket in [Bucket::Daily, Bucket::Monthly] {
        let span = bucket.span(now, calendar);
        sqlx::query!(
            "insert into control.usage_members (tenant_id, metric, grain, starts_at, dimensions, member, implicit)
             select tenant_id, metric, $2, $3, dimensions, member, bool_or(implicit) from control.usage_members
             where tenant_id = $1 and grain = 'hour' and starts_at >= $3 and starts_at < $4 and dimensions = '{}'
             group by tenant_id, metric, dimensions, member
             on conflict do nothing",
            tenant as _,
            bucket.name(),
            span.starts_at as _,
            span.ends_at as _
        )
        .execute(tx.conn())
        .await?;
        sqlx::query!(
            "insert into control.usage_periods (tenant_id, metric, period, starts_at, count, sum, uniques)
             select tenant_id, metric, $2::text, $3::timestamptz, sum(count)::bigint, sum(sum),
                 (select count(*) from control.usage_members m where m.tenant_id = $1 and m.metric = h.metric
                    and m.grain = $2 and m.starts_at = $3 and m.dimensions = '{}')
             from control.usage_hours h where tenant_id = $1 and starts_at >= $3 and starts_at < $4
             group by tenant_id, metric
             on conflict (tenant_id, metric, period, starts_at) do update
                 set count = excluded.count, sum = excluded.sum, uniques = excluded.uniques",
            tenant as _,
            bucket.name(),
            span.starts_at as _,
            span.ends_at as _
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}
