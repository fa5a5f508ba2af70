//! A bounded cache that is fresh or silent: what it answers was loaded after the last news about it.
//!
//! It holds no thread and reads no news itself; its owner follows a [`Subscription`](super::Subscription) and calls
//! [`forget`](FreshCache::forget), [`forget_everything`](FreshCache::forget_everything) and
//! [`distrust`](FreshCache::distrust).
//!
//! Whoever loads what is not known boxes that (`Box::pin(self.load(..))`): a future with a transaction in it is some
//! kilobytes, and inside of others it would be allocated and moved for every request that loads nothing.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, UnitWeighter};

/// Nothing is kept longer, whatever the news say: the last line against a piece of news that was lost.
const LONGEST: Duration = Duration::from_mins(10);

/// So many are made room for at once; the rest as they come.
const FEW: usize = 1000;

/// What is kept of one thing.
#[derive(Debug, Clone)]
struct Entry<V> {
    /// What news it was loaded after.
    epoch: u64,
    at: Instant,
    value: V,
}

/// A bounded cache kept fresh by the news. Until the first [`FreshCache::forget_everything`] it keeps nothing.
pub struct FreshCache<K, V> {
    entries: Cache<K, Entry<V>>,
    /// Moved by every piece of news.
    epoch: AtomicU64,
    /// The epoch from which on entries count; 0 while none may be trusted.
    trusted_since: AtomicU64,
}

/// Taken before loading; says what news the loaded value may have missed.
#[derive(Debug, Clone, Copy)]
pub struct Ticket(u64);

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> FreshCache<K, V> {
    /// An empty cache of so many entries at most, not trusted yet.
    pub fn new(capacity: u64) -> Self {
        let mut options = OptionsBuilder::new();
        options.weight_capacity(capacity);
        options.estimated_items_capacity(usize::try_from(capacity).map_or(FEW, |capacity| capacity.min(FEW)));
        let options = options.build().expect("both capacities are given");
        let hash = DefaultHashBuilder::default();
        Self {
            entries: Cache::with_options(options, UnitWeighter, hash, DefaultLifecycle::default()),
            epoch: AtomicU64::new(0),
            trusted_since: AtomicU64::new(0),
        }
    }

    /// What is known for certain.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let since = self.trusted_since.load(SeqCst);
        if since == 0 {
            return None;
        }
        let Entry { epoch, at, value } = self.entries.get(key)?;
        (epoch >= since && at.elapsed() < LONGEST).then_some(value)
    }

    /// Whether the news flow, so that it answers and keeps.
    pub fn is_trusted(&self) -> bool {
        self.trusted_since.load(SeqCst) != 0
    }

    /// To be taken before the query whose answer is [`put`](FreshCache::put).
    pub fn ticket(&self) -> Ticket {
        Ticket(self.epoch.load(SeqCst))
    }

    /// Keeps the value, unless news came since the ticket was taken.
    pub fn put(&self, ticket: Ticket, key: &K, value: V)
    where
        K: Clone,
    {
        if !self.is_trusted() || self.epoch.load(SeqCst) != ticket.0 {
            return;
        }
        let entry = Entry {
            epoch: ticket.0,
            at: Instant::now(),
            value,
        };
        self.entries.insert(key.clone(), entry);
        // News move the epoch first and remove second, so whichever of us is later removes.
        if self.epoch.load(SeqCst) != ticket.0 {
            self.entries.remove(key);
        }
    }

    /// This one changed.
    pub fn forget<Q: Hash + Eq + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.epoch.fetch_add(1, SeqCst);
        self.entries.remove(key);
    }

    /// Those of which this holds changed.
    pub fn forget_where(&self, changed: impl Fn(&V) -> bool) {
        self.epoch.fetch_add(1, SeqCst);
        self.entries.retain(|_, entry| !changed(&entry.value));
    }

    /// Anything may have changed; from here on the news are complete.
    pub fn forget_everything(&self) {
        let epoch = self.epoch.fetch_add(1, SeqCst) + 1;
        self.trusted_since.store(epoch, SeqCst);
    }

    /// The news are interrupted: nothing is answered and nothing kept until they are back.
    pub fn distrust(&self) {
        self.trusted_since.store(0, SeqCst);
        self.epoch.fetch_add(1, SeqCst);
    }
}

impl<K, V> fmt::Debug for FreshCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreshCache")
            .field("trusted_since", &self.trusted_since)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(cache: &FreshCache<String, u8>, key: &str, value: u8) {
        cache.put(cache.ticket(), &key.to_owned(), value);
    }

    #[test]
    fn answers_only_while_the_news_flow() {
        let cache = FreshCache::new(10);
        load(&cache, "a", 1);
        assert_eq!(cache.get("a"), None);
        cache.forget_everything();
        load(&cache, "a", 1);
        load(&cache, "b", 2);
        cache.forget("a");
        assert_eq!((cache.get("a"), cache.get("b")), (None, Some(2)));
        cache.distrust();
        assert_eq!(cache.get("b"), None);
        cache.forget_everything();
        assert_eq!(cache.get("b"), None);
    }

    #[test]
    fn forgets_by_value() {
        let cache = FreshCache::new(10);
        cache.forget_everything();
        load(&cache, "a", 1);
        load(&cache, "b", 2);
        let before = cache.ticket();
        cache.forget_where(|value| *value == 1);
        cache.put(before, &"c".to_owned(), 1);
        assert_eq!(
            (cache.get("a"), cache.get("b"), cache.get("c")),
            (None, Some(2), None)
        );
        load(&cache, "a", 1);
        assert_eq!(cache.get("a"), Some(1));
    }

    #[test]
    fn keeps_no_more_than_it_may() {
        let cache = FreshCache::new(100);
        cache.forget_everything();
        let keys: Vec<String> = (0..1000).map(|key| key.to_string()).collect();
        for key in &keys {
            load(&cache, key, 1);
        }
        let kept = keys.iter().filter(|key| cache.get(key.as_str()).is_some());
        assert!((50..=100).contains(&kept.count()));
    }

    #[test]
    fn what_was_loaded_before_the_news_is_not_kept() {
        let cache = FreshCache::new(10);
        let before_all = cache.ticket();
        cache.forget_everything();
        cache.put(before_all, &"a".to_owned(), 1);
        let before_one = cache.ticket();
        cache.forget("a");
        cache.put(before_one, &"a".to_owned(), 1);
        assert_eq!(cache.get("a"), None);
        load(&cache, "a", 2);
        assert_eq!(cache.get("a"), Some(2));
    }
}
