//! Every node's memory of tenants' records, as their own people read them: the most frequent question of an application
//! about its tenant is answered without asking the database.
//!
//! Invariants: a hit costs no call to the database; what is answered was loaded after the last news about it
//! ([`isolation::FreshCache`]), and on the node that made a change and answered it, after the change; memory is bounded.
//!
//! What may not enter: other records. Each has its own news.

use std::sync::Arc;

use bytes::Bytes;
use isolation::{Databases, FreshCache, News, TenantCtx};
use kernel::TenantId;

use crate::tenants::view::TenantView;
use crate::tenants::{TOPIC, own};

/// A tenant's record as JSON.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its version.
    pub version: i64,
    /// A [`TenantView`].
    pub json: Bytes,
}

/// The memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Records(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    databases: Databases,
    known: FreshCache<TenantId, Arc<Record>>,
}

impl Records {
    /// An empty memory for so many records at most. It keeps nothing until [`Records::follow_news`] runs.
    pub fn new(databases: Databases, capacity: u64) -> Self {
        let records = Arc::new(Inner {
            known: FreshCache::new(capacity),
            databases,
        });
        let weak = Arc::downgrade(&records);
        records.databases.on_commit_here(move |topic, key| {
            if let (Some(records), TOPIC) = (weak.upgrade(), topic) {
                records.forget(key);
            }
        });
        Self(records)
    }

    /// Forgets what changes. Never ends: run it as a task of its own beside [`Databases::spread_news`].
    pub async fn follow_news(self) {
        let mut news = self.0.databases.subscribe();
        loop {
            match news.next().await {
                News::Everything => self.0.known.forget_everything(),
                News::Interrupted => self.0.known.distrust(),
                News::One { topic, key } if topic == TOPIC => self.0.forget(&key),
                News::One { .. } => {}
            }
        }
    }

    /// The caller's own tenant; none where it was removed meanwhile.
    pub async fn own(&self, ctx: &TenantCtx) -> Result<Option<Arc<Record>>, sqlx::Error> {
        match self.0.known.get(&ctx.tenant_id()) {
            Some(record) => Ok(Some(record)),
            None => Box::pin(self.load(ctx)).await,
        }
    }

    async fn load(&self, ctx: &TenantCtx) -> Result<Option<Arc<Record>>, sqlx::Error> {
        let (id, known) = (ctx.tenant_id(), &self.0.known);
        let ticket = known.ticket();
        let Some(tenant) = own(&mut ctx.control().await?).await? else {
            return Ok(None);
        };
        let version = tenant.version;
        let json = serde_json::to_vec(&TenantView::from(tenant));
        let json = json.map_err(|error| sqlx::Error::Encode(error.into()))?.into();
        let record = Arc::new(Record { version, json });
        known.put(ticket, &id, Arc::clone(&record));
        Ok(Some(record))
    }
}

impl Inner {
    fn forget(&self, key: &str) {
        match key.parse::<TenantId>() {
            Ok(id) => self.known.forget(&id),
            Err(_) => self.known.forget_everything(),
        }
    }
}
