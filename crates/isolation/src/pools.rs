//! Pools of tenants' own databases under one hard budget: a thousand tenant databases do not mean a thousand
//! connections. At most so many databases are connected to at once, a few connections each; the least recently
//! used idle one makes room. When every one is in use, the next caller waits and then is told to try again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, timeout_at};

use crate::databases::pool_options;

/// Connections to one tenant database; with the number of databases this is the total budget.
pub(crate) const CONNECTIONS_EACH: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct TenantPools {
    budget: usize,
    open: Mutex<HashMap<String, Arc<Slot>>>,
    freed: Arc<Notify>,
    turn: AtomicU64,
}

#[derive(Debug)]
struct Slot {
    pool: PgPool,
    last_used: AtomicU64,
}

/// Keeps a tenant database's pool open while it is in use.
#[derive(Debug)]
pub(crate) struct Lease {
    slot: Option<Arc<Slot>>,
    freed: Arc<Notify>,
}

impl Lease {
    pub(crate) fn pool(&self) -> &PgPool {
        &self.slot.as_ref().expect("present until dropped").pool
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.slot = None;
        self.freed.notify_one();
    }
}

impl TenantPools {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            budget: budget.max(1),
            open: Mutex::default(),
            freed: Arc::new(Notify::new()),
            turn: AtomicU64::new(0),
        }
    }

    /// The pool of this database, opened if need be.
    pub(crate) async fn lease(
        &self,
        database: &str,
        options: impl FnOnce() -> PgConnectOptions,
    ) -> Result<Lease, sqlx::Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let freed = self.freed.notified();
            let mut open = self.open.lock().await;
            if let Some(slot) = open.get(database) {
                return Ok(self.take(slot));
            }
            if open.len() < self.budget || close_idlest(&mut open).await {
                let pool = pool_options(CONNECTIONS_EACH).connect_lazy_with(options());
                let slot = Arc::new(Slot {
                    pool,
                    last_used: AtomicU64::new(0),
                });
                open.insert(database.to_owned(), Arc::clone(&slot));
                return Ok(self.take(&slot));
            }
            drop(open);
            timeout_at(deadline, freed)
                .await
                .map_err(|_| sqlx::Error::PoolTimedOut)?;
        }
    }

    /// Forgets a database that is about to be dropped.
    pub(crate) async fn forget(&self, database: &str) {
        let slot = self.open.lock().await.remove(database);
        if let Some(slot) = slot {
            slot.pool.close().await;
        }
    }

    pub(crate) async fn close(&self) {
        let all: Vec<_> = self.open.lock().await.drain().collect();
        for (_, slot) in all {
            slot.pool.close().await;
        }
    }

    fn take(&self, slot: &Arc<Slot>) -> Lease {
        slot.last_used
            .store(self.turn.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Lease {
            slot: Some(Arc::clone(slot)),
            freed: Arc::clone(&self.freed),
        }
    }
}

/// Closes the least recently used pool that nobody holds; its connections are gone when this returns, so the
/// budget is never exceeded, not even for a moment.
async fn close_idlest(open: &mut HashMap<String, Arc<Slot>>) -> bool {
    let idlest = open
        .iter()
        .filter(|(_, slot)| Arc::strong_count(slot) == 1)
        .min_by_key(|(_, slot)| slot.last_used.load(Ordering::Relaxed))
        .map(|(name, _)| name.clone());
    let Some(slot) = idlest.and_then(|name| open.remove(&name)) else {
        return false;
    };
    slot.pool.close().await;
    true
}
