//! Every node's memory of policies.

use std::sync::Arc;

use isolation::{Databases, FreshCache, Listener, News};
use kernel::TenantId;
use uuid::Uuid;

use super::model::SecurityPolicy;
use super::{TOPIC, ops};

/// The memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Policies(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    databases: Databases,
    known: FreshCache<Uuid, Arc<SecurityPolicy>>,
    /// What holds for every tenant that has set nothing, once.
    standard: Arc<SecurityPolicy>,
}

impl Policies {
    /// An empty memory for so many tenants at most. It keeps nothing until [`Databases::spread_news`] runs.
    pub fn new(databases: Databases, capacity: u64) -> Self {
        let policies = Arc::new(Inner {
            databases,
            known: FreshCache::new(capacity),
            standard: Arc::default(),
        });
        policies.databases.tell(&policies);
        Self(policies)
    }

    /// What holds for the tenant; without a statement where that is known.
    pub async fn of(&self, tenant: TenantId) -> Result<Arc<SecurityPolicy>, sqlx::Error> {
        match self.0.known.get(&tenant.uuid()) {
            Some(policy) => Ok(policy),
            None => Box::pin(self.load(tenant)).await,
        }
    }

    async fn load(&self, tenant: TenantId) -> Result<Arc<SecurityPolicy>, sqlx::Error> {
        let Inner {
            databases,
            known,
            standard,
        } = &*self.0;
        let ticket = known.ticket();
        let mut tx = databases.system("security policies").control().await?;
        let policy = ops::get(&mut tx, tenant).await?;
        let policy = if policy == **standard {
            Arc::clone(standard)
        } else {
            Arc::new(policy)
        };
        known.put(ticket, &tenant.uuid(), Arc::clone(&policy));
        Ok(policy)
    }
}

impl Listener for Inner {
    fn hear(&self, news: &News) {
        match news {
            News::Everything => self.known.forget_everything(),
            News::Interrupted => self.known.distrust(),
            News::One { topic, key } if topic == TOPIC => match key.parse::<Uuid>() {
                Ok(tenant) => self.known.forget(&tenant),
                Err(_) => self.known.forget_everything(),
            },
            News::One { .. } => {}
        }
    }
}
