//! The use of one quota in its present period, in memory.

mod leased;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kernel::Timestamp;

use super::model::{Mode, Quota, QuotaCheck};
use super::word::{Epoch, Word};
use crate::amount::Amount;
use crate::periods::{Calendar, Span};
pub(crate) use leased::Claim;
use leased::Leased;

/// The use of one quota. Every answer is about the period that `now` is in; a caller whose clock is behind another's by
/// a moment counts into the period that the other began.
#[derive(Debug)]
pub struct Gauge {
    quota: Quota,
    word: Word,
    starts_at: AtomicI64,
    ends_at: AtomicI64,
    /// Used on other nodes, as far as this one knows.
    elsewhere: AtomicU64,
    leased: Leased,
    /// What was charged in parts of a whole and does not make one yet. Held while a period begins.
    rest: Mutex<Amount>,
    /// Of a level, what is on top of what there is. Held while the level is changed.
    level: Mutex<Level>,
}

/// What is known of a level beside its height.
#[derive(Debug, Default)]
struct Level {
    /// Held for work under way.
    held: u64,
    /// Which reading it was set from.
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
    pub fn new(quota: Quota, span: Span, used: Amount) -> Self {
        let whole = used.floor().max(0);
        Self {
            quota,
            word: Word::new(u64::try_from(whole).unwrap_or(0)),
            starts_at: AtomicI64::new(span.starts_at.as_micros()),
            ends_at: AtomicI64::new(span.ends_at.as_micros()),
            elsewhere: AtomicU64::new(0),
            leased: Leased::new(u64::try_from(whole).unwrap_or(0)),
            rest: Mutex::new(used.max(Amount::ZERO) - Amount::whole(whole)),
            level: Mutex::default(),
        }
    }

    /// What it is the use of.
    pub const fn quota(&self) -> &Quota {
        &self.quota
    }

    /// How much of the limit this node may let be used. The one place where several nodes plug in: what others used, or
    /// hold a lease for, is not this node's to give.
    pub fn share(&self) -> u64 {
        let limit = match self.quota.mode {
            Mode::Hard => self.quota.limit.at_most(),
            Mode::Soft => None,
        };
        limit.map_or(u64::MAX, |limit| {
            let mine = limit.saturating_sub(self.elsewhere.load(Relaxed));
            mine.min(self.leased.ceiling())
        })
    }

    /// Takes so much if the quota allows it; a soft one always does.
    pub fn take(&self, amount: u64, now: Timestamp, calendar: &Calendar) -> Result<Hold, Box<QuotaCheck>> {
        self.keep_up(now, calendar);
        match self.word.take(amount, self.share()) {
            Ok((epoch, _)) => Ok(Hold {
                amount,
                epoch,
                on_top: false,
            }),
            Err(_) => Err(Box::new(QuotaCheck {
                allowed: false,
                ..self.check(now, calendar)
            })),
        }
    }

    /// The same of a level: until it is committed or released it stays on top of whatever the level is set to.
    pub fn hold(&self, amount: u64, now: Timestamp, calendar: &Calendar) -> Result<Hold, Box<QuotaCheck>> {
        let mut level = self.level();
        let hold = self.take(amount, now, calendar)?;
        level.held = level.held.saturating_add(amount);
        Ok(Hold { on_top: true, ..hold })
    }

    fn level(&self) -> MutexGuard<'_, Level> {
        self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the hold off the top of the level, which stays as it is until the guard is dropped.
    fn unhold(&self, hold: Hold) -> Option<MutexGuard<'_, Level>> {
        let mut level = hold.on_top.then(|| self.level())?;
        level.held = level.held.saturating_sub(hold.amount);
        Some(level)
    }

    /// Gives back what was taken; nothing once another period has begun.
    pub fn release(&self, hold: Hold) {
        let _level = self.unhold(hold);
        self.word.give_back(hold.amount, hold.epoch);
    }

    /// What was taken turned out to be so much: less is given back, more is charged whatever the limit.
    pub fn commit(&self, hold: Hold, amount: u64) {
        let _level = self.unhold(hold);
        match amount.checked_sub(hold.amount) {
            Some(more) => self.word.update(|used| used.saturating_add(more)),
            None => self.word.give_back(hold.amount - amount, hold.epoch),
        }
    }

    /// Counts what was used already and is in the database, whatever the limit; a negative amount takes away.
    pub fn charge(&self, amount: Amount, now: Timestamp, calendar: &Calendar) {
        self.keep_up(now, calendar);
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = (*rest + amount).floor();
        *rest = *rest + amount - Amount::whole(whole);
        self.word.update(|used| used.saturating_add_signed(whole));
        self.leased.counted(whole);
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
        self.quota.metric == quota.metric && self.quota.period == quota.period
    }

    /// The same use under another limit.
    #[must_use]
    pub fn with(mut self, quota: Quota) -> Self {
        self.quota = quota;
        self
    }

    /// There is so much now, beside what is held.
    pub fn set(&self, height: u64) {
        let level = self.level();
        self.word.update(|_| height.saturating_add(level.held));
    }

    /// The same, unless it was set from this or a later reading before; answers whether it was set.
    pub fn set_as_of(&self, height: u64, reading: i64) -> bool {
        let mut level = self.level();
        if level.reading >= reading {
            return false;
        }
        level.reading = reading;
        self.word.update(|_| height.saturating_add(level.held));
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
        self.quota.check(self.used(), self.span())
    }

    /// How much is used in the period that it is in.
    pub fn used(&self) -> u64 {
        self.word.used().saturating_add(self.elsewhere.load(Relaxed))
    }

    /// How high the level is without what is held on top of it.
    pub fn height(&self) -> u64 {
        let level = self.level();
        self.word.used().saturating_sub(level.held)
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
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if now.as_micros() < self.ends_at.load(Acquire) {
            return;
        }
        let span = calendar.span(self.quota.period, now);
        *rest = Amount::ZERO;
        self.word.roll();
        self.elsewhere.store(0, Relaxed);
        self.leased.roll();
        self.starts_at.store(span.starts_at.as_micros(), Release);
        self.ends_at.store(span.ends_at.as_micros(), Release);
    }
}
