//! Moves what tenants' stores have to say to the control plane: exactly once, in order per tenant, within a second.
//!
//! From a database of its own, an item is inserted there and committed before it is deleted here; receivers ignore an
//! `id` they know, so a crash between the two repeats an insertion that then does nothing. From the control plane's
//! database it is moved in one transaction: behind a pooler there may be one connection only. One relay at a time works on a store, held
//! by an advisory lock of its transaction.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::BoxFuture;
use isolation::{ControlTx, Databases, OutboxTx, Store};
use kernel::TenantId;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use crate::outbox::Item;

const BATCH: i64 = 500;
/// From a hint to the look into the outbox: what changes next goes with it, and the connection of the change that was
/// hinted at is free again, where a tenant's database would get another one otherwise.
const LINGER: Duration = Duration::from_millis(50);
const SHARED_EVERY: Duration = Duration::from_millis(200);
const BEHIND_EVERY: Duration = Duration::from_millis(500);
const ABANDONED_EVERY: Duration = Duration::from_secs(3);
/// A store of its own that had no news for so long is no longer marked as active.
const QUIET_AFTER: Duration = Duration::from_secs(30);

/// Takes items of one kind into the control plane.
pub trait Receiver: Send + Sync + 'static {
    /// The kind of items it takes.
    fn kind(&self) -> &'static str;
    /// Stores the items; one whose id is already known is left out.
    fn receive<'a>(
        &'a self,
        tx: &'a mut ControlTx,
        items: &'a [&'a Item],
    ) -> BoxFuture<'a, Result<(), sqlx::Error>>;
}

/// The relay of one node.
pub struct Relay {
    databases: Databases,
    hints: UnboundedReceiver<Store>,
    receivers: Vec<Box<dyn Receiver>>,
    /// Stores of their own that this node has marked, with the time of the last news.
    own: HashMap<TenantId, (Store, Instant)>,
    /// Stores of their own that could not be drained when they had news: nobody hints at them again.
    behind: HashMap<TenantId, Store>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("own", &self.own.len())
            .finish_non_exhaustive()
    }
}

impl Relay {
    /// `hints` comes from [`Databases::open`].
    pub fn new(
        databases: Databases,
        hints: UnboundedReceiver<Store>,
        receivers: Vec<Box<dyn Receiver>>,
    ) -> Self {
        Self {
            databases,
            hints,
            receivers,
            own: HashMap::new(),
            behind: HashMap::new(),
        }
    }

    /// Runs until told to stop, then moves what is left.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut shared = interval(SHARED_EVERY);
        let (mut behind, mut abandoned) = (interval(BEHIND_EVERY), interval(ABANDONED_EVERY));
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                hint = self.hints.recv() => match hint {
                    Some(store) => {
                        tokio::time::sleep(LINGER).await;
                        self.follow(store).await;
                    }
                    None => break,
                },
                _ = shared.tick() => { self.drain_or_warn(None).await; }
                _ = behind.tick() => self.catch_up().await,
                _ = abandoned.tick() => self.sweep().await,
            }
        }
        self.drain_or_warn(None).await;
        for (store, _) in std::mem::take(&mut self.own).into_values() {
            self.retire(&store).await;
        }
    }

    /// Moves everything there is to move right now.
    pub async fn settle(&mut self) {
        while let Ok(store) = self.hints.try_recv() {
            self.follow(store).await;
        }
        self.catch_up().await;
        self.drain_or_warn(None).await;
    }

    /// Follows a hint together with all that came meanwhile.
    async fn follow(&mut self, first: Store) {
        let mut stores = HashMap::from([(first.tenant, first)]);
        while let Ok(more) = self.hints.try_recv() {
            stores.insert(more.tenant, more);
        }
        let mut shared = false;
        for (tenant, store) in stores {
            if store.has_own_outbox() {
                self.own.insert(tenant, (store.clone(), Instant::now()));
                self.drain_now_or_soon(store).await;
            } else {
                shared = true;
            }
        }
        if shared {
            self.drain_or_warn(None).await;
        }
    }

    async fn drain_now_or_soon(&mut self, store: Store) {
        if !self.drain_or_warn(Some(&store)).await {
            self.behind.insert(store.tenant, store);
        }
    }

    /// Drains what could not be drained before.
    async fn catch_up(&mut self) {
        for store in std::mem::take(&mut self.behind).into_values() {
            self.drain_now_or_soon(store).await;
        }
    }

    /// Looks after stores that dead nodes marked, and retires own ones that have been quiet.
    async fn sweep(&mut self) {
        match self.databases.abandoned_stores().await {
            Ok(stores) => {
                for store in stores {
                    if self.drain_or_warn(Some(&store)).await {
                        let _ = self.databases.clear_abandoned(store.tenant).await;
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "abandoned stores could not be listed"),
        }
        let quiet: Vec<_> = self
            .own
            .iter()
            .filter(|(_, (_, news))| news.elapsed() > QUIET_AFTER)
            .map(|(tenant, _)| *tenant)
            .collect();
        for tenant in quiet {
            if let Some((store, _)) = self.own.remove(&tenant) {
                self.retire(&store).await;
            }
        }
    }

    /// Drains the store and removes its mark, unless a change to it is under way.
    async fn retire(&mut self, store: &Store) {
        let drained = self.drain_or_warn(Some(store)).await;
        let retired = drained && self.databases.mark_quiet(store.tenant).await.unwrap_or(false);
        if !retired {
            self.own.insert(store.tenant, (store.clone(), Instant::now()));
        }
    }

    /// Whether everything was moved.
    async fn drain_or_warn(&self, store: Option<&Store>) -> bool {
        match self.drain(store).await {
            Ok(drained) => drained,
            Err(_) if self.is_removed(store).await => true,
            Err(error) => {
                tracing::warn!(%error, ?store, "the outbox could not be relayed; trying again");
                false
            }
        }
    }

    /// Moves everything the outbox holds now. False where another relay is at it: that one may have looked before the
    /// newest item was there, or may die before it is done.
    async fn drain(&self, store: Option<&Store>) -> Result<bool, sqlx::Error> {
        loop {
            let mut outbox = OutboxTx::open(&self.databases, store).await?;
            if !lock(&mut outbox, store).await? {
                return Ok(false);
            }
            let batch = take(&mut outbox).await?;
            if batch.is_empty() {
                return Ok(true);
            }
            if let Some(control) = outbox.as_platform().await? {
                self.deliver(control, &batch).await?;
            } else {
                let mut control = self.databases.system("relay").control().await?;
                self.deliver(&mut control, &batch).await?;
                control.commit().await?;
            }
            outbox.resume().await?;
            let numbers: Vec<i64> = batch.iter().map(|(seq, _)| *seq).collect();
            sqlx::query!("delete from outbox where seq = any ($1)", &numbers)
                .execute(outbox.conn())
                .await?;
            outbox.commit().await?;
            if batch.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
                return Ok(true);
            }
        }
    }

    async fn deliver(&self, control: &mut ControlTx, batch: &[(i64, Item)]) -> Result<(), sqlx::Error> {
        for receiver in &self.receivers {
            let items: Vec<_> = batch
                .iter()
                .map(|(_, item)| item)
                .filter(|item| item.kind == receiver.kind())
                .collect();
            if !items.is_empty() {
                receiver.receive(control, &items).await?;
            }
        }
        Ok(())
    }

    /// Whether the store was removed since: then there is nothing left to move.
    async fn is_removed(&self, store: Option<&Store>) -> bool {
        match store {
            Some(store) => self
                .databases
                .knows_store(store.tenant)
                .await
                .is_ok_and(|known| !known),
            None => false,
        }
    }
}

async fn lock(outbox: &mut OutboxTx, store: Option<&Store>) -> Result<bool, sqlx::Error> {
    let name = store.map_or_else(|| "shared".to_owned(), |store| store.tenant.to_string());
    let locked = sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended('outbox ' || $1, 0)) as "locked!""#,
        name
    );
    locked.fetch_one(outbox.conn()).await
}

async fn take(outbox: &mut OutboxTx) -> Result<Vec<(i64, Item)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select seq, id, tenant_id as "tenant: TenantId", kind, payload from outbox order by seq limit $1"#,
        BATCH
    )
    .fetch_all(outbox.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            (
                row.seq,
                Item {
                    id: row.id,
                    tenant: row.tenant,
                    kind: row.kind,
                    payload: row.payload,
                },
            )
        })
        .collect())
}
