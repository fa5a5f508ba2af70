//! One caller's state.

use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Relaxed};

use super::rate::{Passage, Rate};

/// When the bucket would be full again. Of any number of callers racing for the last place exactly one passes.
#[derive(Debug, Default)]
pub struct Cell(AtomicU64);

impl Cell {
    /// Whether one more passes at this nanosecond.
    pub fn pass(&self, rate: Rate, now: u64) -> Passage {
        let mut seen = self.0.load(Relaxed);
        loop {
            let (next, passage) = rate.decide(seen, now);
            if !passage.allowed {
                return passage;
            }
            match self.0.compare_exchange_weak(seen, next, AcqRel, Relaxed) {
                Ok(_) => return passage,
                Err(changed) => seen = changed,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn of_those_who_race_for_the_last_place_exactly_one_passes() {
        const ROUNDS: usize = 10_000;
        let cells: Vec<Cell> = (0..ROUNDS).map(|_| Cell::default()).collect();
        let passed: Vec<AtomicU32> = (0..ROUNDS).map(|_| AtomicU32::new(0)).collect();
        let barrier = Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for (cell, passed) in cells.iter().zip(&passed) {
                        barrier.wait();
                        let passage = cell.pass(Rate::new(1, 1), 1_000_000_000);
                        passed.fetch_add(u32::from(passage.allowed), Relaxed);
                    }
                });
            }
        });
        assert!(passed.iter().all(|passed| passed.load(Relaxed) == 1));
    }
}
