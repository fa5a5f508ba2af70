//! The signing keys in memory, and the two things done with them: issuing and checking.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use isolation::{Databases, News};
use jsonwebtoken::{Algorithm, Header, Validation};
use kernel::{Secret, Timestamp};

use super::claims::{Claims, InvalidToken, Subject, subject_of};
use super::key_set::{Held, JwkSet, KeySet, SigningKeyId};
use super::{SIGNING_KEY_TOPIC, TOKEN_LIFETIME, ops, sql};

/// RFC 9068 section 2.1.
const TYPE: &str = "at+jwt";
/// How far another node's clock may be ahead of ours.
const SKEW_SECONDS: i64 = 60;
/// Unknown keys make us look in the database, but never more often than this.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// The keys that access tokens are signed and checked with, in memory. Cheap to clone.
#[derive(Clone)]
pub struct SigningKeys(Arc<Inner>);

struct Inner {
    databases: Databases,
    issuer: String,
    /// What a token for each plane is for.
    audience: [String; 2],
    keys: RwLock<Arc<KeySet>>,
    looked_at: Mutex<Option<Timestamp>>,
    checks: Validation,
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys")
            .field("issuer", &self.0.issuer)
            .field("keys", &self.held())
            .finish_non_exhaustive()
    }
}

/// There is no key to sign with: [`SigningKeys::prepare`] was not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no key to sign access tokens with")]
pub struct NoSigningKey;

impl SigningKeys {
    /// Without a key until [`prepare`](Self::prepare). The issuer is where clients reach the product.
    pub fn new(databases: Databases, issuer: &str) -> Self {
        let issuer = issuer.trim_end_matches('/').to_owned();
        let audience = [format!("{issuer}/api"), format!("{issuer}/admin")];
        let checks = checks(&issuer, &audience);
        Self(Arc::new(Inner {
            databases,
            issuer,
            audience,
            keys: RwLock::default(),
            looked_at: Mutex::new(None),
            checks,
        }))
    }

    /// Makes the installation's first key unless there is one, and knows all of them.
    pub async fn prepare(&self) -> Result<(), sqlx::Error> {
        let mut tx = self.0.databases.system("signing keys").control().await?;
        ops::ensure_first(&mut tx).await?;
        tx.commit().await?;
        self.reload().await
    }

    /// Knows all keys of the database.
    pub async fn reload(&self) -> Result<(), sqlx::Error> {
        let mut tx = self.0.databases.system("signing keys").control().await?;
        let records = sql::list(&mut tx).await?;
        let master = self.0.databases.master();
        let held = records.into_iter().map(|record| Held::derive(master, record));
        let set = Arc::new(KeySet(held.collect()));
        *self.0.keys.write().unwrap_or_else(PoisonError::into_inner) = set;
        Ok(())
    }

    /// Looks in the database again when somebody changes the keys. Never ends: a task of its own beside
    /// [`Databases::spread_news`]. While news are missed, the next unknown key makes it look.
    pub async fn follow_news(self) {
        let mut news = self.0.databases.subscribe();
        loop {
            let changed = match news.next().await {
                News::Everything => true,
                News::One { topic, .. } => topic == SIGNING_KEY_TOPIC,
                News::Interrupted => false,
            };
            if changed && let Err(error) = self.reload().await {
                tracing::warn!(%error, "the signing keys could not be read; the known ones are kept");
            }
        }
    }

    /// A token for this person, with its lifetime.
    pub fn issue(&self, to: &Subject) -> Result<Secret<String>, NoSigningKey> {
        let seams = self.0.databases.seams();
        let now = seams.now();
        let keys = self.held();
        let key = keys.signing(now).ok_or(NoSigningKey)?;
        let issued = seconds(now);
        let claims = Claims {
            iss: self.0.issuer.clone(),
            aud: self.audience_of(to.person.tenant().is_some()).to_owned(),
            sub: subject_of(to.person),
            tid: to.person.tenant(),
            role: to.role.clone(),
            scope: to.scope.clone(),
            sid: to.session,
            iat: issued,
            exp: seconds(now.plus(TOKEN_LIFETIME).min(to.until)),
            jti: seams.new_id(),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(key.record.id.to_string());
        let token = jsonwebtoken::encode(&header, &claims, &key.signer).map_err(|_| NoSigningKey)?;
        Ok(Secret::new(token))
    }

    /// What the token says, if one of our keys signed it, it is for us, and it is good now. Looks for a key that is not
    /// known yet.
    pub async fn verify(&self, token: &str) -> Result<Result<Claims, InvalidToken>, sqlx::Error> {
        let checked = self.check(token);
        if checked != Err(InvalidToken::UnknownKey) || !self.may_look_again() {
            return Ok(checked);
        }
        Box::pin(self.reload()).await?;
        Ok(self.check(token))
    }

    /// The same with the keys that are known, without a statement.
    pub fn check(&self, token: &str) -> Result<Claims, InvalidToken> {
        let now = self.0.databases.seams().now();
        let keys = self.held();
        let key = keys
            .accepted(kid_of(token)?, now)
            .ok_or(InvalidToken::UnknownKey)?;
        let decoded = jsonwebtoken::decode::<Claims>(token, &key.verifier, &self.0.checks);
        let claims = decoded.map_err(|_| InvalidToken::Refused)?.claims;
        let now = seconds(now);
        let for_its_plane = claims.aud == self.audience_of(claims.tid.is_some());
        let in_time = claims.iat <= now + SKEW_SECONDS && now < claims.exp;
        if for_its_plane && in_time {
            Ok(claims)
        } else {
            Err(InvalidToken::Refused)
        }
    }

    /// What whoever checks tokens fetches.
    pub fn key_set(&self) -> JwkSet {
        self.held().published(self.0.databases.seams().now())
    }

    /// Who issues the tokens.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    fn audience_of(&self, of_tenant: bool) -> &str {
        &self.0.audience[usize::from(!of_tenant)]
    }

    fn held(&self) -> Arc<KeySet> {
        Arc::clone(&self.0.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn may_look_again(&self) -> bool {
        let now = self.0.databases.seams().now();
        let mut looked = self.0.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let may = looked.is_none_or(|last| last.plus(LOOK_AGAIN_AFTER) <= now);
        if may {
            *looked = Some(now);
        }
        may
    }
}

/// Everything that is pinned. Times are compared with our own clock instead.
fn checks(issuer: &str, audience: &[String]) -> Validation {
    let mut checks = Validation::new(Algorithm::EdDSA);
    checks.set_issuer(&[issuer]);
    checks.set_audience(audience);
    checks.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    checks.validate_exp = false;
    checks
}

/// The key that a token of the right form names.
fn kid_of(token: &str) -> Result<SigningKeyId, InvalidToken> {
    let header = jsonwebtoken::decode_header(token).map_err(|_| InvalidToken::Refused)?;
    let right =
        header.alg == Algorithm::EdDSA && header.typ.as_deref() == Some(TYPE) && header.crit.is_none();
    header
        .kid
        .filter(|_| right)
        .and_then(|kid| kid.parse().ok())
        .ok_or(InvalidToken::Refused)
}

fn seconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}
