//! The use of one quota in its present period, in memory.

mod leased;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Acquire, Ordering::Release};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use kernel::Timestamp;

use super::model::{Mode, Quota, QuotaCheck};
use super::word::{Epoch, Word};
use crate::amount::Amount;
use crate::metrics::Aggregation;
use crate::periods::{Calendar, Span};
pub(crate) use leased::Claim;
use leased::Leased;

/// What is limited, and how that is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limited {
    /// The quota.
    pub quota: Quota,
    /// How its metric is counted.
    pub aggregation: Aggregation,
}

/// The use of one quota. Every answer is about the period that `now` is in; a caller whose clock is behind another's by
/// a moment counts into the period that the other began.
#[derive(Debug)]
pub struct Gauge {
    /// Most tenants have it of their plan, so that it is there once.
    limited: Arc<Limited>,
    word: Word,
    starts_at: AtomicI64,
    ends_at: AtomicI64,
    /// So much of the word is in the database.
    written: AtomicU64,
    /// What other nodes have of it; there from the moment on that others are.
    leased: OnceLock<Box<Leased>>,
    /// Held while a period begins, and while a level is changed.
    beside: Mutex<Beside>,
}

/// What is known of a use beside its word.
#[derive(Debug, Default)]
struct Beside {
    /// What was charged in parts of a whole and does not make one yet, in billionths.
    rest: u32,
    /// Of a level, what is held for work under way, on top of what there is.
    held: u64,
    /// Of a level, which reading it was set from.
    reading: i64,
}

/// So much was taken, and can be given back. Dropping it leaves it taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    amount: u64,
    epoch: Epoch,
    /// Whether it stays on top when the level is set anew.
    on_top: bool,
}

impl Gauge {
    /// The quota with what was used of it in this span.
    pub fn new(limited: Arc<Limited>, span: Span, used: Amount) -> Self {
        let (whole, rest) = used.max(Amount::ZERO).split();
        let used = u64::try_from(whole).unwrap_or(0);
        Self {
            limited,
            word: Word::new(used),
            starts_at: AtomicI64::new(span.starts_at.as_micros()),
            ends_at: AtomicI64::new(span.ends_at.as_micros()),
            written: AtomicU64::new(used),
            leased: OnceLock::new(),
            beside: Mutex::new(Beside {
                rest,
                ..Beside::default()
            }),
        }
    }

    /// What it is the use of.
    pub fn quota(&self) -> &Quota {
        &self.limited.quota
    }

    /// How its metric is counted.
    pub fn aggregation(&self) -> Aggregation {
        self.limited.aggregation
    }

    /// How much of the limit this node may let be used. The one place where several nodes plug in: what others used, or
    /// hold a lease for, is not this node's to give.
    pub fn share(&self) -> u64 {
        let quota = self.quota();
        let limit = match quota.mode {
            Mode::Hard => quota.limit.at_most(),
            Mode::Soft => None,
        };
        limit.map_or(u64::MAX, |limit| {
            self.leased.get().map_or(limit, |leased| leased.share(limit))
        })
    }

    /// Takes so much if the quota allows it; a soft one always does.
    pub fn take(&self, amount: u64, now: Timestamp, calendar: &Calendar) -> Result<Hold, Box<QuotaCheck>> {
        self.keep_up(now, calendar);
        Ok(Hold {
            amount,
            epoch: self.grab(amount)?,
            on_top: false,
        })
    }

    /// Of what this node may let be used.
    fn grab(&self, amount: u64) -> Result<Epoch, Box<QuotaCheck>> {
        let taken = self.word.take(amount, self.share());
        taken.map(|(epoch, _)| epoch).map_err(|used| {
            let current = used.saturating_add(self.elsewhere());
            Box::new(QuotaCheck {
                allowed: false,
                ..self.quota().check(current, self.span())
            })
        })
    }

    /// The same of a level: until it is committed or released it stays on top of whatever the level is set to.
    pub fn hold(&self, amount: u64, now: Timestamp, calendar: &Calendar) -> Result<Hold, Box<QuotaCheck>> {
        self.keep_up(now, calendar);
        let mut beside = self.beside();
        let epoch = self.grab(amount)?;
        beside.held = beside.held.saturating_add(amount);
        Ok(Hold {
            amount,
            epoch,
            on_top: true,
        })
    }

    fn beside(&self) -> MutexGuard<'_, Beside> {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the hold off the top of the level, which stays as it is until the guard is dropped.
    fn unhold(&self, hold: Hold) -> Option<MutexGuard<'_, Beside>> {
        let mut beside = hold.on_top.then(|| self.beside())?;
        beside.held = beside.held.saturating_sub(hold.amount);
        Some(beside)
    }

    /// Gives back what was taken; nothing once another period has begun.
    pub fn release(&self, hold: Hold) {
        let _beside = self.unhold(hold);
        self.word.give_back(hold.amount, hold.epoch);
    }

    /// What was taken turned out to be so much: less is given back, more is charged whatever the limit.
    pub fn commit(&self, hold: Hold, amount: u64) {
        let _beside = self.unhold(hold);
        match amount.checked_sub(hold.amount) {
            Some(more) => self.word.update(|used| used.saturating_add(more)),
            None => self.word.give_back(hold.amount - amount, hold.epoch),
        }
    }

    /// Counts what was used already and is in the database, whatever the limit; a negative amount takes away.
    pub fn charge(&self, amount: Amount, now: Timestamp, calendar: &Calendar) {
        self.keep_up(now, calendar);
        let mut beside = self.beside();
        let (whole, rest) = (Amount::billionths(beside.rest) + amount).split();
        beside.rest = rest;
        self.word.update(|used| used.saturating_add_signed(whole));
        self.counted(whole);
    }

    /// Counts so many wholes that were used already. The hot form of [`charge`](Self::charge).
    pub fn add(&self, amount: u64, now: Timestamp, calendar: &Calendar) {
        self.keep_up(now, calendar);
        self.word.update(|used| used.saturating_add(amount));
    }

    /// Takes away what was counted in the period that it is in.
    pub fn untake(&self, amount: u64) {
        self.word.update(|used| used.saturating_sub(amount));
    }

    /// Whether anything is left of a hard quota.
    pub fn has_left(&self, now: Timestamp, calendar: &Calendar) -> bool {
        self.used_at(now, calendar) < self.share()
    }

    /// How much this node counted in the period that `now` is in.
    pub fn used_at(&self, now: Timestamp, calendar: &Calendar) -> u64 {
        self.keep_up(now, calendar);
        self.word.used()
    }

    /// Whether it is the use of the same metric and period.
    pub fn is_of(&self, quota: &Quota) -> bool {
        let mine = self.quota();
        mine.metric == quota.metric && mine.period == quota.period
    }

    /// Goes on with what was used of the same metric and period under another limit.
    pub fn go_on_from(&mut self, before: Self) {
        let limited = Arc::clone(&self.limited);
        *self = Self { limited, ..before };
    }

    /// There is so much now, beside what is held.
    pub fn set(&self, height: u64) {
        let beside = self.beside();
        self.word.update(|_| height.saturating_add(beside.held));
    }

    /// The same, unless it was set from this or a later reading before; answers whether it was set.
    pub fn set_as_of(&self, height: u64, reading: i64) -> bool {
        let mut beside = self.beside();
        if beside.reading >= reading {
            return false;
        }
        beside.reading = reading;
        self.word.update(|_| height.saturating_add(beside.held));
        true
    }

    /// There is at least so much.
    pub fn raise(&self, level: u64, now: Timestamp, calendar: &Calendar) {
        self.keep_up(now, calendar);
        self.word.update(|used| used.max(level));
    }

    /// Where the use stands.
    pub fn check(&self, now: Timestamp, calendar: &Calendar) -> QuotaCheck {
        self.keep_up(now, calendar);
        self.quota().check(self.used(), self.span())
    }

    /// How much is used in the period that it is in.
    pub fn used(&self) -> u64 {
        self.word.used().saturating_add(self.elsewhere())
    }

    /// How high the level is without what is held on top of it.
    pub fn height(&self) -> u64 {
        let beside = self.beside();
        self.word.used().saturating_sub(beside.held)
    }

    /// The period that it is in.
    pub fn span(&self) -> Span {
        Span {
            starts_at: Timestamp::from_micros(self.starts_at.load(Acquire)),
            ends_at: Timestamp::from_micros(self.ends_at.load(Acquire)),
        }
    }

    /// Begins the period that `now` is in. Whoever finds the end passed waits until one of them has begun the next, so
    /// nobody counts into a period that is over; the word's epoch does the rest.
    fn keep_up(&self, now: Timestamp, calendar: &Calendar) {
        if now.as_micros() < self.ends_at.load(Acquire) {
            return;
        }
        let mut beside = self.beside();
        if now.as_micros() < self.ends_at.load(Acquire) {
            return;
        }
        let span = calendar.span(self.quota().period, now);
        beside.rest = 0;
        self.word.roll();
        self.roll_lease();
        self.starts_at.store(span.starts_at.as_micros(), Release);
        self.ends_at.store(span.ends_at.as_micros(), Release);
    }
}
