//! One copy of what many tenants have alike: the quotas of a plan, the calendar of UTC, the thresholds that nobody set.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::alerts::Thresholds;
use crate::periods::Calendar;
use crate::quotas::Limited;

/// What the terms of many tenants have alike.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) limited: Alike<Limited>,
    pub(super) calendars: Alike<Calendar>,
    pub(super) thresholds: Alike<Thresholds>,
}

impl Shared {
    /// Forgets what nobody has any more.
    pub(super) fn tidy(&self) {
        self.limited.tidy();
        self.calendars.tidy();
        self.thresholds.tidy();
    }
}

/// Copies that are in use somewhere, one of each.
#[derive(Debug)]
pub(super) struct Alike<T>(Mutex<HashSet<Arc<T>>>);

impl<T: Eq + Hash> Alike<T> {
    /// The copy that there is, or this one.
    pub(super) fn share(&self, one: T) -> Arc<T> {
        let mut copies = self.lock();
        if let Some(same) = copies.get(&one) {
            return Arc::clone(same);
        }
        let one = Arc::new(one);
        copies.insert(Arc::clone(&one));
        one
    }

    fn tidy(&self) {
        self.lock().retain(|one| Arc::strong_count(one) > 1);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Arc<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Alike<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_there_once_and_as_long_as_somebody_has_it() {
        let alike = Alike::default();
        let one = alike.share("a".to_owned());
        assert!(Arc::ptr_eq(&one, &alike.share("a".to_owned())));
        assert!(!Arc::ptr_eq(&one, &alike.share("b".to_owned())));
        alike.tidy();
        assert_eq!(alike.lock().len(), 1);
        drop(one);
        alike.tidy();
        assert_eq!(alike.lock().len(), 0);
    }
}
