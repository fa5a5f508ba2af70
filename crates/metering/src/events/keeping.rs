//! Keeping events, each once.
//!
//! Nearly every event is new, so they are inserted as if all were, which costs no more than a `COPY`: asking for each one
//! first, or `on conflict`, costs half as much again. Where the key of the generation finds one that is known already,
//! the attempt is undone, and made again without those that are known by then. That ends: each attempt that fails knows
//! at least one event more than the one before.

use std::collections::HashSet;

use isolation::{ControlTx, Tx};
use kernel::{TenantId, Timestamp};
use sqlx::Executor;
use uuid::Uuid;

use super::candidate::{Candidate, Correction};
use super::sql::{Generations, known};
use crate::rollups::Dimensions;

/// Keeps those that are not known; answers the keys of those that are.
pub(super) async fn keep(
    tx: &mut ControlTx,
    tenant: TenantId,
    generations: Generations,
    candidates: &[Candidate],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    let mut sorted: Vec<&Candidate> = candidates.iter().collect();
    // One order everywhere, so that two batches with the same events wait for one another and do not deadlock.
    sorted.sort_unstable_by_key(|candidate| candidate.key);
    let mut duplicates = HashSet::new();
    while !sorted.is_empty() {
        let looked_in = match attempt(tx, tenant, generations, &sorted).await? {
            Attempt::AllNew => break,
            // It does not change any more, so those that were left out are still in it.
            Attempt::SomeFormer => generations.former(),
            Attempt::Undone => generations.both(),
        };
        let keys: Vec<Uuid> = sorted.iter().map(|one| one.key).collect();
        let found = known(tx, tenant, &looked_in, &keys).await?;
        duplicates.extend(&found);
        if looked_in == generations.former() {
            break;
        }
        sorted.retain(|one| !found.contains(&one.key));
    }
    Ok(duplicates)
}

enum Attempt {
    AllNew,
    /// All but those that are in the former generation are kept.
    SomeFormer,
    /// One is in the present generation, and so none is kept.
    Undone,
}

async fn attempt(
    tx: &mut ControlTx,
    tenant: TenantId,
    generations: Generations,
    events: &[&Candidate],
) -> Result<Attempt, sqlx::Error> {
    tx.conn().execute("savepoint keep").await?;
    let inserted = match insert(tx, tenant, generations, events).await {
        Ok(inserted) => inserted,
        Err(error) if is_duplicate(&error) => {
            tx.conn()
                .execute("rollback to savepoint keep; release savepoint keep")
                .await?;
            return Ok(Attempt::Undone);
        }
        Err(error) => return Err(error),
    };
    tx.conn().execute("release savepoint keep").await?;
    Ok(if inserted == events.len() as u64 {
        Attempt::AllNew
    } else {
        Attempt::SomeFormer
    })
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

/// Inserts those that the former generation does not know, and says how many; fails where the present one knows one.
///
/// The arrays are taken apart in the select list, where rows go on one by one: in the from clause each array would be
/// written to a table of its own first. Arrays that end early go on with null. The subquery is a scalar one so that it
/// stays a look into the index for each event, whatever the statistics say.
async fn insert(
    tx: &mut ControlTx,
    tenant: TenantId,
    generations: Generations,
    events: &[&Candidate],
) -> Result<u64, sqlx::Error> {
    let columns = Columns::of(events);
    let received_at = tx.now();
    let done = sqlx::query!(
        r#"insert into control.usage_events
               (generation, tenant_id, key, source, id, metric, time, received_at, amount, member, dimensions, stated,
                corrects, revokes, comparable)
           select $1, $2, key, source, id, metric, time, $3, amount::numeric, member, dimensions::jsonb, stated::jsonb,
                corrects, revokes, comparable
           from (select unnest($5::uuid[]) as key, unnest($6::text[]) as source, unnest($7::text[]) as id,
                        unnest($8::text[]) as metric, unnest($9::timestamptz[]) as time, unnest($10::text[]) as amount,
                        unnest($11::uuid[]) as member, unnest($12::text[]) as dimensions, unnest($13::text[]) as stated,
                        unnest($14::uuid[]) as corrects, unnest($15::bool[]) as revokes,
                        unnest($16::bool[]) as comparable) as given
           where (select true from control.usage_events known
                  where known.generation = $4 and known.tenant_id = $2 and known.key = given.key) is null"#,
        generations.present,
        tenant as _,
        received_at as _,
        generations.former,
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
    Ok(done.rows_affected())
}
