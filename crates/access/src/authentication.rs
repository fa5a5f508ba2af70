//! The door: from what a caller presents to who he is and what he may do.
//!
//! A known key or session costs no statement: it is looked up in memory by its SHA-256, or by what its access token
//! says, its end compared with the clock. An unknown one costs one query. Whatever is wrong with a key — its form, its
//! prefix, its secret, its end, its person — it is hashed, looked up and refused on the same path, so that neither
//! answer nor time tells which. An access token's signature is checked first, which takes no secret.
//!
//! Invariants: memory is trusted only while the news flow (see `isolation`'s changes), so what was revoked or ended ends
//! on every node within a second, and while they are interrupted every request asks the database; no request writes, the
//! times of last use are gathered and written together every ten seconds. A session that seems unused for too long is
//! looked up again before it is refused, because another node may have seen it. Whether the tenant may be served is
//! decided elsewhere.

mod credential;
mod known;
mod sql;
#[cfg(test)]
mod tests;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use identity::token;
use identity::{KEY_TOPIC, PERSON_TOPIC, TENANT_PEOPLE_TOPIC};
use isolation::{Databases, FreshCache, Listener, News};
use kernel::permission::Registry;
use kernel::{AdminPermission, Grants, Id, Permission, TenantId, UserId};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::access_tokens::{Claims, SigningKeys};
use crate::csrf::CsrfKey;
use crate::sessions::SESSION_TOPIC;
pub use credential::{AdminCredential, Credential, Means, TenantCredential};
use known::{Known, Life, Name};
use usage::UsageLog;

/// Credentials held in memory; some 40 MB when full.
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

/// Knows callers by their keys, sessions and tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authenticator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    databases: Databases,
    keys: SigningKeys,
    csrf: CsrfKey,
    known: FreshCache<Name, Arc<Known>>,
    usage: UsageLog,
}

impl Authenticator {
    /// An authenticator that asks the database every time until [`Databases::spread_news`] runs.
    pub fn new(databases: Databases, keys: SigningKeys) -> Self {
        let inner = Arc::new(Inner {
            csrf: CsrfKey::derive(databases.master()),
            databases,
            keys,
            known: FreshCache::new(CAPACITY),
            usage: UsageLog::default(),
        });
        inner.databases.tell(&inner);
        Self(inner)
    }

    /// Who presents this: a key, a session's secret, or an access token.
    pub async fn authenticate(&self, presented: &str) -> Result<Credential, AuthError> {
        if is_token(presented) {
            return self.by_token(presented).await;
        }
        let known = self.find(Name::Secret(token::hash(presented))).await?;
        Ok(known.credential.clone())
    }

    /// A person whom a gateway vouches for; none where the tenant has no such person, or he may not come in.
    pub async fn vouched(
        &self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Option<Arc<TenantCredential>>, sqlx::Error> {
        match self.find(Name::Person(tenant, user)).await {
            Ok(known) => match &known.credential {
                Credential::Tenant(credential) => Ok(Some(Arc::clone(credential))),
                Credential::Admin(_) => Ok(None),
            },
            Err(AuthError::Refused) => Ok(None),
            Err(AuthError::Database(error)) => Err(error),
        }
    }

    /// What a page that holds this cookie sends along with what it changes.
    pub fn csrf(&self) -> &CsrfKey {
        &self.0.csrf
    }

    /// What access tokens are signed and checked with.
    pub fn signing_keys(&self) -> &SigningKeys {
        &self.0.keys
    }

    async fn by_token(&self, presented: &str) -> Result<Credential, AuthError> {
        let claims = self.0.keys.verify(presented).await?;
        let claims = claims.map_err(|_| AuthError::Refused)?;
        let known = self.find(Name::Session(claims.sid)).await?;
        narrowed(&known.credential, &claims).ok_or(AuthError::Refused)
    }

    /// What is known by this name and may come in now; notes that it did.
    async fn find(&self, name: Name) -> Result<Arc<Known>, AuthError> {
        let now = self.0.databases.seams().now();
        let mut known = self.0.known.get(&name);
        if known.as_ref().is_some_and(|known| known.life(now) == Life::Idle) {
            known = None;
        }
        let known = match known {
            Some(known) => known,
            None => Box::pin(self.load(name)).await?.ok_or(AuthError::Refused)?,
        };
        if known.life(now) != Life::Alive {
            return Err(AuthError::Refused);
        }
        if let Some(usage) = &known.usage {
            self.0.usage.note(usage, now);
        }
        Ok(known)
    }

    async fn load(&self, name: Name) -> Result<Option<Arc<Known>>, sqlx::Error> {
        let ticket = self.0.known.ticket();
        let mut tx = self.0.databases.system("authentication").control().await?;
        let known = match name {
            Name::Secret(hash) => sql::by_hash(&mut tx, &hash).await?.map(Known::from),
            Name::Session(id) => sql::by_session(&mut tx, id).await?.map(Known::from),
            Name::Person(tenant, user) => {
                let row = sql::by_person(&mut tx, tenant, user).await?;
                row.filter(|row| row.active)
                    .map(|row| Known::person(tenant, user, &row))
            }
        };
        let known = known.map(Arc::new);
        if let Some(known) = &known {
            if let Some(usage) = &known.usage {
                self.0.usage.waiting(usage);
            }
            self.0.known.put(ticket, &name, Arc::clone(known));
        }
        Ok(known)
    }

    /// Writes the times of last use, until told to stop.
    pub async fn run(self, stop: CancellationToken) {
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

/// An access token has two dots (RFC 7515 section 3.1); nothing that we mint has one.
fn is_token(presented: &str) -> bool {
    presented.contains('.')
}

/// What the token opens: no more than it says, and no more than its person may today. Nothing where it is not its
/// session's.
fn narrowed(credential: &Credential, claims: &Claims) -> Option<Credential> {
    let person = credential.person()?;
    if person.actor().id != claims.sub || person.tenant() != claims.tid {
        return None;
    }
    match credential {
        Credential::Tenant(known) => {
            let grants = known.grants.intersection(scope_of::<Permission>(&claims.scope));
            if grants == known.grants {
                return Some(credential.clone());
            }
            let narrow = TenantCredential {
                grants,
                ..(**known).clone()
            };
            Some(Credential::Tenant(Arc::new(narrow)))
        }
        Credential::Admin(known) => {
            let grants = known
                .grants
                .intersection(scope_of::<AdminPermission>(&claims.scope));
            if grants == known.grants {
                return Some(credential.clone());
            }
            let narrow = AdminCredential {
                grants,
                ..(**known).clone()
            };
            Some(Credential::Admin(Arc::new(narrow)))
        }
    }
}

fn scope_of<P: Registry>(scope: &str) -> Grants<P> {
    let scopes: Vec<String> = scope.split(' ').map(str::to_owned).collect();
    identity::roles::known_grants(&scopes)
}

impl Listener for Inner {
    /// Forgets what changed; everything, where the news do not say it in a way that is understood.
    fn hear(&self, news: &News) {
        let known = &self.known;
        let (topic, key) = match news {
            News::Everything => return known.forget_everything(),
            News::Interrupted => return known.distrust(),
            News::One { topic, key } => (topic.as_str(), key),
        };
        match (topic, token::from_hex(key), key.parse::<Uuid>()) {
            (KEY_TOPIC | SESSION_TOPIC, Some(hash), _) => known.forget(&Name::Secret(hash)),
            (SESSION_TOPIC, None, Ok(id)) => known.forget(&Name::Session(Id::from_uuid(id))),
            (PERSON_TOPIC, _, Ok(person)) => known.forget_where(move |known| known.is_of(person)),
            (TENANT_PEOPLE_TOPIC, _, Ok(tenant)) => {
                let tenant = Id::from_uuid(tenant);
                known.forget_where(move |known| known.is_of_people_of(tenant));
            }
            (KEY_TOPIC | SESSION_TOPIC | PERSON_TOPIC | TENANT_PEOPLE_TOPIC, ..) => known.forget_everything(),
            _ => {}
        }
    }
}
