//! The cells of any number of keys, in memory that does not grow.

use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

use super::rate::{Passage, Rate};

/// Places in a row. A row is short enough to be looked through at every decision.
const PLACES: usize = 8;

/// 64 bits of a key's hash (0: free) and when its bucket would be full again.
type Place = (u64, u64);

/// Rows of eight keys, like a processor's cache. A new key takes a free place of its row, or that of a key whose bucket is
/// full again, which is the same as not knowing it; only when all eight are in use the one nearest to full is forgotten,
/// which costs a caller nothing and gives him a little. The hash is keyed afresh in every process, so nobody can choose
/// addresses that share a row.
pub struct Table {
    rows: Box<[Mutex<[Place; PLACES]>]>,
    hasher: RandomState,
}

impl Table {
    /// Room for about so many keys, at 16 bytes each.
    pub fn new(keys: usize) -> Self {
        let rows = keys.div_ceil(PLACES).max(1).next_power_of_two();
        Self {
            rows: (0..rows).map(|_| Mutex::new([(0, 0); PLACES])).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Whether one more of this key passes at this nanosecond.
    pub fn pass<K: Hash>(&self, key: &K, rate: Rate, now: u64) -> Passage {
        let hash = self.hasher.hash_one(key).max(1);
        let index = usize::try_from(hash >> 32).unwrap_or(0) & (self.rows.len() - 1);
        let mut row = self.rows[index].lock().unwrap_or_else(PoisonError::into_inner);
        let at = place(&row, hash);
        let full_at = if row[at].0 == hash { row[at].1 } else { 0 };
        let (next, passage) = rate.decide(full_at, now);
        row[at] = (hash, next);
        passage
    }
}

/// The key's own place, or the one that is nearest to full.
fn place(row: &[Place; PLACES], hash: u64) -> usize {
    let known = row.iter().position(|(known, _)| *known == hash);
    let nearest = || (0..PLACES).min_by_key(|&at| row[at].1).unwrap_or(0);
    known.unwrap_or_else(nearest)
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("keys", &(self.rows.len() * PLACES))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    #[test]
    fn keys_are_told_apart_and_memory_is_fixed() {
        let table = Table::new(1000);
        let (rate, now) = (Rate::new(1, 2), 5_000_000_000);
        let one: IpAddr = "192.0.2.1".parse().expect("an address");
        let other: IpAddr = "192.0.2.2".parse().expect("an address");
        assert!(table.pass(&one, rate, now).allowed && table.pass(&one, rate, now).allowed);
        assert!(!table.pass(&one, rate, now).allowed);
        assert!(table.pass(&other, rate, now).allowed);
        assert!(table.pass(&one, rate, now + 1_000_000_000).allowed);
        // A flood of keys finds room, and those in a hurry are remembered before those at rest.
        for key in 0..100_000_u32 {
            assert!(table.pass(&key, rate, now).allowed);
        }
        assert_eq!(table.rows.len() * PLACES, 1024);
    }

    #[test]
    fn of_those_who_race_for_the_last_place_exactly_one_passes() {
        let table = Table::new(100_000);
        let passed: Vec<u32> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let passes = |key: &u32| table.pass(key, Rate::new(1, 1), 1).allowed;
                        u32::try_from((0..10_000_u32).filter(passes).count()).expect("few")
                    })
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| racer.join().expect("no panic"))
                .collect()
        });
        assert_eq!(passed.iter().sum::<u32>(), 10_000);
    }
}
