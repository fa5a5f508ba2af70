//! Where an event may be: events lie in generations, each with what came in some span. One is written; those that were
//! closed within the time for which an event is recognised are looked in as well, but only for what their filter does not
//! rule out. So a batch costs the same however much came before it.
//!
//! A generation is closed when it is old, or when its indexes have grown to where writing them costs more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use isolation::{ControlTx, PlatformCtx, Tx};
use jobs::schedule::Schedule;
use kernel::Timestamp;
use uuid::Uuid;

use super::filter::Filter;
use crate::rollups::{self, RECOGNISED_DAYS};

/// Bytes of indexes with which a generation is closed: about a million events.
const MOST_BYTES: i64 = 64 * 1024 * 1024;

/// The filters of closed generations, which do not change any more, as far as this process has read them.
#[derive(Debug, Default)]
pub struct Filters(Mutex<HashMap<i32, Arc<Filter>>>);

impl Filters {
    fn known(&self, number: i32) -> Option<Arc<Filter>> {
        let filters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        filters.get(&number).map(Arc::clone)
    }

    fn keep(&self, closed: &[Closed]) {
        let mut filters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *filters = closed
            .iter()
            .filter_map(|one| Some((one.number, Arc::clone(one.filter.as_ref()?))))
            .collect();
    }
}

#[derive(Debug)]
struct Closed {
    number: i32,
    /// Nothing until it is made.
    filter: Option<Arc<Filter>>,
}

/// The generation that is written, and those in which an event is recognised.
#[derive(Debug)]
pub(super) struct Generations {
    pub(super) present: i32,
    closed: Vec<Closed>,
}

/// Keys, each with a generation that may have it.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) generations: Vec<i32>,
    pub(super) keys: Vec<Uuid>,
}

impl Places {
    fn add(&mut self, generation: i32, keys: impl Iterator<Item = Uuid>) {
        self.keys.extend(keys);
        self.generations.resize(self.keys.len(), generation);
    }
}

impl Generations {
    /// As they are while the lock of the generation is held.
    pub(super) async fn read(tx: &mut ControlTx, filters: &Filters) -> Result<Self, sqlx::Error> {
        let since = tx.now().plus_days(-RECOGNISED_DAYS);
        let mut rows = sqlx::query!(
            r#"select number, exists (select from control.usage_filters f where f.generation = number) as "filtered!"
               from control.usage_generations where closed_at is null or closed_at >= $1 order by number"#,
            since as _
        )
        .fetch_all(tx.conn())
        .await?;
        let present = rows.pop().ok_or(sqlx::Error::RowNotFound)?.number;
        let mut closed = Vec::with_capacity(rows.len());
        let mut read = false;
        for row in rows {
            let mut filter = filters.known(row.number);
            if row.filtered && filter.is_none() {
                filter = load(tx, row.number).await?;
                read = true;
            }
            closed.push(Closed {
                number: row.number,
                filter,
            });
        }
        if read {
            filters.keep(&closed);
        }
        Ok(Self { present, closed })
    }

    /// The closed generations in which these may be.
    pub(super) fn former(&self, keys: &[Uuid]) -> Places {
        let mut places = Places::default();
        for generation in &self.closed {
            let may_have = |key: &Uuid| {
                generation
                    .filter
                    .as_ref()
                    .is_none_or(|filter| filter.may_have(*key))
            };
            places.add(generation.number, keys.iter().copied().filter(may_have));
        }
        places
    }

    /// The generation that is written.
    pub(super) fn present(&self, keys: &[Uuid]) -> Places {
        let mut places = Places::default();
        places.add(self.present, keys.iter().copied());
        places
    }

    /// Every generation in which these may be.
    pub(super) fn all(&self, keys: &[Uuid]) -> Places {
        let mut places = self.former(keys);
        places.add(self.present, keys.iter().copied());
        places
    }
}

async fn load(tx: &mut ControlTx, generation: i32) -> Result<Option<Arc<Filter>>, sqlx::Error> {
    let kept = sqlx::query_scalar!(
        "select filter from control.usage_filters where generation = $1",
        generation
    )
    .fetch_one(tx.conn())
    .await?;
    let filter = Filter::read(&kept);
    if filter.is_none() {
        tracing::error!(
            generation,
            "the filter of a generation of events cannot be read: it is looked in for every event"
        );
    }
    Ok(filter.map(Arc::new))
}

/// Has the generations of events looked after.
#[must_use]
pub fn scheduled(schedule: Schedule) -> Schedule {
    schedule.every("usage.generations", Duration::from_mins(1), |ctx| async move {
        tend(&ctx).await?;
        Ok(())
    })
}

/// Closes the generation that has grown large, and makes the filters that are missing.
pub(super) async fn tend(ctx: &PlatformCtx) -> Result<(), sqlx::Error> {
    rollups::open_generation(ctx, Timestamp::from_micros(0), Some(MOST_BYTES)).await?;
    let since = ctx.seams().now().plus_days(-RECOGNISED_DAYS);
    let mut tx = ctx.control().await?;
    let missing = sqlx::query_scalar!(
        "select number from control.usage_generations where closed_at >= $1
             and not exists (select from control.usage_filters f where f.generation = number) order by number",
        since as _
    )
    .fetch_all(tx.conn())
    .await?;
    drop(tx);
    for generation in missing {
        make_filter(ctx, generation).await?;
    }
    Ok(())
}

async fn make_filter(ctx: &PlatformCtx, generation: i32) -> Result<(), sqlx::Error> {
    let mut tx = ctx.control().await?;
    let keys = sqlx::query_scalar!(
        "select key from control.usage_events where generation = $1",
        generation
    )
    .fetch_all(tx.conn())
    .await?;
    let made = tokio::task::spawn_blocking(move || Filter::of(&keys).bytes()).await;
    let filter = made.map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?;
    // Another node may have made it meanwhile, or the generation may be gone.
    sqlx::query!(
        "insert into control.usage_filters (generation, filter)
         select number, $2 from control.usage_generations where number = $1 on conflict do nothing",
        generation,
        filter
    )
    .execute(tx.conn())
    .await?;
    tx.commit().await
}
