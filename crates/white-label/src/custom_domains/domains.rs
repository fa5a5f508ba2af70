//! Every node's memory of which verified name leads to which tenant: a hit costs no call to the database, and what is
//! answered was loaded after the last news about it.

use std::sync::Arc;

use isolation::{Databases, FreshCache, Listener, News};
use kernel::TenantId;

use super::ops::TOPIC;
use super::sql;

/// The memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Domains(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    databases: Databases,
    /// Also the names that lead nowhere, so that guessing them does not load the database.
    names: FreshCache<String, Option<TenantId>>,
}

impl Domains {
    /// An empty memory for so many names at most. It keeps nothing until [`Databases::spread_news`] runs.
    pub fn new(databases: Databases, capacity: u64) -> Self {
        let names = FreshCache::new(capacity);
        let domains = Arc::new(Inner { databases, names });
        domains.databases.tell(&domains);
        Self(domains)
    }

    /// The tenant that a verified name leads to. The name is given in lower case, without port and trailing dot.
    pub async fn tenant_of(&self, name: &str) -> Result<Option<TenantId>, sqlx::Error> {
        if !may_be_stored(name) {
            return Ok(None);
        }
        match self.0.names.get(name) {
            Some(known) => Ok(known),
            None => Box::pin(self.load(name)).await,
        }
    }

    async fn load(&self, name: &str) -> Result<Option<TenantId>, sqlx::Error> {
        let Inner { databases, names } = &*self.0;
        let ticket = names.ticket();
        let mut tx = databases.system("domains").control().await?;
        let tenant = sql::tenant_of(&mut tx, name).await?;
        names.put(ticket, &name.to_owned(), tenant);
        Ok(tenant)
    }
}

/// Whether the text looks like a stored name, so that nonsense costs neither a call nor memory.
fn may_be_stored(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    name.len() <= 253 && name.contains('.') && name.bytes().all(fits)
}

impl Listener for Inner {
    fn hear(&self, news: &News) {
        match news {
            News::Everything => self.names.forget_everything(),
            News::Interrupted => self.names.distrust(),
            News::One { topic, key } if topic == TOPIC => self.names.forget(key.as_str()),
            News::One { .. } => {}
        }
    }
}
