//! The door: from what a caller presents to who he is and what he may do.
//!
//! A known key costs no statement: it is looked up in memory by its SHA-256, its expiry compared with the clock. An
//! unknown one costs one query. Whatever is wrong with it — its form, its prefix, its secret, its end, its person —
//! it is hashed, looked up and refused on the same path, so that neither answer nor time tells which.
//!
//! Invariants: memory is trusted only while the news flow (see `isolation`'s changes), so a revoked key ends on every
//! node within a second, and while they are interrupted every request asks the database; no request writes, the
//! times of last use are gathered and written together every ten seconds. Whether the tenant may be served is
//! decided elsewhere.

mod credential;
mod sql;
#[cfg(test)]
mod tests;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use isolation::{Databases, FreshCache, News};
use kernel::Timestamp;
use tokio_util::sync::CancellationToken;

pub use credential::{AdminCredential, Credential, TenantCredential};
use usage::{Usage, UsageLog};

use identity::KEY_TOPIC;
use identity::token::{self, Hash};

/// Keys held in memory; some 40 MB when full.
const CAPACITY: u64 = 100_000;
const WRITE_USAGE_EVERY: Duration = Duration::from_secs(10);

/// The caller did not come in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// What he presented is no credential, or not any more.
    #[error("the credential is not valid")]
    Refused,
    /// It could not be looked up.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Knows callers by their keys. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authenticator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    databases: Databases,
    known: FreshCache<Hash, Arc<Known>>,
    usage: UsageLog,
}

/// A key that may come in until it ends.
#[derive(Debug)]
struct Known {
    credential: Credential,
    expires_at: Option<Timestamp>,
    usage: Arc<Usage>,
}

impl Authenticator {
    /// An authenticator that asks the database every time until [`run`](Self::run) and
    /// [`Databases::spread_news`] do.
    pub fn new(databases: Databases) -> Self {
        Self(Arc::new(Inner {
            databases,
            known: FreshCache::new(CAPACITY),
            usage: UsageLog::default(),
        }))
    }

    /// Who presents this.
    pub async fn authenticate(&self, presented: &str) -> Result<Credential, AuthError> {
        let hash = token::hash(presented);
        let known = match self.0.known.get(&hash) {
            Some(known) => known,
            None => self.load(&hash).await?.ok_or(AuthError::Refused)?,
        };
        let now = self.0.databases.seams().now();
        if known.expires_at.is_some_and(|end| end <= now) {
            return Err(AuthError::Refused);
        }
        self.0.usage.note(hash, &known.usage, now);
        Ok(known.credential.clone())
    }

    async fn load(&self, hash: &Hash) -> Result<Option<Arc<Known>>, sqlx::Error> {
        let ticket = self.0.known.ticket();
        let mut tx = self.0.databases.system("authentication").control().await?;
        let known = sql::find(&mut tx, hash).await?.map(Arc::new);
        if let Some(known) = &known {
            self.0.known.put(ticket, hash, Arc::clone(known));
        }
        Ok(known)
    }

    /// Follows the news and writes the times of last use, until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        tokio::join!(
            stop.run_until_cancelled(self.follow_news()),
            self.write_usage_until(&stop),
        );
        self.0.known.distrust();
    }

    async fn follow_news(&self) {
        let known = &self.0.known;
        let mut news = self.0.databases.subscribe();
        loop {
            match news.next().await {
                News::Everything => known.forget_everything(),
                News::Interrupted => known.distrust(),
                News::One { topic, key } if topic == KEY_TOPIC => match token::from_hex(&key) {
                    Some(hash) => known.forget(&hash),
                    None => known.forget_everything(),
                },
                News::One { .. } => {}
            }
        }
    }

    async fn write_usage_until(&self, stop: &CancellationToken) {
        let mut running = true;
        while running {
            let waited = stop
                .run_until_cancelled(tokio::time::sleep(WRITE_USAGE_EVERY))
                .await;
            running = waited.is_some();
            self.write_usage().await;
        }
    }

    /// Writes the times of last use that were gathered since it was called last.
    pub async fn write_usage(&self) {
        if let Err(error) = self.0.usage.write(&self.0.databases).await {
            tracing::warn!(%error, "times of last use could not be written; they are kept");
        }
    }
}
