//! Events in the database.

use std::collections::HashMap;

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use uuid::Uuid;

use super::generations::{Filters, Generations, Places};
use crate::amount::Amount;
use crate::rollups::Dimensions;

/// Keeps the generation from changing until the transaction ends. A statement of its own: what follows must see all that
/// was committed before the lock was granted.
pub(super) async fn lock(
    tx: &mut ControlTx,
    filters: &Filters,
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
    Generations::read(tx, filters).await
}

/// An event that is to be corrected.
#[derive(Debug, Clone)]
pub(super) struct Original {
    /// Nothing of one that is written in this transaction.
    pub(super) generation: Option<i32>,
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
    places: &Places,
) -> Result<Vec<Original>, sqlx::Error> {
    let known = known(tx, tenant, places).await?;
    let (keys, generations): (Vec<Uuid>, Vec<i32>) = known.into_iter().unzip();
    let rows = sqlx::query!(
        r#"select generation, key, metric, time as "time: Timestamp", amount::text as amount, member, dimensions, revokes,
                  corrected_by
           from control.usage_events where generation = any ($1) and tenant_id = $2 and key = any ($3)
           order by key for update"#,
        &distinct(generations),
        tenant as _,
        &keys
    )
    .fetch_all(tx.conn())
    .await?;
    let originals = rows.into_iter().map(|row| Original {
        generation: Some(row.generation),
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

fn distinct(mut generations: Vec<i32>) -> Vec<i32> {
    generations.sort_unstable();
    generations.dedup();
    generations
}

/// Which keys are where they may be, and where that is. The subquery is a scalar one so that it stays a look into the index
/// of one generation for each key, whatever the statistics say.
pub(super) async fn known(
    tx: &mut ControlTx,
    tenant: TenantId,
    places: &Places,
) -> Result<HashMap<Uuid, i32>, sqlx::Error> {
    if places.keys.is_empty() {
        return Ok(HashMap::new());
    }
    let known = sqlx::query!(
        r#"select key as "key!", generation as "generation!"
           from (select unnest($2::integer[]) as generation, unnest($3::uuid[]) as key) as place
           where (select true from control.usage_events e
                  where e.generation = place.generation and e.tenant_id = $1 and e.key = place.key limit 1)"#,
        tenant as _,
        &places.generations,
        &places.keys
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(known.into_iter().map(|row| (row.key, row.generation)).collect())
}

/// Marks the originals with what corrected them.
pub(super) async fn mark(
    tx: &mut ControlTx,
    tenant: TenantId,
    generations: Vec<i32>,
    pairs: &[(Uuid, Uuid)],
) -> Result<(), sqlx::Error> {
    let (originals, by): (Vec<Uuid>, Vec<Uuid>) = pairs.iter().copied().unzip();
    sqlx::query!(
        "update control.usage_events e set corrected_by = pair.by
         from unnest($3::uuid[], $4::uuid[]) as pair(original, by)
         where e.generation = any ($1) and e.tenant_id = $2 and e.key = pair.original",
        &distinct(generations),
        tenant as _,
        &originals,
        &by
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
