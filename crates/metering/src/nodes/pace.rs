//! Rate limits that several nodes share.
//!
//! A cell is in Redis. A node that is asked for one place takes as many as it will probably need in the next moment,
//! which it learns by taking twice as many whenever they did not last: at most what comes back in a tenth of a second,
//! and a tenth of the burst. What it took and did not need goes back. So a caller in a hurry costs a round trip now and
//! then, and one who is not costs one each; whoever asks while others of the same cell are asking takes one only, so that
//! nobody waits for anybody but Redis.
//!
//! Bound: of places taken in advance a node holds at most [`most_at_once`] of a cell. In any span the nodes together
//! let pass at most the burst, what comes back in the span, and what all of them held at its beginning.

mod held;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use kernel::{MasterKey, TenantId};
use redis::Script;
use redis::aio::MultiplexedConnection;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::held::{Asker, Held, Look};
use super::Redis;
use crate::counters::{Pace, Scope};
use crate::rate_limits::{Passage, Rate};

/// How often places that were not needed go back.
const TIDY_EVERY: Duration = Duration::from_millis(250);
/// Cells that are given back to in one round trip.
const TOGETHER: usize = 100;

/// How many places a node may hold of a cell of this rate.
pub fn most_at_once(rate: Rate) -> u32 {
    (rate.per_second / 10).min(rate.burst / 10).max(1)
}

/// Whose cell it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CellId {
    scope: Scope,
    id: u128,
}

impl CellId {
    /// Of a tenant.
    pub fn tenant(id: TenantId) -> Self {
        Self {
            scope: Scope::Tenant,
            id: id.uuid().as_u128(),
        }
    }

    /// Of an API key.
    pub const fn key(id: u128) -> Self {
        Self {
            scope: Scope::Key,
            id,
        }
    }

    /// Of an address, or of what counts as one.
    pub const fn address(bits: u128) -> Self {
        Self {
            scope: Scope::Address,
            id: bits,
        }
    }

    const fn pace(self, rate: Rate, passage: Passage) -> Pace {
        Pace {
            scope: self.scope,
            rate,
            passage,
        }
    }
}

/// What is taken from Redis, how many come back, and when it would be full.
type Answer = (i64, i64, u64);

/// The rate limits of all nodes.
#[derive(Debug)]
pub struct SharedPace {
    link: Arc<Redis>,
    script: Script,
    /// What cells are called in Redis: nobody who reads it learns who was there.
    naming: [u8; 32],
    held: Held,
    askers: AtomicU64,
    started: Instant,
}

impl SharedPace {
    /// Over this link. Nodes with the same master key share.
    pub fn new(link: Arc<Redis>, master: &MasterKey) -> Self {
        Self {
            link,
            script: Script::new(include_str!("pace/take.lua")),
            naming: master.derive("rate limits of several nodes"),
            held: Held::default(),
            askers: AtomicU64::new(0),
            started: Instant::now(),
        }
    }

    /// The link.
    pub fn link(&self) -> &Redis {
        &self.link
    }

    /// Whether one more passes by all of these cells, in this order, in one round trip at most: the tightest, or the
    /// first that refuses. Nothing where Redis does not say, which takes its patience at most.
    pub async fn pass(&self, cells: &[(CellId, Rate)]) -> Option<Pace> {
        let connection = self.link.connection()?;
        let mut attempt = Attempt::new(self);
        let now = self.now();
        for &(cell, rate) in cells {
            match self.held.look(cell, rate, attempt.asker, now) {
                Look::Passes(passage) => attempt.taken.push((cell, cell.pace(rate, passage))),
                Look::Refuses(passage) => return Some(cell.pace(rate, passage)),
                Look::Ask(wanted) => attempt.open.push((cell, rate, i64::from(wanted))),
            }
        }
        if !attempt.open.is_empty() {
            let answers = self.ask(connection, &attempt.open).await?;
            let now = self.now();
            for (&(cell, rate, _), answer) in attempt.open.iter().zip(answers) {
                let passage = self.held.put(cell, rate, attempt.asker, answer, now);
                if !passage.allowed {
                    return Some(cell.pace(rate, passage));
                }
                attempt.taken.push((cell, cell.pace(rate, passage)));
            }
        }
        let taken = std::mem::take(&mut attempt.taken);
        taken.into_iter().map(|(_, pace)| pace).reduce(Pace::tighter)
    }

    async fn ask(
        &self,
        mut connection: MultiplexedConnection,
        cells: &[(CellId, Rate, i64)],
    ) -> Option<Vec<Answer>> {
        let mut call = self.script.prepare_invoke();
        for &(cell, rate, wanted) in cells {
            call.key(self.name(cell))
                .arg(microseconds(rate))
                .arg(rate.burst)
                .arg(wanted);
        }
        match call.invoke_async(&mut connection).await {
            Ok(answers) => Some(answers),
            Err(error) => {
                self.link.broke(&error);
                None
            }
        }
    }

    fn name(&self, cell: CellId) -> Vec<u8> {
        let mut hash = Sha256::new_with_prefix(self.naming);
        hash.update([cell.scope as u8]);
        hash.update(cell.id.to_be_bytes());
        [b"tenantry:".as_slice(), &hash.finalize()[..16]].concat()
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Looks after the link, and gives back what was not needed, until told to stop; then all that is left.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        tokio::join!(self.link.run(stop.clone()), async {
            while !stop.is_cancelled() {
                self.give_back(self.held.tidy(self.now())).await;
                tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(TIDY_EVERY) => {} }
            }
            self.give_back(self.held.tidy(Duration::MAX)).await;
        });
    }

    async fn give_back(&self, unused: Vec<(CellId, Rate, u32)>) {
        for some in unused.chunks(TOGETHER) {
            // What cannot be given back comes back by itself, as what was used does.
            let Some(connection) = self.link.connection() else {
                return;
            };
            let cells: Vec<_> = some
                .iter()
                .map(|&(cell, rate, count)| (cell, rate, -i64::from(count)))
                .collect();
            if self.ask(connection, &cells).await.is_none() {
                return;
            }
        }
    }
}

/// In which one comes back. Redis has microseconds, and calculates in fractions of them.
fn microseconds(rate: Rate) -> f64 {
    1_000_000.0 / f64::from(rate.per_second.max(1))
}

/// One request on its way by several cells. Whoever is refused by one of them, or leaves, keeps nothing of the others.
struct Attempt<'a> {
    shared: &'a SharedPace,
    asker: Asker,
    taken: Vec<(CellId, Pace)>,
    open: Vec<(CellId, Rate, i64)>,
}

impl<'a> Attempt<'a> {
    fn new(shared: &'a SharedPace) -> Self {
        Self {
            shared,
            asker: shared.askers.fetch_add(1, Relaxed),
            taken: Vec::with_capacity(3),
            open: Vec::new(),
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let held = &self.shared.held;
        self.taken.drain(..).for_each(|(cell, _)| held.untake(cell));
        self.open
            .drain(..)
            .for_each(|(cell, ..)| held.unask(cell, self.asker));
    }
}
