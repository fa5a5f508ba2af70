//! Every node's memory of tenants: who a slug, an identifier or a host name belongs to, and what a request has to
//! know about the tenant before it is let in.
//!
//! Invariants: a hit costs no call to the database; what is answered was loaded after the last news about it
//! ([`isolation::FreshCache`]); memory is bounded: some 1.1 KiB for a tenant that was asked for by slug, half of that for
//! one known by identifier only. Unknown names are remembered too, so that guessing them does not
//! load the database.
//!
//! What may not enter: credentials, settings and everything else that only one route needs.

mod host;
mod load;
mod snapshot;

use std::sync::Arc;

use isolation::{Databases, FreshCache, Listener, News};
use kernel::TenantId;

use crate::tenants::{SLUG_TOPIC, Slug, TOPIC};
pub use host::{BaseDomain, Host, InvalidBaseDomain};
use load::SlugHolder;
pub use snapshot::TenantSnapshot;

/// The tenant that a slug leads to.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The tenant.
    pub tenant: Arc<TenantSnapshot>,
    /// Whether the slug is one that it gave up: send the caller to the present one.
    pub moved: bool,
}

/// The memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Directory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    databases: Databases,
    tenants: FreshCache<TenantId, Option<Arc<TenantSnapshot>>>,
    slugs: FreshCache<Slug, Option<SlugHolder>>,
}

impl Directory {
    /// An empty memory for so many tenants at most. It keeps nothing until [`Databases::spread_news`] runs.
    pub fn new(databases: Databases, capacity: u64) -> Self {
        let directory = Arc::new(Inner {
            databases,
            tenants: FreshCache::new(capacity),
            slugs: FreshCache::new(capacity),
        });
        directory.databases.tell(&directory);
        Self(directory)
    }

    /// The tenant with this identifier, whatever its status.
    pub async fn by_id(&self, id: TenantId) -> Result<Option<Arc<TenantSnapshot>>, sqlx::Error> {
        match self.0.tenants.get(&id) {
            Some(known) => Ok(known),
            None => Box::pin(self.load_by_id(id)).await,
        }
    }

    async fn load_by_id(&self, id: TenantId) -> Result<Option<Arc<TenantSnapshot>>, sqlx::Error> {
        let Inner {
            databases, tenants, ..
        } = &*self.0;
        let ticket = tenants.ticket();
        let loaded = load::by_id(databases, id).await?.map(Arc::new);
        tenants.put(ticket, &id, loaded.clone());
        Ok(loaded)
    }

    /// The tenant that this slug leads to.
    pub async fn by_slug(&self, slug: &Slug) -> Result<Option<Resolved>, sqlx::Error> {
        let Inner {
            databases,
            tenants,
            slugs,
        } = &*self.0;
        let Some(known) = slugs.get(slug.as_str()) else {
            return Box::pin(self.load_by_slug(slug)).await;
        };
        let Some(moved) = known.and_then(|holder| holder.leads_at(databases.seams().now())) else {
            return Ok(None);
        };
        let id = known.map(|holder| holder.tenant);
        match id.and_then(|id| tenants.get(&id)) {
            Some(tenant) => Ok(tenant.map(|tenant| Resolved { tenant, moved })),
            None => Box::pin(self.load_by_slug(slug)).await,
        }
    }

    async fn load_by_slug(&self, slug: &Slug) -> Result<Option<Resolved>, sqlx::Error> {
        let Inner {
            databases,
            tenants,
            slugs,
        } = &*self.0;
        let (of_slug, of_tenant) = (slugs.ticket(), tenants.ticket());
        let loaded = load::by_slug(databases, slug).await?;
        slugs.put(of_slug, slug, loaded.as_ref().map(|(holder, _)| *holder));
        let Some((holder, snapshot)) = loaded else {
            return Ok(None);
        };
        let tenant = Arc::new(snapshot);
        tenants.put(of_tenant, &holder.tenant, Some(Arc::clone(&tenant)));
        let moved = holder.leads_at(databases.seams().now());
        Ok(moved.map(|moved| Resolved { tenant, moved }))
    }

    /// Whom a host name addresses under the platform's own domain. One outside it may be a tenant's own: that is for
    /// the memory of custom domains.
    pub async fn resolve_host(&self, base: &BaseDomain, host: &str) -> Result<Host, sqlx::Error> {
        Ok(match base.read(host) {
            host::Reading::Platform => Host::Platform,
            host::Reading::Elsewhere(name) => Host::Elsewhere(name),
            host::Reading::NoSlug => Host::NoTenant,
            host::Reading::Slug(slug) => self.by_slug(&slug).await?.map_or(Host::NoTenant, Host::Tenant),
        })
    }
}

impl Listener for Inner {
    fn hear(&self, news: &News) {
        let Self { tenants, slugs, .. } = self;
        match news {
            News::Everything => {
                tenants.forget_everything();
                slugs.forget_everything();
            }
            News::Interrupted => {
                tenants.distrust();
                slugs.distrust();
            }
            News::One { topic, key } => match (topic.as_str(), key.parse::<TenantId>()) {
                (TOPIC, Ok(id)) => tenants.forget(&id),
                (SLUG_TOPIC, _) => slugs.forget(key.as_str()),
                _ => {}
            },
        }
    }
}

#[cfg(test)]
mod tests;
