//! The quotas that hold for a tenant, and setting its own.

use audit::{Event, EventType};
use isolation::{ControlTx, Tx};
use kernel::TenantId;
use tenants::plans::{Limit, Limits};

use super::model::{InvalidQuota, Mode, Quota};
use crate::TOPIC;
use crate::metrics::{BuiltIn, Kind, Metric, MetricName};
use crate::periods::{Calendar, InvalidCalendar, Period};

/// A quota or calendar could not be set.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// It cannot be a quota.
    #[error(transparent)]
    Invalid(#[from] InvalidQuota),
    /// The tenant has no such metric.
    #[error("no such metric")]
    UnknownMetric,
    /// The tenant has no such quota of its own.
    #[error("no such quota")]
    NotFound,
    /// It was set since the caller read it.
    #[error("the quota was set in the meantime")]
    VersionMismatch,
}

/// A quota that was set for the tenant itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnQuota {
    /// The quota.
    pub quota: Quota,
    /// Raised with every change, from 1.
    pub version: i64,
}

/// What holds for a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// Where its days and months begin.
    pub calendar: Calendar,
    /// Its quotas, at most one for a metric and period.
    pub quotas: Vec<Quota>,
}

/// The quotas that a plan's limits are.
pub fn of_plan(limits: &Limits) -> Vec<Quota> {
    let hard = |metric: BuiltIn, limit: Limit, period| Quota {
        metric: metric.into(),
        limit,
        period,
        soft_limit: None,
        mode: Mode::Hard,
    };
    vec![
        hard(BuiltIn::ApiCalls, limits.api_calls_per_day, Period::Daily),
        hard(
            BuiltIn::Bandwidth,
            limits.bandwidth_bytes_per_month,
            Period::Monthly,
        ),
        hard(BuiltIn::Storage, limits.storage_bytes, Period::Total),
        hard(BuiltIn::Projects, limits.projects, Period::Total),
        hard(BuiltIn::Users, limits.users, Period::Total),
    ]
}

/// What holds for the tenant: the plan's quotas, replaced and extended by its own.
pub async fn terms(tx: &mut ControlTx, tenant: TenantId, limits: &Limits) -> Result<Terms, sqlx::Error> {
    let calendar = calendar(tx, tenant).await?;
    let mut quotas = of_plan(limits);
    for OwnQuota { quota: own, .. } in own(tx, tenant).await? {
        quotas.retain(|quota| (&quota.metric, quota.period) != (&own.metric, own.period));
        quotas.push(own);
    }
    Ok(Terms { calendar, quotas })
}

/// Where the tenant's days and months begin.
pub(crate) async fn calendar(tx: &mut ControlTx, tenant: TenantId) -> Result<Calendar, sqlx::Error> {
    let zone = sqlx::query!(
        "select time_zone, anchor_day from control.usage_calendars where tenant_id = $1",
        tenant as _
    )
    .fetch_optional(tx.conn())
    .await?;
    // None where a later release of the time zone database dropped the zone.
    let known = zone.and_then(|row| Calendar::new(&row.time_zone, row.anchor_day).ok());
    Ok(known.unwrap_or_else(Calendar::utc))
}

/// The quotas that were set for the tenant itself, by metric and period.
pub async fn own(tx: &mut ControlTx, tenant: TenantId) -> Result<Vec<OwnQuota>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select metric, period as "period: Period", limit_at, soft_limit, mode as "mode: Mode", version
           from control.quotas where tenant_id = $1 order by metric, period"#,
        tenant as _
    )
    .fetch_all(tx.conn())
    .await?;
    let quotas = rows.into_iter().filter_map(|row| {
        let quota = Quota {
            metric: row.metric.parse().ok()?,
            limit: Limit::new(row.limit_at).ok()?,
            period: row.period,
            soft_limit: row.soft_limit.and_then(|soft| u64::try_from(soft).ok()),
            mode: row.mode,
        };
        Some(OwnQuota {
            quota,
            version: row.version,
        })
    });
    Ok(quotas.collect())
}

/// Whether there can be such a quota of this metric.
fn fits(quota: &Quota, metric: &Metric) -> Result<(), InvalidQuota> {
    let above = |soft| quota.limit.at_most().is_some_and(|limit| soft > limit);
    if quota.soft_limit.is_some_and(above) {
        return Err(InvalidQuota::SoftAboveLimit);
    }
    match (metric.aggregation.kind(), quota.period) {
        (Kind::Distinct, Period::Total) => Err(InvalidQuota::TotalOfDistinct),
        (Kind::Gauge, Period::Daily | Period::Monthly) => Err(InvalidQuota::PeriodOfGauge),
        _ => Ok(()),
    }
}

/// The version that the tenant's own quota has, held until the transaction ends; 0 where it has none.
async fn lock(
    tx: &mut ControlTx,
    tenant: TenantId,
    metric: &MetricName,
    period: Period,
    expected: Option<i64>,
) -> Result<(), QuotaError> {
    let version = sqlx::query_scalar!(
        "select version from control.quotas where tenant_id = $1 and metric = $2 and period = $3 for update",
        tenant as _,
        metric.as_str(),
        period as _
    )
    .fetch_optional(tx.conn())
    .await?;
    if expected.is_some_and(|expected| expected != version.unwrap_or(0)) {
        return Err(QuotaError::VersionMismatch);
    }
    Ok(())
}

/// Sets the tenant's own quota in place of the plan's or of an earlier one; answers its version.
pub async fn set(
    tx: &mut ControlTx,
    tenant: TenantId,
    quota: &Quota,
    expected: Option<i64>,
) -> Result<i64, QuotaError> {
    let metrics = crate::metrics::known(tx, tenant).await?;
    fits(
        quota,
        metrics.get(&quota.metric).ok_or(QuotaError::UnknownMetric)?,
    )?;
    lock(tx, tenant, &quota.metric, quota.period, expected).await?;
    let before = own(tx, tenant).await?;
    let before = before
        .iter()
        .map(|own| &own.quota)
        .find(|own| (&own.metric, own.period) == (&quota.metric, quota.period));
    let (now, limit) = (tx.now(), json_of(quota.limit));
    let soft = quota
        .soft_limit
        .map(|soft| i64::try_from(soft).unwrap_or(i64::MAX));
    let version = sqlx::query_scalar!(
        "insert into control.quotas (tenant_id, metric, period, limit_at, soft_limit, mode, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $7)
         on conflict (tenant_id, metric, period) do update
             set limit_at = excluded.limit_at, soft_limit = excluded.soft_limit, mode = excluded.mode,
                 version = quotas.version + 1, updated_at = excluded.updated_at
         returning version",
        tenant as _,
        quota.metric.as_str(),
        quota.period as _,
        limit,
        soft,
        quota.mode as _,
        now as _
    )
    .fetch_one(tx.conn())
    .await?;
    let event = about(EventType::QuotaSet, tenant, &quota.metric, quota.period).change(
        "limit",
        before.map(|before| json_of(before.limit)),
        Some(limit),
    );
    audit::record(tx, event).await?;
    tx.announce(TOPIC, &tenant.to_string()).await?;
    Ok(version)
}

/// Returns to what the plan says.
pub async fn clear(
    tx: &mut ControlTx,
    tenant: TenantId,
    metric: &MetricName,
    period: Period,
    expected: Option<i64>,
) -> Result<(), QuotaError> {
    lock(tx, tenant, metric, period, expected).await?;
    let cleared = sqlx::query!(
        "delete from control.quotas where tenant_id = $1 and metric = $2 and period = $3",
        tenant as _,
        metric.as_str(),
        period as _
    )
    .execute(tx.conn())
    .await?;
    if cleared.rows_affected() == 0 {
        return Err(QuotaError::NotFound);
    }
    audit::record(tx, about(EventType::QuotaCleared, tenant, metric, period)).await?;
    Ok(tx.announce(TOPIC, &tenant.to_string()).await?)
}

/// Sets where the tenant's days and months begin. What was used of periods that are under way is reckoned anew from the
/// roll-ups by the hour.
pub async fn set_calendar(
    tx: &mut ControlTx,
    tenant: TenantId,
    zone: &str,
    anchor_day: i16,
) -> Result<Result<Calendar, InvalidCalendar>, sqlx::Error> {
    let calendar = match Calendar::new(zone, anchor_day) {
        Ok(calendar) => calendar,
        Err(invalid) => return Ok(Err(invalid)),
    };
    sqlx::query!(
        "insert into control.usage_calendars (tenant_id, time_zone, anchor_day) values ($1, $2, $3)
         on conflict (tenant_id) do update set time_zone = excluded.time_zone, anchor_day = excluded.anchor_day",
        tenant as _,
        calendar.zone(),
        i16::from(calendar.anchor_day())
    )
    .execute(tx.conn())
    .await?;
    crate::rollups::begin_calendar(tx, tenant, &calendar).await?;
    let event = Event::new(EventType::CalendarSet)
        .of_tenant(tenant)
        .resource_named("usage_calendar", &tenant.to_string(), None)
        .meta("timeZone", calendar.zone())
        .meta("anchorDay", i64::from(calendar.anchor_day()));
    audit::record(tx, event).await?;
    tx.announce(TOPIC, &tenant.to_string()).await?;
    Ok(Ok(calendar))
}

fn about(kind: EventType, tenant: TenantId, metric: &MetricName, period: Period) -> Event {
    let name = format!("{metric}/{}", period.name());
    Event::new(kind)
        .of_tenant(tenant)
        .resource_named("quota", &name, None)
}

fn json_of(limit: Limit) -> i64 {
    limit
        .at_most()
        .map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX))
}
