//! Statements on `control.usage_alerts`.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use uuid::Uuid;

use super::model::{Alert, AlertEntity, AlertFilter, AlertId};
use super::watch::Crossing;
use crate::periods::Period;

/// Keeps those that are not raised yet; answers them.
pub(super) async fn insert(
    tx: &mut ControlTx,
    crossings: &[Crossing<'_>],
) -> Result<Vec<(AlertId, TenantId)>, sqlx::Error> {
    let now = tx.now();
    let mut raised = Vec::new();
    for crossing in crossings {
        let watch = crossing.watch;
        let id = tx.new_id::<AlertEntity>();
        let inserted = sqlx::query!(
            "insert into control.usage_alerts
                 (id, tenant_id, metric, period, starts_at, ends_at, percent, limit_at, used, raised_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             on conflict (tenant_id, metric, period, starts_at, percent) do nothing",
            id as _,
            watch.tenant as _,
            watch.quota.metric.as_str(),
            watch.quota.period as _,
            watch.span.starts_at as _,
            watch.span.ends_at as _,
            i32::try_from(crossing.step.percent).unwrap_or(i32::MAX),
            i64::try_from(watch.basis).unwrap_or(i64::MAX),
            crossing.used,
            now as _
        )
        .execute(tx.conn())
        .await?;
        if inserted.rows_affected() == 1 {
            raised.push((id, watch.tenant));
        }
    }
    Ok(raised)
}

struct AlertRow {
    id: AlertId,
    tenant_id: TenantId,
    metric: String,
    period: Period,
    starts_at: Timestamp,
    ends_at: Timestamp,
    percent: i32,
    limit_at: i64,
    used: i64,
    raised_at: Timestamp,
    acknowledged_at: Option<Timestamp>,
    acknowledged_by: Option<String>,
}

impl AlertRow {
    fn alert(self) -> Option<Alert> {
        Some(Alert {
            id: self.id,
            tenant_id: self.tenant_id,
            metric: self.metric.parse().ok()?,
            period: self.period,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            percent: self.percent,
            limit: self.limit_at,
            used: self.used,
            raised_at: self.raised_at,
            acknowledged_at: self.acknowledged_at,
            acknowledged_by: self.acknowledged_by,
        })
    }
}

macro_rules! select_alert {
    ($rest:literal, $tenant:expr $(, $parameter:expr)*) => {
        sqlx::query_as!(
            AlertRow,
            r#"select id as "id: _", tenant_id as "tenant_id: _", metric, period as "period: _", starts_at as "starts_at: _",
                      ends_at as "ends_at: _", percent, limit_at, used, raised_at as "raised_at: _",
                      acknowledged_at as "acknowledged_at: _", acknowledged_by
               from control.usage_alerts where tenant_id = $1 "# + $rest,
            $tenant as _
            $(, $parameter)*
        )
    };
}

pub(super) async fn page(
    tx: &mut ControlTx,
    tenant: TenantId,
    filter: &AlertFilter,
    after: Option<AlertId>,
    limit: i64,
) -> Result<Vec<Alert>, sqlx::Error> {
    let before = after.map_or(Uuid::max(), kernel::Id::uuid);
    let rows = select_alert!(
        "and id < $2 and ($3::text is null or metric = $3)
         and ($4::boolean is null or (acknowledged_at is not null) = $4)
         order by id desc limit $5",
        tenant,
        before,
        filter.metric.as_ref().map(ToString::to_string),
        filter.acknowledged,
        limit
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().filter_map(AlertRow::alert).collect())
}

pub(super) async fn lock(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: AlertId,
) -> Result<Option<Alert>, sqlx::Error> {
    let row = select_alert!("and id = $2 for no key update", tenant, id as _)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.and_then(AlertRow::alert))
}

pub(super) async fn acknowledge(tx: &mut ControlTx, alert: &Alert) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.usage_alerts set acknowledged_at = $3, acknowledged_by = $4 where tenant_id = $1 and id = $2",
        alert.tenant_id as _,
        alert.id as _,
        alert.acknowledged_at as _,
        alert.acknowledged_by
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether it was this one who marked it as told.
pub(super) async fn mark_told(
    tx: &mut ControlTx,
    tenant: TenantId,
    id: AlertId,
) -> Result<bool, sqlx::Error> {
    let now = tx.now();
    let marked = sqlx::query!(
        "update control.usage_alerts set told_at = $3 where tenant_id = $1 and id = $2 and told_at is null",
        tenant as _,
        id as _,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(marked.rows_affected() == 1)
}

pub(super) async fn delete_all(tx: &mut ControlTx, tenant: TenantId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from control.usage_alerts where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from control.usage_alert_thresholds where tenant_id = $1",
        tenant as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
