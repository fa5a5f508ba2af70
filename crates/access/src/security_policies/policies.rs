//! Every node's memory of policies.

use std::sync::Arc;

use isolation::{Databases, FreshCache, News};
use kernel::TenantId;
use uuid::Uuid;

use super::model::SecurityPolicy;
use super::{TOPIC, ops};

/// The memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Policies(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    databases: Databases,
    known: FreshCache<Uuid, Arc<SecurityPolicy>>,
}

impl Policies {
    /// An empty memory for so many tenants at most. It keeps nothing until [`Policies::follow_news`] runs.
    pub fn new(databases: Databases, capacity: u64) -> Self {
        Self(Arc::new(Inner {
            databases,
            known: FreshCache::new(capacity),
        }))
    }

    /// What holds for the tenant; without a statement where that is known.
    pub async fn of(&self, tenant: TenantId) -> Result<Arc<SecurityPolicy>, sqlx::Error> {
        match self.0.known.get(&tenant.uuid()) {
            Some(policy) => Ok(policy),
            None => Box::pin(self.load(tenant)).await,
        }
    }

    async fn load(&self, tenant: TenantId) -> Result<Arc<SecurityPolicy>, sqlx::Error> {
        let Inner { databases, known } = &*self.0;
        let ticket = known.ticket();
        let mut tx = databases.system("security policies").control().await?;
        let policy = Arc::new(ops::get(&mut tx, tenant).await?);
        known.put(ticket, &tenant.uuid(), Arc::clone(&policy));
        Ok(policy)
    }

    /// Forgets what changes. Never ends: run it as a task of its own beside [`Databases::spread_news`].
    pub async fn follow_news(self) {
        let mut news = self.0.databases.subscribe();
        loop {
            self.obey(&news.next().await);
        }
    }

    pub(super) fn obey(&self, news: &News) {
        let known = &self.0.known;
        match news {
            News::Everything => known.forget_everything(),
            News::Interrupted => known.distrust(),
            News::One { topic, key } if topic == TOPIC => match key.parse::<Uuid>() {
                Ok(tenant) => known.forget(&tenant),
                Err(_) => known.forget_everything(),
            },
            News::One { .. } => {}
        }
    }
}
