//! Leases of quotas: what each node may use before it asks again.
//!
//! What all nodes may still use is the limit, less what is written, less what is leased. It is found, and leased, under
//! a lock, in one statement that sees both; so however many nodes race for a quota, together they never use more of it
//! than there is. What a dead node had leased is free after ten seconds.

use isolation::{ControlTx, Databases, Tx};
use kernel::{TenantId, Timestamp};
use uuid::Uuid;

use super::presence::SILENCE;
use crate::quotas::Claim;

/// Locks that tenants share, so that many can be leased for in one transaction.
const LOCKS: u8 = 64;

/// One quota and what is asked of it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) tenant: TenantId,
    pub(crate) metric: String,
    /// The name of the bucket that the quota's period is counted in, and where that begins.
    pub(crate) bucket: &'static str,
    pub(crate) starts_at: Timestamp,
    /// Whether it counts how often, rather than how much.
    pub(crate) counts: bool,
    pub(crate) limit: u64,
    pub(crate) claim: Claim,
}

/// What is found, for each request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    /// How much is written, of all nodes.
    pub(crate) used: u64,
    /// What this node may have used beyond that.
    pub(crate) amount: u64,
    /// Whether other nodes hold leases of it.
    pub(crate) shared: bool,
}

/// Leases as much of each as it is asked for, as far as there is so much. Of what is left a node gets a half at most, so
/// that something is left for the others to the end.
pub(crate) async fn lease(databases: &Databases, requests: &[Request]) -> Result<Vec<Answer>, sqlx::Error> {
    let mut tx = databases.system("metering").control().await?;
    lock(&mut tx, requests).await?;
    // A second statement, because only what it sees was written while it held the locks.
    let answers = decide(&mut tx, databases.node(), &Columns::of(requests)).await?;
    tx.commit().await?;
    Ok(answers)
}

async fn lock(tx: &mut ControlTx, requests: &[Request]) -> Result<(), sqlx::Error> {
    let mut locks: Vec<i32> = requests
        .iter()
        .map(|request| i32::from(request.tenant.uuid().as_bytes()[15] % LOCKS))
        .collect();
    locks.sort_unstable();
    locks.dedup();
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtext('quota_leases'), lock) from unnest($1::int[]) lock",
        &locks
    )
    .execute(tx.conn())
    .await
    .map(drop)
}

/// The requests as columns, as `unnest` takes them.
#[derive(Debug, Default)]
struct Columns {
    tenant: Vec<TenantId>,
    metric: Vec<String>,
    bucket: Vec<String>,
    starts_at: Vec<Timestamp>,
    counts: Vec<bool>,
    limit: Vec<i64>,
    keep: Vec<i64>,
    want: Vec<i64>,
    least: Vec<i64>,
}

impl Columns {
    fn of(requests: &[Request]) -> Self {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let mut columns = Self::default();
        for request in requests {
            columns.tenant.push(request.tenant);
            columns.metric.push(request.metric.clone());
            columns.bucket.push(request.bucket.to_owned());
            columns.starts_at.push(request.starts_at);
            columns.counts.push(request.counts);
            columns.limit.push(number(request.limit));
            columns.keep.push(number(request.claim.keep));
            columns.want.push(number(request.claim.want));
            columns.least.push(number(request.claim.least));
        }
        columns
    }
}

async fn decide(tx: &mut ControlTx, node: Uuid, asked: &Columns) -> Result<Vec<Answer>, sqlx::Error> {
    let natural = |value: i64| u64::try_from(value).unwrap_or(0);
    let rows = sqlx::query!(
        r#"with asked as materialized (
            select * from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::boolean[], $6::bigint[],
                                 $7::bigint[], $8::bigint[], $9::bigint[])
                with ordinality as asked(tenant_id, metric, bucket, starts_at, counts, most, keep, want, least, number)
        ), found as materialized (
            select asked.*, used.used, leased.elsewhere
            from asked, lateral (
                select coalesce(ceil(sum(case when asked.counts then written.count else written.sum end)), 0)::bigint as used
                from (
                    select d.count, d.sum from control.usage_days d
                    where asked.bucket = 'day' and (d.tenant_id, d.metric, d.starts_at) = (asked.tenant_id, asked.metric, asked.starts_at)
                    union all
                    select m.count, m.sum from control.usage_months m
                    where asked.bucket in ('month', 'total') and m.tenant_id = asked.tenant_id and m.metric = asked.metric
                      and (asked.bucket = 'total' or m.starts_at = asked.starts_at)
                    union all
                    select p.count, p.sum from control.usage_periods p
                    where (p.tenant_id, p.metric, p.period, p.starts_at) = (asked.tenant_id, asked.metric, asked.bucket, asked.starts_at)
                ) written
            ) used, lateral (
                select coalesce(sum(l.amount), 0)::bigint as elsewhere from control.quota_leases l
                where l.tenant_id = asked.tenant_id and l.metric = asked.metric and l.bucket = asked.bucket
                  and l.starts_at = asked.starts_at and l.node <> $10 and l.expires_at > clock_timestamp()
            ) leased
        ), decided as (
            select found.*, greatest(keep, least(want, keep + greatest(least, (most - used - elsewhere - keep + 1) / 2),
                                                 most - used - elsewhere)) as amount
            from found
        ), kept as (
            insert into control.quota_leases as t (tenant_id, metric, bucket, starts_at, node, amount, expires_at)
            select tenant_id, metric, bucket, starts_at, $10, amount, clock_timestamp() + make_interval(secs => $11) from decided
            on conflict (tenant_id, metric, bucket, starts_at, node) do update set amount = excluded.amount, expires_at = excluded.expires_at
        )
        select used as "used!", elsewhere > 0 as "shared!", amount as "amount!" from decided order by number"#,
        &asked.tenant as _,
        &asked.metric,
        &asked.bucket,
        &asked.starts_at as _,
        &asked.counts,
        &asked.limit,
        &asked.keep,
        &asked.want,
        &asked.least,
        node,
        SILENCE
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Answer {
            used: natural(row.used),
            amount: natural(row.amount),
            shared: row.shared,
        })
        .collect())
}
