//! The seams to what is not deterministic: time and randomness, plus the faults that tests plant.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rand::RngCore;

use crate::fault::Faults;
use crate::id::{Entity, Id};
use crate::time::Timestamp;

/// Where the present comes from.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// Where unpredictable bytes come from.
pub trait Rng: Send + Sync + 'static {
    /// Fills the whole buffer with bytes nobody can guess.
    fn fill(&self, buffer: &mut [u8]);
}

/// The machine's clock plus an offset that only a test or a development server may move, and never back.
#[derive(Debug, Default)]
pub struct SystemClock {
    offset_micros: AtomicI64,
}

impl SystemClock {
    /// Moves the clock forward by so many microseconds.
    pub fn advance_micros(&self, micros: u32) {
        self.offset_micros.fetch_add(i64::from(micros), Ordering::Relaxed);
    }

    /// Moves the clock forward by so many seconds.
    pub fn advance_seconds(&self, seconds: u32) {
        self.offset_micros
            .fetch_add(i64::from(seconds) * 1_000_000, Ordering::Relaxed);
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the seam that everything else goes through"
        )]
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(micros.saturating_add(self.offset_micros.load(Ordering::Relaxed)))
    }
}

/// A cryptographic generator of the thread, seeded by the operating system: identifiers are made with every request.
#[derive(Debug)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, buffer: &mut [u8]) {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the seam that everything else goes through"
        )]
        let mut rng = rand::rng();
        rng.fill_bytes(buffer);
    }
}

/// Everything ambient that an operation may use; handed down in its context.
#[derive(Clone)]
pub struct Seams {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Planted faults; none outside tests.
    pub faults: Faults,
}

impl Seams {
    /// The real clock, the real generator, no faults.
    pub fn real() -> Self {
        Self {
            clock: Arc::new(SystemClock::default()),
            rng: Arc::new(SystemRng),
            faults: Faults::none(),
        }
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A fresh identifier.
    pub fn new_id<T: Entity>(&self) -> Id<T> {
        Id::from_parts(self.now(), self.random())
    }

    /// So many unpredictable bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Seams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seams")
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}
