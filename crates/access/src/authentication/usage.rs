//! When keys and sessions were used last: noted in memory, written together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use isolation::{ControlTx, Databases, Tx};
use kernel::{TenantId, Timestamp};
use uuid::Uuid;

use identity::admin_api_keys::AdminApiKeyId;
use identity::api_keys::ApiKeyId;

use crate::sessions::SessionId;

/// What was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Used {
    Tenant(TenantId, ApiKeyId),
    Admin(AdminApiKeyId),
    Session(SessionId),
}

/// The last use of one credential.
#[derive(Debug)]
pub(super) struct Usage {
    used: Used,
    at_micros: AtomicI64,
    /// Whether it waits to be written; a key in use takes the lock once between two writes, not with every request.
    waits: AtomicBool,
}

impl Usage {
    pub(super) fn of(used: Used, last: Option<Timestamp>) -> Self {
        Self {
            used,
            at_micros: AtomicI64::new(last.map_or(0, Timestamp::as_micros)),
            waits: AtomicBool::new(false),
        }
    }

    /// When it was used last, as far as this node knows.
    pub(super) fn last(&self) -> Timestamp {
        Timestamp::from_micros(self.at_micros.load(SeqCst))
    }
}

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct UsageLog(Mutex<HashMap<Used, Arc<Usage>>>);

/// The columns of one batch.
#[derive(Default)]
struct Batch {
    tenants: Vec<Uuid>,
    ids: Vec<Uuid>,
    times: Vec<Timestamp>,
}

impl Batch {
    fn push(&mut self, tenant: Uuid, id: Uuid, at: Timestamp) {
        self.tenants.push(tenant);
        self.ids.push(id);
        self.times.push(at);
    }
}

impl UsageLog {
    pub(super) fn note(&self, usage: &Arc<Usage>, now: Timestamp) {
        usage.at_micros.fetch_max(now.as_micros(), SeqCst);
        if !usage.waits.swap(true, SeqCst) {
            self.lock().insert(usage.used, Arc::clone(usage));
        }
    }

    /// The last use of what was loaded anew, where one waits to be written that the database does not know of.
    pub(super) fn waiting(&self, usage: &Usage) {
        if let Some(waiting) = self.lock().get(&usage.used) {
            usage.at_micros.fetch_max(waiting.at_micros.load(SeqCst), SeqCst);
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

    fn put_back(&self, waiting: HashMap<Used, Arc<Usage>>) {
        let mut current = self.lock();
        for (used, usage) in waiting {
            if let Entry::Vacant(free) = current.entry(used) {
                usage.waits.store(true, SeqCst);
                free.insert(usage);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Used, Arc<Usage>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write<'u>(
    databases: &Databases,
    used: impl Iterator<Item = &'u Arc<Usage>> + Send,
) -> Result<(), sqlx::Error> {
    let (mut tenants, mut admins, mut sessions) = (Batch::default(), Batch::default(), Batch::default());
    for usage in used {
        let at = usage.last();
        match usage.used {
            Used::Tenant(tenant, key) => tenants.push(tenant.uuid(), key.uuid(), at),
            Used::Admin(key) => admins.push(Uuid::nil(), key.uuid(), at),
            Used::Session(session) => sessions.push(Uuid::nil(), session.uuid(), at),
        }
    }
    let mut tx = databases.system("authentication").control().await?;
    update_tenants_keys(&mut tx, &tenants).await?;
    update_admins_keys(&mut tx, &admins).await?;
    update_sessions(&mut tx, &sessions).await?;
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
        &batch.ids,
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
        &batch.ids,
        &batch.times as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn update_sessions(tx: &mut ControlTx, batch: &Batch) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "with used as (select * from unnest($1::uuid[], $2::timestamptz[]) as used (id, at)),
              locked as (select s.id from control.sessions s join used using (id) order by s.id for no key update of s)
         update control.sessions s set last_seen_at = used.at
         from locked join used using (id)
         where s.id = locked.id and s.last_seen_at < used.at",
        &batch.ids,
        &batch.times as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
