//! Who was there lately: so that a person who comes a thousand times in an hour is written down once.

use std::sync::{Mutex, PoisonError};

use kernel::Timestamp;
use uuid::Uuid;

/// People of one tenant that are recognised at a time.
const PLACES: usize = 32;
const HOUR: i64 = 3_600_000_000;

/// A small memory of those who were there in the present hour. It may forget somebody, who is then written down again,
/// to no effect; it never takes a newcomer for somebody known.
#[derive(Debug, Default)]
pub(super) struct Visitors(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    /// The hour that they were there in.
    hour: i64,
    /// The last 64 bits of their identifiers, 62 of which are random.
    known: Vec<u64>,
    newcomers: Vec<(Timestamp, Uuid)>,
}

impl Visitors {
    /// Somebody was there.
    pub(super) fn saw(&self, person: Uuid, at: Timestamp) {
        let hour = at.as_micros().div_euclid(HOUR);
        let (_, low) = person.as_u64_pair();
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lately.hour < hour {
            lately.hour = hour;
            lately.known.clear();
        }
        // A caller whose clock is behind by a moment is of an hour that nobody is known of any more.
        if lately.hour == hour {
            if lately.known.contains(&low) {
                return;
            }
            lately.remember(low);
        }
        lately.newcomers.push((at, person));
    }

    /// Those to be written down.
    pub(super) fn drain(&self) -> Vec<(Timestamp, Uuid)> {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut lately.newcomers)
    }
}

impl Lately {
    fn remember(&mut self, low: u64) {
        if self.known.len() < PLACES {
            self.known.push(low);
        } else {
            let place = usize::try_from(low % PLACES as u64).unwrap_or(0);
            self.known[place] = low;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_new_once_an_hour() {
        let visitors = Visitors::default();
        let at = |hour: i64, second: i64| Timestamp::from_micros(hour * HOUR + second * 1_000_000);
        let crowd = u128::try_from(PLACES).unwrap_or(0);
        let everybody = |at: Timestamp| (0..crowd).for_each(|who| visitors.saw(Uuid::from_u128(who), at));
        for second in 0..3 {
            everybody(at(7, second));
        }
        assert_eq!(visitors.drain().len(), PLACES);
        everybody(at(7, 3));
        assert_eq!(visitors.drain(), []);
        // One more than there are places for is new, and so perhaps is whoever he took the place of.
        let last = Uuid::from_u128(crowd);
        visitors.saw(last, at(7, 4));
        visitors.saw(last, at(7, 5));
        assert_eq!(visitors.drain(), [(at(7, 4), last)]);
        everybody(at(8, 0));
        assert_eq!(visitors.drain().len(), PLACES);
        // Behind by a moment: of the hour before, and not known of it.
        visitors.saw(last, at(7, 3599));
        assert_eq!(visitors.drain(), [(at(7, 3599), last)]);
    }
}
