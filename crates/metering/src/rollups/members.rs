//! Who was counted, for metrics that count distinct members.

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use uuid::Uuid;

use super::bucket::Bucket;
use super::spread::{Dimensions, Row, Spread, Totals};
use crate::metrics::MetricName;
use crate::periods::Calendar;

/// Somebody or something that was there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Member {
    pub(crate) tenant: TenantId,
    pub(crate) metric: MetricName,
    pub(crate) at: Timestamp,
    pub(crate) dimensions: Dimensions,
    pub(crate) who: Uuid,
}

/// Rows of members as columns.
#[derive(Default)]
struct Columns {
    tenant: Vec<TenantId>,
    metric: Vec<String>,
    grain: Vec<String>,
    starts_at: Vec<Timestamp>,
    ends_at: Vec<Timestamp>,
    dimensions: Vec<String>,
    member: Vec<Uuid>,
}

impl Columns {
    /// Every row that these are in: of each bucket with their dimensions and, for the total, without.
    fn of<'a>(members: impl Iterator<Item = (&'a Member, &'a Calendar)>) -> Self {
        let mut rows = std::collections::BTreeSet::new();
        for (member, calendar) in members {
            for &bucket in Bucket::of(calendar) {
                let span = bucket.span(member.at, calendar);
                let mut put = |dimensions| {
                    let names = (member.tenant, member.metric.clone(), bucket);
                    rows.insert((names, span.starts_at, dimensions, member.who, span.ends_at));
                };
                put(Dimensions::none());
                if Bucket::UTC.contains(&bucket) {
                    put(member.dimensions.clone());
                }
            }
        }
        let mut columns = Self::default();
        for ((tenant, metric, bucket), starts_at, dimensions, member, ends_at) in rows {
            columns.tenant.push(tenant);
            columns.metric.push(metric.as_str().to_owned());
            columns.grain.push(bucket.name().to_owned());
            columns.starts_at.push(starts_at);
            columns.ends_at.push(ends_at);
            columns.dimensions.push(dimensions.as_str().to_owned());
            columns.member.push(member);
        }
        columns
    }
}

/// A row of a member that came or went.
struct Moved {
    tenant_id: TenantId,
    metric: String,
    grain: String,
    starts_at: Timestamp,
    dimensions: serde_json::Value,
}

fn count(moved: Vec<Moved>, by: i64, spread: &mut Spread) {
    for row in moved {
        let (Ok(metric), Some(bucket)) = (row.metric.parse(), Bucket::from_name(&row.grain)) else {
            continue;
        };
        let row = Row {
            bucket,
            tenant: row.tenant_id,
            metric,
            starts_at: row.starts_at,
            dimensions: Dimensions::of_column(&row.dimensions),
        };
        let totals = Totals {
            uniques: by,
            ..Totals::default()
        };
        spread.add_to(row, &totals);
    }
}

/// Writes down who was there, and adds those who were not known to the spread.
pub(crate) async fn add<'a>(
    tx: &mut ControlTx,
    members: impl Iterator<Item = (&'a Member, &'a Calendar)>,
    implicit: bool,
    spread: &mut Spread,
) -> Result<(), sqlx::Error> {
    let columns = Columns::of(members);
    if columns.member.is_empty() {
        return Ok(());
    }
    if implicit {
        remark(tx, &columns).await?;
    }
    let new = sqlx::query_as!(
        Moved,
        r#"insert into control.usage_members (tenant_id, metric, grain, starts_at, dimensions, member, implicit)
           select tenant_id, metric, grain, starts_at, dimensions::jsonb, member, $7
           from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::uuid[])
               as given(tenant_id, metric, grain, starts_at, dimensions, member)
           on conflict do nothing
           returning tenant_id as "tenant_id: TenantId", metric, grain, starts_at as "starts_at: Timestamp", dimensions"#,
        &columns.tenant as _,
        &columns.metric,
        &columns.grain,
        &columns.starts_at as _,
        &columns.dimensions,
        &columns.member,
        implicit
    )
    .fetch_all(tx.conn())
    .await?;
    count(new, 1, spread);
    Ok(())
}

/// Whom events alone had made known is now known without them too.
async fn remark(tx: &mut ControlTx, columns: &Columns) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.usage_members m set implicit = true
         from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::uuid[])
             as given(tenant_id, metric, grain, starts_at, dimensions, member)
         where m.tenant_id = given.tenant_id and m.metric = given.metric and m.grain = given.grain
           and m.starts_at = given.starts_at and m.dimensions = given.dimensions::jsonb and m.member = given.member
           and not m.implicit",
        &columns.tenant as _,
        &columns.metric,
        &columns.grain,
        &columns.starts_at as _,
        &columns.dimensions,
        &columns.member
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An event that made a member known was taken back.
pub(crate) type Departure = Member;

/// Removes those whom no other event in the bucket mentions, and takes them from the spread.
pub(crate) async fn remove<'a>(
    tx: &mut ControlTx,
    gone: impl Iterator<Item = (&'a Departure, &'a Calendar)>,
    spread: &mut Spread,
) -> Result<(), sqlx::Error> {
    let columns = Columns::of(gone);
    if columns.member.is_empty() {
        return Ok(());
    }
    let removed = sqlx::query_as!(
        Moved,
        r#"delete from control.usage_members m
           using unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::uuid[])
               as gone(tenant_id, metric, grain, starts_at, ends_at, dimensions, member)
           where m.tenant_id = gone.tenant_id and m.metric = gone.metric and m.grain = gone.grain
             and m.starts_at = gone.starts_at and m.dimensions = gone.dimensions::jsonb and m.member = gone.member
             and not m.implicit
             and not exists (select from control.usage_events e
                where e.tenant_id = gone.tenant_id and e.metric = gone.metric and e.member = gone.member
                  and e.time >= gone.starts_at and e.time < gone.ends_at
                  and (gone.dimensions = '{}' or e.dimensions = gone.dimensions::jsonb)
                  and e.comparable and e.corrected_by is null and not e.revokes)
           returning m.tenant_id as "tenant_id: TenantId", m.metric, m.grain, m.starts_at as "starts_at: Timestamp", m.dimensions"#,
        &columns.tenant as _,
        &columns.metric,
        &columns.grain,
        &columns.starts_at as _,
        &columns.ends_at as _,
        &columns.dimensions,
        &columns.member
    )
    .fetch_all(tx.conn())
    .await?;
    count(removed, -1, spread);
    Ok(())
}
