//! Who was there lately: so that a person who comes a thousand times in an hour is written down once.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use kernel::Timestamp;
use uuid::Uuid;

/// People of one tenant that are recognised at a time.
const PLACES: usize = 32;
const HOUR: i64 = 3_600_000_000;

/// A small memory of those who were there in the present hour. It may forget somebody, who is then written down again,
/// to no effect; it never takes a newcomer for somebody known.
#[derive(Debug)]
pub(super) struct Visitors {
    lately: [AtomicU64; PLACES],
    newcomers: Mutex<Vec<(Timestamp, Uuid)>>,
}

impl Visitors {
    pub(super) fn new() -> Self {
        Self {
            lately: [const { AtomicU64::new(0) }; PLACES],
            newcomers: Mutex::new(Vec::new()),
        }
    }

    /// Somebody was there.
    pub(super) fn saw(&self, person: Uuid, at: Timestamp) {
        let hour = u64::try_from(at.as_micros() / HOUR).unwrap_or(0);
        // The last 62 bits of an identifier are random; the hour's own bits are spread by an odd factor.
        let (_, low) = person.as_u64_pair();
        let place = usize::try_from(low % PLACES as u64).unwrap_or(0);
        let mark = low ^ hour.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if self.lately[place].load(Relaxed) != mark {
            self.lately[place].store(mark, Relaxed);
            let mut newcomers = self.newcomers.lock().unwrap_or_else(PoisonError::into_inner);
            newcomers.push((at, person));
        }
    }

    /// Those to be written down.
    pub(super) fn drain(&self) -> Vec<(Timestamp, Uuid)> {
        std::mem::take(&mut *self.newcomers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
