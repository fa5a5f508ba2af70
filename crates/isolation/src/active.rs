//! Which stores with an outbox of their own may hold something that was not relayed yet.
//!
//! Looking into a thousand outboxes every second is not an option, and remembering in memory does not survive a
//! crash. So a node writes a row to `control.active_stores` before its first change in such a store, and removes
//! it once the store's outbox is empty and quiet. What a crashed node leaves there is exactly where to look.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::TenantId;
use uuid::Uuid;

use crate::databases::Databases;
use crate::store::{IsolationStrategy, Store};
use crate::tx::{ControlTx, Tx};

/// A node that was silent for so long is dead.
const SILENCE_SECONDS: f64 = 10.0;

/// How many changing transactions are open on each store that this node has marked.
type Known = Arc<Mutex<HashMap<TenantId, usize>>>;

#[derive(Debug)]
pub(crate) struct ActiveStores {
    node: Uuid,
    known: Known,
    /// Held while a mark is written or removed, so that neither overtakes the other.
    marking: tokio::sync::Mutex<()>,
}

/// Held while a changing transaction on the store is open, so that its mark is not removed under it.
#[derive(Debug)]
pub(crate) struct ActiveGuard {
    tenant: TenantId,
    known: Known,
}

impl Drop for ActiveGuard {
    fn drop(&mut self) {
        if let Some(open) = lock(&self.known).get_mut(&self.tenant) {
            *open -= 1;
        }
    }
}

fn lock(known: &Known) -> MutexGuard<'_, HashMap<TenantId, usize>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ActiveStores {
    pub(crate) fn new(node: Uuid) -> Self {
        Self {
            node,
            known: Known::default(),
            marking: tokio::sync::Mutex::default(),
        }
    }

    /// Called before a transaction that may change the store: the mark is durable before the change is.
    pub(crate) async fn enter(
        &self,
        databases: &Databases,
        tenant: TenantId,
    ) -> Result<ActiveGuard, sqlx::Error> {
        if let Some(guard) = self.enter_known(tenant) {
            return Ok(guard);
        }
        let _marking = self.marking.lock().await;
        if let Some(guard) = self.enter_known(tenant) {
            return Ok(guard);
        }
        let mut tx = ControlTx::begin_as_platform(databases, &databases.system("relay")).await?;
        sqlx::query!(
            "insert into control.active_stores (tenant_id, node_id, seen_at) values ($1, $2, clock_timestamp())
             on conflict (tenant_id, node_id) do update set seen_at = excluded.seen_at",
            tenant as _,
            self.node
        )
        .execute(tx.conn())
        .await?;
        tx.commit().await?;
        lock(&self.known).insert(tenant, 1);
        Ok(ActiveGuard {
            tenant,
            known: Arc::clone(&self.known),
        })
    }

    fn enter_known(&self, tenant: TenantId) -> Option<ActiveGuard> {
        *lock(&self.known).get_mut(&tenant)? += 1;
        Some(ActiveGuard {
            tenant,
            known: Arc::clone(&self.known),
        })
    }

    /// Removes the mark; false while a changing transaction on the store is open.
    pub(crate) async fn leave(&self, databases: &Databases, tenant: TenantId) -> Result<bool, sqlx::Error> {
        let _marking = self.marking.lock().await;
        {
            let mut known = lock(&self.known);
            if known.get(&tenant).is_some_and(|open| *open > 0) {
                return Ok(false);
            }
            known.remove(&tenant);
        }
        let mut tx = ControlTx::begin_as_platform(databases, &databases.system("relay")).await?;
        sqlx::query!(
            "delete from control.active_stores where tenant_id = $1 and node_id = $2",
            tenant as _,
            self.node
        )
        .execute(tx.conn())
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Renews this node's marks and answers the stores that silent nodes marked. Ages are the database's, so that
    /// neither a node's clock nor a test's counts.
    pub(crate) async fn abandoned(&self, databases: &Databases) -> Result<Vec<Store>, sqlx::Error> {
        let mut tx = ControlTx::begin_as_platform(databases, &databases.system("relay")).await?;
        sqlx::query!(
            "update control.active_stores set seen_at = clock_timestamp() where node_id = $1",
            self.node
        )
        .execute(tx.conn())
        .await?;
        let rows = sqlx::query!(
            r#"select distinct s.tenant_id as "tenant: TenantId", s.strategy as "strategy: IsolationStrategy", s.placement
               from control.active_stores a join control.stores s using (tenant_id)
               where a.seen_at < clock_timestamp() - make_interval(secs => $1)"#,
            SILENCE_SECONDS
        )
        .fetch_all(tx.conn())
        .await?;
        tx.commit().await?;
        Ok(rows
            .into_iter()
            .map(|row| Store {
                tenant: row.tenant,
                strategy: row.strategy,
                placement: row.placement,
            })
            .collect())
    }

    pub(crate) async fn knows_store(databases: &Databases, tenant: TenantId) -> Result<bool, sqlx::Error> {
        let mut tx = ControlTx::begin_as_platform(databases, &databases.system("relay")).await?;
        sqlx::query_scalar!(
            r#"select exists (select from control.stores where tenant_id = $1) as "known!""#,
            tenant as _
        )
        .fetch_one(tx.conn())
        .await
    }

    pub(crate) async fn clear_abandoned(
        &self,
        databases: &Databases,
        tenant: TenantId,
    ) -> Result<(), sqlx::Error> {
        let mut tx = ControlTx::begin_as_platform(databases, &databases.system("relay")).await?;
        sqlx::query!(
            "delete from control.active_stores
             where tenant_id = $1 and seen_at < clock_timestamp() - make_interval(secs => $2)",
            tenant as _,
            SILENCE_SECONDS
        )
        .execute(tx.conn())
        .await?;
        tx.commit().await
    }
}
