//! Every node's memory of tenants' records, as their own people read them: the most frequent question of an application
//! about its tenant is answered without asking the database.
//!
//! Invariants: a hit costs no call to the database; what is answered was loaded after the last news about it
//! ([`isolation::FreshCache`]), and on the node that made a change and answered it, after the change; memory is bounded.
//!
//! What may not enter: other records. Each has its own news.

use std::sync::Arc;

use bytes::Bytes;
use isolation::{Databases, FreshCache, Listener, News, TenantCtx};
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
    /// An empty memory for so many records at most. It keeps nothing until [`Databases::spread_news`] runs.
    pub fn new(databases: Databases, capacity: u64) -> Self {
        let records = Arc::new(Inner {
            known: FreshCache::new(capacity),
            databases,
        });
        records.databases.tell(&records);
        Self(records)
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

impl Listener for Inner {
    fn hear(&self, news: &News) {
        match news {
            News::Everything => self.known.forget_everything(),
            News::Interrupted => self.known.distrust(),
            News::One { topic, key } if topic == TOPIC => match key.parse::<TenantId>() {
                Ok(id) => self.known.forget(&id),
                Err(_) => self.known.forget_everything(),
            },
            News::One { .. } => {}
        }
    }
}
