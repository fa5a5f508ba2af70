//! A use and its period in one atomic word, so that a decision cannot straddle two periods.

use std::sync::atomic::{
    AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

const BITS: u32 = 56;
const MOST: u64 = (1 << BITS) - 1;

/// The number of a period, of which 256 are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u64);

/// Which of 256 periods, in the upper 8 bits, and how much was used in it, saturating at 2^56 - 1.
#[derive(Debug, Default)]
pub(super) struct Word(AtomicU64);

const fn split(word: u64) -> (Epoch, u64) {
    (Epoch(word >> BITS), word & MOST)
}

const fn join(epoch: Epoch, used: u64) -> u64 {
    let used = if used > MOST { MOST } else { used };
    (epoch.0 << BITS) | used
}

impl Word {
    pub(super) fn new(used: u64) -> Self {
        Self(AtomicU64::new(join(Epoch(0), used)))
    }

    pub(super) fn used(&self) -> u64 {
        split(self.0.load(Acquire)).1
    }

    /// Adds so much unless that would be more than `most`. Answers the use afterwards, or as it is.
    pub(super) fn take(&self, amount: u64, most: u64) -> Result<(Epoch, u64), u64> {
        let mut seen = self.0.load(Relaxed);
        loop {
            let (epoch, used) = split(seen);
            let wanted = used.saturating_add(amount);
            if wanted > most {
                return Err(used);
            }
            match self
                .0
                .compare_exchange_weak(seen, join(epoch, wanted), AcqRel, Relaxed)
            {
                Ok(_) => return Ok((epoch, wanted)),
                Err(now) => seen = now,
            }
        }
    }

    /// Takes so much away, unless a later period has begun since.
    pub(super) fn give_back(&self, amount: u64, epoch: Epoch) {
        let update = |word| {
            let (now, used) = split(word);
            (now == epoch).then(|| join(now, used.saturating_sub(amount)))
        };
        let _ = self.0.fetch_update(AcqRel, Relaxed, update);
    }

    /// Changes the use in whatever period it is.
    pub(super) fn update(&self, change: impl Fn(u64) -> u64) {
        let update = |word| {
            let (epoch, used) = split(word);
            Some(join(epoch, change(used)))
        };
        let _ = self.0.fetch_update(AcqRel, Relaxed, update);
    }

    /// Begins the next period with nothing used.
    pub(super) fn roll(&self) {
        let (epoch, _) = split(self.0.load(Acquire));
        self.0.store(join(Epoch((epoch.0 + 1) & 0xff), 0), Release);
    }
}
