//! Hashing and checking, so many at a time.

use std::sync::Arc;

use kernel::{Seams, Secret};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::Password;
use super::scheme::{self, Algorithm, Scheme};
use super::threads::Threads;

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
    scheme: Scheme,
    threads: Threads,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

/// The right to keep one processor busy. What belongs to one login is done within one turn, so that those who wait for
/// theirs hold nothing else, no connection to the database above all.
#[derive(Debug)]
pub struct Turn {
    hasher: Hasher,
    held: Arc<[OwnedSemaphorePermit; 2]>,
}

impl Hasher {
    /// A hasher that makes hashes by bcrypt and keeps so many processors busy at most.
    pub fn new(seams: Seams, at_once: usize) -> Self {
        Self::with_algorithm(seams, Algorithm::default(), at_once)
    }

    /// A hasher that makes hashes by this algorithm.
    pub fn with_algorithm(seams: Seams, algorithm: Algorithm, at_once: usize) -> Self {
        Self::with_scheme(seams, algorithm.into(), at_once)
    }

    fn with_scheme(seams: Seams, scheme: Scheme, at_once: usize) -> Self {
        let at_once = at_once.max(1);
        Self(Arc::new(Inner {
            seams,
            scheme,
            threads: Threads::start(at_once),
            running: Arc::new(Semaphore::new(at_once)),
            admitted: Arc::new(Semaphore::new(at_once * (1 + WAITING_EACH))),
        }))
    }

    /// Waits for a turn: in order, behind a bounded number of others.
    pub async fn turn(&self) -> Result<Turn, Busy> {
        let admitted = Arc::clone(&self.0.admitted)
            .try_acquire_owned()
            .map_err(|_| Busy)?;
        let running = Arc::clone(&self.0.running)
            .acquire_owned()
            .await
            .map_err(|_| Busy)?;
        Ok(Turn {
            hasher: self.clone(),
            held: Arc::new([admitted, running]),
        })
    }

    /// What to store of the password.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, Busy> {
        Ok(self.turn().await?.hash(password).await)
    }

    /// Whether the hash should be made anew when its password is known again: it is of another algorithm or cost.
    pub fn is_outdated(&self, stored: &PasswordHash) -> bool {
        !self.0.scheme.made(&stored.0)
    }
}

impl Turn {
    /// What to store of the password.
    pub async fn hash(&self, password: Password) -> PasswordHash {
        self.renew(password.0).await
    }

    /// What to store of a password that was set already, whatever would be asked of a new one today.
    pub async fn renew(&self, password: Secret<String>) -> PasswordHash {
        let (salt, scheme) = (self.hasher.0.seams.random::<16>(), self.hasher.0.scheme);
        self.run(move || PasswordHash(scheme.hash(password.expose(), salt)))
            .await
    }

    /// Whether this is the password. It costs the same if it is not, and if there is none.
    pub async fn verify(&self, presented: Secret<String>, stored: Option<PasswordHash>) -> bool {
        let scheme = self.hasher.0.scheme;
        self.run(move || {
            let has_one = stored.is_some();
            let against = stored.map_or_else(|| scheme.decoy(), |stored| stored.0);
            scheme::verify(presented.expose(), &against) && has_one
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        // Held until the processor is free again, also when nobody waits for the result any more.
        let held = Arc::clone(&self.held);
        let (sender, receiver) = oneshot::channel();
        self.hasher.0.threads.run(move || {
            if !sender.is_closed() {
                let _ = sender.send(work());
            }
            drop(held);
        });
        receiver.await.expect("hashing does not panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> Hasher {
        Hasher::with_scheme(Seams::real(), Scheme::Bcrypt { cost: 4 }, 1)
    }

    fn password() -> Password {
        Password::new(Secret::new("correct horse battery".to_owned())).expect("a good password")
    }

    async fn passes(hasher: &Hasher, text: &str, stored: Option<&PasswordHash>) -> bool {
        let turn = hasher.turn().await.expect("idle");
        turn.verify(Secret::new(text.to_owned()), stored.cloned()).await
    }

    #[tokio::test]
    async fn only_the_same_password_passes_and_nothing_where_there_is_none() {
        let hasher = cheap();
        let stored = hasher.hash(password()).await.expect("idle");
        let again = hasher.hash(password()).await.expect("idle");
        assert_ne!(stored, again, "every hash has a salt of its own");
        assert!(passes(&hasher, "correct horse battery", Some(&stored)).await);
        for wrong in ["correct horse battery ", ""] {
            assert!(!passes(&hasher, wrong, Some(&stored)).await, "{wrong}");
            assert!(!passes(&hasher, wrong, None).await, "{wrong}");
        }
        assert!(!format!("{stored:?}").contains("$2"));
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_or_algorithm_is_outdated() {
        let (old, bcrypt, argon2id) = (
            cheap(),
            Hasher::with_algorithm(Seams::real(), Algorithm::Bcrypt, 1),
            Hasher::with_algorithm(Seams::real(), Algorithm::Argon2id, 1),
        );
        let stored = old.hash(password()).await.expect("idle");
        assert!(bcrypt.is_outdated(&stored) && argon2id.is_outdated(&stored));
        let turn = argon2id.turn().await.expect("idle");
        let renewed = turn.renew(Secret::new("correct horse battery".to_owned())).await;
        drop(turn);
        assert!(!argon2id.is_outdated(&renewed) && bcrypt.is_outdated(&renewed));
        assert!(passes(&bcrypt, "correct horse battery", Some(&renewed)).await);
    }

    #[tokio::test]
    async fn one_after_the_other_and_who_comes_when_all_places_are_taken_is_sent_away() {
        let hasher = cheap();
        let first = hasher.turn().await.expect("idle");
        let waiting: Vec<_> = (0..WAITING_EACH)
            .map(|_| {
                tokio::spawn({
                    let hasher = hasher.clone();
                    async move { hasher.hash(password()).await }
                })
            })
            .collect();
        while hasher.0.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(hasher.hash(password()).await, Err(Busy));
        assert!(waiting.iter().all(|one| !one.is_finished()));
        drop(first);
        for one in waiting {
            assert!(one.await.expect("no panic").is_ok());
        }
        assert!(hasher.hash(password()).await.is_ok());
    }

    #[tokio::test]
    async fn a_processor_stays_taken_until_it_is_free_even_if_nobody_waits() {
        let hasher = cheap();
        let turn = hasher.turn().await.expect("idle");
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let begun = tokio::time::timeout(
            std::time::Duration::from_millis(1),
            turn.run(move || {
                let _ = gate.recv();
            }),
        );
        assert!(begun.await.is_err(), "it is not done yet");
        drop(turn);
        assert_eq!(hasher.0.running.available_permits(), 0);
        drop(release);
        hasher.turn().await.expect("free again");
    }
}
