//! bcrypt, off the asynchronous threads.

use std::sync::Arc;

use kernel::{Seams, Secret};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::{LONGEST_BYTES, Password};

const COST: u32 = 12;
/// Waiting for each one that runs; at a quarter of a second each, nobody waits for more than some seconds.
const WAITING_EACH: usize = 16;

/// What is stored of a password. It can only be made by a [`Hasher`], or read back from where it was stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct PasswordHash(String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[password hash]")
    }
}

/// Too many passwords wait to be hashed already.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("too many passwords are being checked right now")]
pub struct Busy;

/// Hashes and checks passwords, so many at a time. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hasher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    seams: Seams,
    cost: u32,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Hasher {
    /// A hasher that keeps so many processors busy at most.
    pub fn new(seams: Seams, at_once: usize) -> Self {
        Self::with_cost(seams, at_once, COST)
    }

    fn with_cost(seams: Seams, at_once: usize, cost: u32) -> Self {
        let at_once = at_once.max(1);
        Self(Arc::new(Inner {
            seams,
            cost,
            running: Arc::new(Semaphore::new(at_once)),
            admitted: Arc::new(Semaphore::new(at_once * (1 + WAITING_EACH))),
        }))
    }

    /// What to store of the password.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, Busy> {
        let (salt, cost) = (self.0.seams.random::<16>(), self.0.cost);
        self.run(move || {
            let hash = bcrypt::hash_with_salt(password.0.expose(), cost, salt);
            PasswordHash(hash.expect("the cost is within bcrypt's bounds").to_string())
        })
        .await
    }

    /// Whether this is the password. It costs the same whether or not.
    pub async fn verify(&self, presented: Secret<String>, stored: PasswordHash) -> Result<bool, Busy> {
        self.run(move || {
            let fits = presented.expose().len() <= LONGEST_BYTES;
            bcrypt::verify(presented.expose(), &stored.0).unwrap_or(false) && fits
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let admitted = Arc::clone(&self.0.admitted)
            .try_acquire_owned()
            .map_err(|_| Busy)?;
        let running = Arc::clone(&self.0.running)
            .acquire_owned()
            .await
            .map_err(|_| Busy)?;
        let done = spawn_blocking(move || {
            let result = work();
            // Held until the processor is free again, also when nobody waits for the result any more.
            drop((running, admitted));
            result
        });
        Ok(done.await.expect("hashing does not panic"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(Secret::new(text.to_owned())).expect("a good password")
    }

    #[tokio::test]
    async fn only_the_same_password_passes() {
        let hasher = Hasher::with_cost(Seams::real(), 1, 4);
        let stored = hasher
            .hash(password("correct horse battery"))
            .await
            .expect("idle");
        let again = hasher
            .hash(password("correct horse battery"))
            .await
            .expect("idle");
        assert_ne!(stored, again, "every hash has a salt of its own");
        for (text, passes) in [
            ("correct horse battery", true),
            ("correct horse battery ", false),
            ("", false),
        ] {
            let presented = Secret::new(text.to_owned());
            assert_eq!(
                hasher.verify(presented, stored.clone()).await,
                Ok(passes),
                "{text}"
            );
        }
        assert!(!format!("{stored:?}").contains("$2"));
    }

    #[tokio::test]
    async fn nothing_is_cut_off() {
        let hasher = Hasher::with_cost(Seams::real(), 1, 4);
        let longest = "ab1".repeat(24);
        let stored = hasher.hash(password(&longest)).await.expect("idle");
        let longer = Secret::new(format!("{longest}x"));
        assert_eq!(
            hasher.verify(Secret::new(longest), stored.clone()).await,
            Ok(true)
        );
        assert_eq!(hasher.verify(longer, stored).await, Ok(false));
    }

    #[tokio::test]
    async fn the_cost_is_what_is_promised() {
        let hasher = Hasher::new(Seams::real(), 1);
        let stored = hasher
            .hash(password("correct horse battery"))
            .await
            .expect("idle");
        assert!(stored.0.starts_with("$2b$12$"));
    }

    #[tokio::test]
    async fn who_comes_when_all_places_are_taken_is_sent_away() {
        let hasher = Hasher::with_cost(Seams::real(), 1, 4);
        let all = Arc::clone(&hasher.0.admitted).acquire_many_owned(17).await;
        assert_eq!(hasher.hash(password("correct horse battery")).await, Err(Busy));
        drop(all);
        assert!(hasher.hash(password("correct horse battery")).await.is_ok());
    }
}
