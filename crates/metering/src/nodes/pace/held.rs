//! The places that this node took in advance.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Answer, CellId, most_at_once};
use crate::rate_limits::{Passage, Rate};

const SHARDS: usize = 64;
/// How long places are held.
const HOLD: Duration = Duration::from_secs(1);
/// How long a refusal is repeated without asking, at most: others may give back.
const REPEAT: Duration = Duration::from_millis(50);

/// What this node holds of each cell. It remembers a cell for a second or two, so it is as large as the callers of that
/// time are many.
#[derive(Debug)]
pub(super) struct Held {
    shards: Box<[Mutex<HashMap<CellId, Lease>>]>,
    hasher: RandomState,
}

/// What this node holds of one cell.
#[derive(Debug, Clone, Copy)]
struct Lease {
    rate: Rate,
    left: u32,
    /// What is more than a node may hold, and only goes back.
    surplus: u32,
    /// How many were taken together lately.
    taken: u32,
    /// Who is asking for more than one, and until when he is believed to.
    asking: Option<(Asker, Duration)>,
    /// Until when what was taken is to last.
    until: Duration,
    /// Until then nothing is to be had.
    refused_until: Duration,
    /// What was left in Redis when it was last asked, when the bucket would be full then, and when that was.
    elsewhere: u32,
    reset: Duration,
    asked_at: Duration,
}

/// One of those who ask.
pub(super) type Asker = u64;

/// What is known without asking.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    Passes(Passage),
    Refuses(Passage),
    /// So many are to be taken.
    Ask(u32),
}

impl Lease {
    fn new(rate: Rate, now: Duration) -> Self {
        Self {
            rate,
            left: 0,
            surplus: 0,
            taken: 0,
            asking: None,
            until: now + HOLD,
            refused_until: Duration::ZERO,
            elsewhere: 0,
            reset: Duration::ZERO,
            asked_at: now,
        }
    }

    fn passage(&self, allowed: bool, now: Duration) -> Passage {
        const LEAST: Duration = Duration::from_millis(1);
        let passed = now.saturating_sub(self.asked_at);
        let retry_after = if allowed {
            Duration::ZERO
        } else {
            self.retry_at().saturating_sub(now).max(LEAST)
        };
        Passage {
            allowed,
            limit: self.rate.burst,
            remaining: self.elsewhere.saturating_add(self.left).min(self.rate.burst),
            reset: self.reset.saturating_sub(passed),
            retry_after,
        }
    }

    /// When one place will have come back.
    fn retry_at(&self) -> Duration {
        let interval = Duration::from_secs(1) / self.rate.per_second.max(1);
        let full = interval * self.rate.burst.max(1);
        self.asked_at + (self.reset + interval).saturating_sub(full)
    }

    /// How many to ask for: twice as many as did not last, and one for whoever is not in a hurry or not the first.
    fn ask(&mut self, asker: Asker, now: Duration) -> u32 {
        if self.asking.is_some_and(|(_, until)| now < until) {
            return 1;
        }
        self.asking = Some((asker, now + HOLD));
        if now >= self.until {
            self.taken = 0;
        }
        self.taken.saturating_mul(2).clamp(1, most_at_once(self.rate))
    }

    fn answered(&mut self, asker: Asker) {
        if self.asking.is_some_and(|(first, _)| first == asker) {
            self.asking = None;
        }
    }

    /// Holds so many more, as far as a node may.
    fn hold(&mut self, count: u32) {
        let room = most_at_once(self.rate).saturating_sub(self.left);
        self.left += count.min(room);
        self.surplus += count.saturating_sub(room);
    }
}

impl Default for Held {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Held {
    fn shard(&self, cell: CellId) -> MutexGuard<'_, HashMap<CellId, Lease>> {
        let hash = self.hasher.hash_one(cell);
        let shard = &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or(0)];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one place that is held already, if there is one.
    pub(super) fn look(&self, cell: CellId, rate: Rate, asker: Asker, now: Duration) -> Look {
        let mut shard = self.shard(cell);
        let lease = shard.entry(cell).or_insert_with(|| Lease::new(rate, now));
        lease.rate = rate;
        if lease.left > 0 {
            lease.left -= 1;
            return Look::Passes(lease.passage(true, now));
        }
        if now < lease.refused_until {
            return Look::Refuses(lease.passage(false, now));
        }
        Look::Ask(lease.ask(asker, now))
    }

    /// What Redis answered: one is for the asker, the others are held.
    pub(super) fn put(
        &self,
        cell: CellId,
        rate: Rate,
        asker: Asker,
        answer: Answer,
        now: Duration,
    ) -> Passage {
        let (taken, left, reset) = answer;
        let mut shard = self.shard(cell);
        let lease = shard.entry(cell).or_insert_with(|| Lease::new(rate, now));
        lease.answered(asker);
        lease.elsewhere = u32::try_from(left).unwrap_or(0);
        lease.reset = Duration::from_micros(reset);
        lease.asked_at = now;
        let taken = u32::try_from(taken).unwrap_or(0);
        if taken == 0 {
            lease.refused_until = lease.retry_at().min(now + REPEAT);
            return lease.passage(false, now);
        }
        if taken >= lease.taken {
            lease.taken = taken;
            lease.until = now + HOLD;
        }
        lease.hold(taken - 1);
        lease.refused_until = Duration::ZERO;
        lease.passage(true, now)
    }

    /// Nobody will be told what Redis answered about this cell.
    pub(super) fn unask(&self, cell: CellId, asker: Asker) {
        if let Some(lease) = self.shard(cell).get_mut(&cell) {
            lease.answered(asker);
        }
    }

    /// One place was not needed.
    pub(super) fn untake(&self, cell: CellId) {
        if let Some(lease) = self.shard(cell).get_mut(&cell) {
            lease.hold(1);
        }
    }

    /// Forgets cells that nobody came to lately; answers what is to go back.
    pub(super) fn tidy(&self, now: Duration) -> Vec<(CellId, Rate, u32)> {
        let mut unused = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|cell, lease| {
                let kept = now < lease.until || now < lease.refused_until;
                let mut back = std::mem::take(&mut lease.surplus);
                if !kept {
                    back += lease.left;
                }
                if back > 0 {
                    unused.push((*cell, lease.rate, back));
                }
                kept
            });
        }
        unused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Seams;

    const NOW: Duration = Duration::from_secs(100);

    fn full(held: &Held, cell: CellId, rate: Rate, wanted: u32, asker: Asker) {
        held.put(cell, rate, asker, (i64::from(wanted), 500, 1000), NOW);
    }

    #[test]
    fn who_is_in_a_hurry_takes_more_at_once_up_to_the_bound() {
        let (held, rate) = (Held::default(), Rate::new(200, 1000));
        let cell = CellId::tenant(Seams::real().new_id());
        let mut trips = Vec::new();
        for asker in 0..200 {
            match held.look(cell, rate, asker, NOW) {
                Look::Ask(wanted) => {
                    assert!(wanted <= most_at_once(rate));
                    trips.push(wanted);
                    full(&held, cell, rate, wanted, asker);
                }
                Look::Passes(_) => {}
                Look::Refuses(passage) => panic!("{passage:?}"),
            }
        }
        assert_eq!(trips[..7], [1, 2, 4, 8, 16, 20, 20]);
        // Whoever comes again later is not in a hurry any more.
        assert_eq!(held.tidy(NOW + HOLD), [(cell, rate, 11)]);
        assert_eq!(held.look(cell, rate, 0, NOW + HOLD), Look::Ask(1));
    }

    #[test]
    fn only_one_asks_for_more_than_his_own() {
        let (held, rate) = (Held::default(), Rate::new(1000, 5000));
        let cell = CellId::key(7);
        assert_eq!(held.look(cell, rate, 1, NOW), Look::Ask(1));
        full(&held, cell, rate, 1, 1);
        assert_eq!(held.look(cell, rate, 2, NOW), Look::Ask(2));
        assert_eq!(held.look(cell, rate, 3, NOW), Look::Ask(1));
        full(&held, cell, rate, 1, 3);
        assert_eq!(
            held.look(cell, rate, 4, NOW),
            Look::Ask(1),
            "the second still asks"
        );
        held.unask(cell, 3);
        assert_eq!(
            held.look(cell, rate, 5, NOW),
            Look::Ask(1),
            "the second still asks"
        );
        held.unask(cell, 2);
        assert_eq!(held.look(cell, rate, 6, NOW), Look::Ask(2));
        assert_eq!(
            held.look(cell, rate, 7, NOW + HOLD),
            Look::Ask(1),
            "he never came back"
        );
    }

    #[test]
    fn no_more_is_held_than_may_be_and_the_rest_goes_back() {
        let (held, rate) = (Held::default(), Rate::new(20, 100));
        let cell = CellId::address(1);
        assert_eq!(held.look(cell, rate, 1, NOW), Look::Ask(1));
        (0..5).for_each(|_| held.untake(cell));
        assert_eq!(held.tidy(NOW), [(cell, rate, 3)]);
        assert!(matches!(held.look(cell, rate, 1, NOW), Look::Passes(_)));
        assert!(matches!(held.look(cell, rate, 1, NOW), Look::Passes(_)));
        assert!(matches!(held.look(cell, rate, 1, NOW), Look::Ask(_)));
    }

    #[test]
    fn a_refusal_is_repeated_for_a_moment() {
        let (held, rate) = (Held::default(), Rate::new(1, 3));
        let cell = CellId::address(1);
        held.look(cell, rate, 1, NOW);
        let refused = held.put(cell, rate, 1, (0, 0, 2_600_000), NOW);
        assert_eq!(
            (refused.allowed, refused.retry_after, refused.reset),
            (false, Duration::from_millis(600), Duration::from_millis(2600))
        );
        let Look::Refuses(again) = held.look(cell, rate, 2, NOW + REPEAT / 2) else {
            panic!("asked again")
        };
        assert_eq!(again.retry_after, Duration::from_millis(575));
        assert_eq!(held.look(cell, rate, 3, NOW + REPEAT), Look::Ask(1));
    }
}
