//! When keys were used last: noted in memory, written together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use isolation::{ControlTx, Databases, Tx};
use kernel::{TenantId, Timestamp};
use uuid::Uuid;

use identity::admin_api_keys::AdminApiKeyId;
use identity::api_keys::ApiKeyId;
use identity::token::Hash;

/// Which key was used.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeyRef {
    Tenant(TenantId, ApiKeyId),
    Admin(AdminApiKeyId),
}

/// The last use of one key.
#[derive(Debug)]
pub(super) struct Usage {
    key: KeyRef,
    at_micros: AtomicI64,
    /// Whether it waits to be written; a key in use takes the lock once between two writes, not with every request.
    waits: AtomicBool,
}

impl Usage {
    pub(super) fn of(key: KeyRef) -> Self {
        Self {
            key,
            at_micros: AtomicI64::new(0),
            waits: AtomicBool::new(false),
        }
    }
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct UsageLog(Mutex<HashMap<Hash, Arc<Usage>>>);

/// The columns of one batch.
#[derive(Default)]
struct Batch {
    tenants: Vec<Uuid>,
    keys: Vec<Uuid>,
    times: Vec<Timestamp>,
}

impl Batch {
    fn push(&mut self, tenant: Uuid, key: Uuid, at: Timestamp) {
        self.tenants.push(tenant);
        self.keys.push(key);
        self.times.push(at);
    }
}

impl UsageLog {
    pub(super) fn note(&self, hash: Hash, usage: &Arc<Usage>, now: Timestamp) {
        usage.at_micros.fetch_max(now.as_micros(), SeqCst);
        if !usage.waits.swap(true, SeqCst) {
            self.lock().insert(hash, Arc::clone(usage));
        }
    }

    /// Writes what waits in one transaction; keeps it if that fails.
    pub(super) async fn write(&self, databases: &Databases) -> Result<(), sqlx::Error> {
        let waiting = std::mem::take(&mut *self.lock());
        if waiting.is_empty() {
            return Ok(());
        }
        for usage in waiting.values() {
            // Before its time is read, so that a later use queues again.
            usage.waits.store(false, SeqCst);
        }
        let written = write(databases, waiting.values()).await;
        if written.is_err() {
            self.put_back(waiting);
        }
        written
    }

    fn put_back(&self, waiting: HashMap<Hash, Arc<Usage>>) {
        let mut current = self.lock();
        for (hash, usage) in waiting {
            if let Entry::Vacant(free) = current.entry(hash) {
                usage.waits.store(true, SeqCst);
                free.insert(usage);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Hash, Arc<Usage>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write<'u>(
    databases: &Databases,
    used: impl Iterator<Item = &'u Arc<Usage>> + Send,
) -> Result<(), sqlx::Error> {
    let (mut tenants, mut admins) = (Batch::default(), Batch::default());
    for usage in used {
        let at = Timestamp::from_micros(usage.at_micros.load(SeqCst));
        match usage.key {
            KeyRef::Tenant(tenant, key) => tenants.push(tenant.uuid(), key.uuid(), at),
            KeyRef::Admin(key) => admins.push(Uuid::nil(), key.uuid(), at),
        }
    }
    let mut tx = databases.system("authentication").control().await?;
    update_tenants_keys(&mut tx, &tenants).await?;
    update_admins_keys(&mut tx, &admins).await?;
    tx.commit().await
}

/// Locked in one order, so that two nodes that write the same keys do not wait for each other in a ring.
async fn update_tenants_keys(tx: &mut ControlTx, batch: &Batch) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with used as (select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as used (tenant_id, id, at)),
              locked as (select k.tenant_id, k.id from control.api_keys k join used using (tenant_id, id)
                         order by k.tenant_id, k.id for no key update of k)
         update control.api_keys k set last_used_at = used.at
         from locked join used using (tenant_id, id)
         where k.tenant_id = locked.tenant_id and k.id = locked.id
           and (k.last_used_at is null or k.last_used_at < used.at)",
        &batch.tenants,
        &batch.keys,
        &batch.times as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn update_admins_keys(tx: &mut ControlTx, batch: &Batch) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with used as (select * from unnest($1::uuid[], $2::timestamptz[]) as used (id, at)),
              locked as (select k.id from control.admin_api_keys k join used using (id) order by k.id for no key update of k)
         update control.admin_api_keys k set last_used_at = used.at
         from locked join used using (id)
         where k.id = locked.id and (k.last_used_at is null or k.last_used_at < used.at)",
        &batch.keys,
        &batch.times as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
