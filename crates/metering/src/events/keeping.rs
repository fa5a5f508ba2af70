//! Keeping events, each once.
//!
//! Nearly every event is new, so they are inserted as if all were, which costs no more than a `COPY`: asking for each one
//! first, or `on conflict`, costs half as much again. Where the key of the generation finds one that is known already,
//! the attempt is undone, and made again without those that are known by then. That ends: each attempt that fails knows
//! at least one event more than the one before. What closed generations may have is looked for before.

use std::collections::HashSet;

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use sqlx::Executor;
use uuid::Uuid;

use super::candidate::{Candidate, Correction};
use super::generations::Generations;
use super::sql::known;
use crate::rollups::Dimensions;

/// Keeps those that are not known; answers the keys of those that are.
pub(super) async fn keep(
    tx: &mut ControlTx,
    tenant: TenantId,
    generations: &Generations,
    candidates: &[Candidate],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let keys: Vec<Uuid> = candidates.iter().map(|one| one.key).collect();
    let former = known(tx, tenant, &generations.former(&keys)).await?;
    let mut duplicates: HashSet<Uuid> = former.into_keys().collect();
    let mut sorted: Vec<&Candidate> = candidates
        .iter()
        .filter(|one| !duplicates.contains(&one.key))
        .collect();
    // One order everywhere, so that two batches with the same events wait for one another and do not deadlock.
    sorted.sort_unstable_by_key(|candidate| candidate.key);
    while !sorted.is_empty() && !attempt(tx, tenant, generations.present, &sorted).await? {
        let keys: Vec<Uuid> = sorted.iter().map(|one| one.key).collect();
        let found = known(tx, tenant, &generations.present(&keys)).await?;
        sorted.retain(|one| !found.contains_key(&one.key));
        duplicates.extend(found.into_keys());
    }
    Ok(duplicates)
}

/// Whether they are kept; where the generation has one of them, none is.
async fn attempt(
    tx: &mut ControlTx,
    tenant: TenantId,
    generation: i32,
    events: &[&Candidate],
) -> Result<bool, sqlx::Error> {
    tx.conn().execute("savepoint keep").await?;
    match insert(tx, tenant, generation, events).await {
        Ok(()) => {
            tx.conn().execute("release savepoint keep").await?;
            Ok(true)
        }
        Err(error) if is_duplicate(&error) => {
            tx.conn()
                .execute("rollback to savepoint keep; release savepoint keep")
                .await?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// The key is the only one that a table of events has.
fn is_duplicate(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    error.is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// Events as columns. One that has no value in any row is empty, and costs nothing.
#[derive(Default)]
struct Columns<'a> {
    keys: Vec<Uuid>,
    sources: Vec<&'a str>,
    ids: Vec<&'a str>,
    metrics: Vec<&'a str>,
    times: Vec<Timestamp>,
    amounts: Vec<Option<String>>,
    members: Vec<Option<Uuid>>,
    dimensions: Vec<&'a str>,
    stated: Vec<Option<&'a str>>,
    corrects: Vec<Option<Uuid>>,
    revokes: Vec<bool>,
    comparable: Vec<bool>,
}

impl<'a> Columns<'a> {
    fn of(events: &[&'a Candidate]) -> Self {
        let mut columns = Self::default();
        for event in events {
            columns.keys.push(event.key);
            columns.sources.push(&event.source);
            columns.ids.push(&event.id);
            columns.metrics.push(event.metric.as_str());
            columns.times.push(event.time);
            columns
                .amounts
                .push(event.amount.map(|amount| amount.to_string()));
            columns.members.push(event.member);
            columns.dimensions.push(event.dimensions.as_str());
            columns.stated.push(event.stated.as_ref().map(Dimensions::as_str));
            columns.corrects.push(event.correction.map(Correction::original));
            columns
                .revokes
                .push(matches!(event.correction, Some(Correction::Revokes(_))));
            columns.comparable.push(event.aggregation.compares());
        }
        clear_empty(&mut columns.amounts);
        clear_empty(&mut columns.members);
        clear_empty(&mut columns.stated);
        clear_empty(&mut columns.corrects);
        columns
    }
}

fn clear_empty<T>(column: &mut Vec<Option<T>>) {
    if column.iter().all(Option::is_none) {
        column.clear();
    }
}

/// Fails where the generation has one of them.
///
/// The arrays are taken apart in the select list, where rows go on one by one: in the from clause each array would be
/// written to a table of its own first. Arrays that end early go on with null.
async fn insert(
    tx: &mut ControlTx,
    tenant: TenantId,
    generation: i32,
    events: &[&Candidate],
) -> Result<(), sqlx::Error> {
    let columns = Columns::of(events);
    let received_at = tx.now();
    sqlx::query!(
        r#"insert into control.usage_events
               (generation, tenant_id, key, source, id, metric, time, received_at, amount, member, dimensions, stated,
                corrects, revokes, comparable)
           select $1, $2, key, source, id, metric, time, $3, amount::numeric, member, dimensions::jsonb, stated::jsonb,
                corrects, revokes, comparable
           from (select unnest($4::uuid[]) as key, unnest($5::text[]) as source, unnest($6::text[]) as id,
                        unnest($7::text[]) as metric, unnest($8::timestamptz[]) as time, unnest($9::text[]) as amount,
                        unnest($10::uuid[]) as member, unnest($11::text[]) as dimensions, unnest($12::text[]) as stated,
                        unnest($13::uuid[]) as corrects, unnest($14::bool[]) as revokes,
                        unnest($15::bool[]) as comparable) as given"#,
        generation,
        tenant as _,
        received_at as _,
        &columns.keys,
        &columns.sources as _,
        &columns.ids as _,
        &columns.metrics as _,
        &columns.times as _,
        &columns.amounts as _,
        &columns.members as _,
        &columns.dimensions as _,
        &columns.stated as _,
        &columns.corrects as _,
        &columns.revokes,
        &columns.comparable
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
