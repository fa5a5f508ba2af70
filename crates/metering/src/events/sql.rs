//! Events in the database.

use std::collections::HashSet;

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use uuid::Uuid;

use super::candidate::{Candidate, Correction};
use crate::amount::Amount;
use crate::rollups::Dimensions;

/// The generation that is written, and the one before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Generations {
    pub(super) present: i32,
    pub(super) former: i32,
}

impl Generations {
    pub(super) fn both(self) -> Vec<i32> {
        vec![self.former, self.present]
    }
}

/// Keeps the generation from changing until the transaction ends. A statement of its own: what follows must see all that
/// was committed before the lock was granted.
pub(super) async fn lock(
    tx: &mut ControlTx,
    compares: bool,
    alone: bool,
) -> Result<Generations, sqlx::Error> {
    sqlx::query!(
        "select pg_advisory_xact_lock_shared(hashtext('usage_generation')),
                case when $1 and $2 then pg_advisory_xact_lock(hashtext('usage_comparison'))
                     when $1 then pg_advisory_xact_lock_shared(hashtext('usage_comparison')) end",
        compares,
        alone
    )
    .execute(tx.conn())
    .await?;
    let present = sqlx::query_scalar!(r#"select max(number) from control.usage_generations"#)
        .fetch_one(tx.conn())
        .await?
        .ok_or(sqlx::Error::RowNotFound)?;
    Ok(Generations {
        present,
        former: present - 1,
    })
}

/// Keeps those that are not known, and answers which these are.
pub(super) async fn insert(
    tx: &mut ControlTx,
    tenant: TenantId,
    generations: Generations,
    candidates: &[Candidate],
    received_at: Timestamp,
) -> Result<HashSet<Uuid>, sqlx::Error> {
    if candidates.is_empty() {
        return Ok(HashSet::new());
    }
    let mut sorted: Vec<&Candidate> = candidates.iter().collect();
    // One order everywhere, so that two batches with the same events wait for one another and do not deadlock.
    sorted.sort_unstable_by_key(|candidate| candidate.key);
    let text = |amount: Option<Amount>| amount.map(|amount| amount.to_string());
    let column = |value: fn(&Candidate) -> String| sorted.iter().map(|one| value(one)).collect::<Vec<_>>();
    let keys: Vec<Uuid> = sorted.iter().map(|one| one.key).collect();
    let times: Vec<Timestamp> = sorted.iter().map(|one| one.time).collect();
    let amounts: Vec<Option<String>> = sorted.iter().map(|one| text(one.amount)).collect();
    let members: Vec<Option<Uuid>> = sorted.iter().map(|one| one.member).collect();
    let stated: Vec<Option<String>> = sorted
        .iter()
        .map(|one| one.stated.as_ref().map(|stated| stated.as_str().to_owned()))
        .collect();
    let corrects: Vec<Option<Uuid>> = sorted
        .iter()
        .map(|one| one.correction.map(Correction::original))
        .collect();
    let revokes: Vec<bool> = sorted
        .iter()
        .map(|one| matches!(one.correction, Some(Correction::Revokes(_))))
        .collect();
    let comparable: Vec<bool> = sorted.iter().map(|one| one.aggregation.compares()).collect();
    let fresh = sqlx::query_scalar!(
        r#"insert into control.usage_events
               (generation, tenant_id, key, source, id, metric, time, received_at, amount, member, dimensions, stated,
                corrects, revokes, comparable)
           select $1, $2, key, source, id, metric, time, $3, amount::numeric, member, dimensions::jsonb, stated::jsonb,
                corrects, revokes, comparable
           from unnest($5::uuid[], $6::text[], $7::text[], $8::text[], $9::timestamptz[], $10::text[], $11::uuid[],
                       $12::text[], $13::text[], $14::uuid[], $15::bool[], $16::bool[])
               as given(key, source, id, metric, time, amount, member, dimensions, stated, corrects, revokes, comparable)
           where not exists (select from control.usage_events known
                             where known.generation = $4 and known.tenant_id = $2 and known.key = given.key)
           on conflict do nothing
           returning key"#,
        generations.present,
        tenant as _,
        received_at as _,
        generations.former,
        &keys,
        &column(|one| one.source.clone()),
        &column(|one| one.id.clone()),
        &column(|one| one.metric.as_str().to_owned()),
        &times as _,
        &amounts as _,
        &members as _,
        &column(|one| one.dimensions.as_str().to_owned()),
        &stated as _,
        &corrects as _,
        &revokes,
        &comparable
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(fresh.into_iter().collect())
}

/// An event that is to be corrected.
#[derive(Debug, Clone)]
pub(super) struct Original {
    pub(super) key: Uuid,
    pub(super) metric: String,
    pub(super) time: Timestamp,
    pub(super) amount: Option<Amount>,
    pub(super) member: Option<Uuid>,
    pub(super) dimensions: Dimensions,
    pub(super) revokes: bool,
    pub(super) corrected_by: Option<Uuid>,
}

/// Those of the events that are known, held until the transaction ends.
pub(super) async fn originals(
    tx: &mut ControlTx,
    tenant: TenantId,
    generations: Generations,
    keys: &[Uuid],
) -> Result<Vec<Original>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select key, metric, time as "time: Timestamp", amount::text as amount, member, dimensions, revokes, corrected_by
           from control.usage_events where generation = any ($1) and tenant_id = $2 and key = any ($3)
           order by key for update"#,
        &generations.both(),
        tenant as _,
        keys
    )
    .fetch_all(tx.conn())
    .await?;
    let originals = rows.into_iter().map(|row| Original {
        key: row.key,
        metric: row.metric,
        time: row.time,
        amount: row.amount.and_then(|amount| amount.parse().ok()),
        member: row.member,
        dimensions: Dimensions::of_column(&row.dimensions),
        revokes: row.revokes,
        corrected_by: row.corrected_by,
    });
    Ok(originals.collect())
}

/// Which of these are known.
pub(super) async fn known(
    tx: &mut ControlTx,
    tenant: TenantId,
    generations: Generations,
    keys: &[Uuid],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let known = sqlx::query_scalar!(
        "select key from control.usage_events where generation = any ($1) and tenant_id = $2 and key = any ($3)",
        &generations.both(),
        tenant as _,
        keys
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(known.into_iter().collect())
}

/// Marks the originals with what corrected them.
pub(super) async fn mark(
    tx: &mut ControlTx,
    tenant: TenantId,
    generations: Generations,
    pairs: &[(Uuid, Uuid)],
) -> Result<(), sqlx::Error> {
    let (originals, by): (Vec<Uuid>, Vec<Uuid>) = pairs.iter().copied().unzip();
    sqlx::query!(
        "update control.usage_events e set corrected_by = pair.by
         from unnest($3::uuid[], $4::uuid[]) as pair(original, by)
         where e.generation = any ($1) and e.tenant_id = $2 and e.key = pair.original",
        &generations.both(),
        tenant as _,
        &originals,
        &by
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
