//! Events in the database.

use std::collections::HashSet;

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use uuid::Uuid;

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

    pub(super) fn former(self) -> Vec<i32> {
        vec![self.former]
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

/// Which of these are known in these generations. The subquery is a scalar one so that it stays a look into the index
/// for each key, whatever the statistics say.
pub(super) async fn known(
    tx: &mut ControlTx,
    tenant: TenantId,
    generations: &[i32],
    keys: &[Uuid],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let known = sqlx::query_scalar!(
        r#"select key as "key!" from (select unnest($3::uuid[]) as key) as given
           where (select true from control.usage_events e
                  where e.generation = any ($1) and e.tenant_id = $2 and e.key = given.key limit 1)"#,
        generations,
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
