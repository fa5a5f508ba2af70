//! The use of one quota in its present period, in memory.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Mutex, PoisonError};

use kernel::Timestamp;

use super::model::{Mode, Quota, QuotaCheck};
use super::word::{Epoch, Word};
use crate::amount::Amount;
use crate::periods::{Calendar, Span};

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
    /// What was charged in parts of a whole and does not make one yet. Held while a period begins.
    rest: Mutex<Amount>,
}

/// So much was taken, and can be given back. Dropping it leaves it taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    amount: u64,
    epoch: Epoch,
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
            rest: Mutex::new(used.max(Amount::ZERO) - Amount::whole(whole)),
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
            limit.saturating_sub(self.elsewhere.load(Relaxed))
        })
    }

    /// Takes so much if the quota allows it; a soft one always does.
    pub fn take(&self, amount: u64, now: Timestamp, calendar: &Calendar) -> Result<Hold, Box<QuotaCheck>> {
        self.keep_up(now, calendar);
        match self.word.take(amount, self.share()) {
            Ok((epoch, _)) => Ok(Hold { amount, epoch }),
            Err(_) => Err(Box::new(QuotaCheck {
                allowed: false,
                ..self.check(now, calendar)
            })),
        }
    }

    /// Gives back what was taken; nothing once another period has begun.
    pub fn release(&self, hold: Hold) {
        self.word.give_back(hold.amount, hold.epoch);
    }

    /// What was taken turned out to be so much: less is given back, more is charged whatever the limit.
    pub fn commit(&self, hold: Hold, amount: u64) {
        match amount.checked_sub(hold.amount) {
            Some(more) => self.word.update(|used| used.saturating_add(more)),
            None => self.word.give_back(hold.amount - amount, hold.epoch),
        }
    }

    /// Counts what was used already, whatever the limit; a negative amount takes away.
    pub fn charge(&self, amount: Amount, now: Timestamp, calendar: &Calendar) {
        self.keep_up(now, calendar);
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = (*rest + amount).floor();
        *rest = *rest + amount - Amount::whole(whole);
        self.word.update(|used| used.saturating_add_signed(whole));
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

    /// There is so much now.
    pub fn set(&self, level: u64) {
        self.word.update(|_| level);
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
        self.starts_at.store(span.starts_at.as_micros(), Release);
        self.ends_at.store(span.ends_at.as_micros(), Release);
    }
}
