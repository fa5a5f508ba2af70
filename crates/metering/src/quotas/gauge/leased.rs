//! A gauge of which several nodes have a part each.
//!
//! The word counts what this node used on top of what it found; of that so much is written to the database. What the
//! node may still use, and what it used and has not written yet, is its lease: what is outstanding.

use std::sync::atomic::{
    AtomicI64, AtomicU64, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};

use kernel::Timestamp;

use super::Gauge;
use crate::periods::Calendar;

/// It may be used up to the limit.
const WHOLE: u64 = u64::MAX;
/// A node asks at least for this part of the limit, so that it need not ask often.
const LEAST_PART: u64 = 1024;

/// How far this node may go.
#[derive(Debug)]
pub(super) struct Leased {
    /// Used on other nodes, as far as this one knows.
    elsewhere: AtomicU64,
    /// Up to here the word may go.
    ceiling: AtomicU64,
    /// How much was left when it was leased last.
    chunk: AtomicU64,
    /// Until when nobody asks for more, because nothing was left, in microseconds.
    dry_until: AtomicI64,
}

/// What a node asks for. All of it counts from what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    /// What it has used already, or may have the next moment: that must be granted.
    pub(crate) keep: u64,
    /// What it would like to have.
    pub(crate) want: u64,
    /// The least that it can do anything with.
    pub(crate) least: u64,
    /// The period that it is about begins here.
    pub(crate) starts_at: Timestamp,
    /// Whether it has given up what it is granted beyond what it keeps.
    given_up: bool,
}

impl Leased {
    /// Only so much may be used.
    fn up_to(ceiling: u64) -> Self {
        Self {
            elsewhere: AtomicU64::new(0),
            ceiling: AtomicU64::new(ceiling),
            chunk: AtomicU64::new(0),
            dry_until: AtomicI64::new(0),
        }
    }

    /// What this node may use of the limit.
    pub(super) fn share(&self, limit: u64) -> u64 {
        let mine = limit.saturating_sub(self.elsewhere.load(Relaxed));
        mine.min(self.ceiling.load(Relaxed))
    }
}

impl Gauge {
    /// Another period begins. Of that nothing is leased yet.
    pub(super) fn roll_lease(&self) {
        self.written.store(0, Release);
        if let Some(leased) = self.leased.get() {
            leased.elsewhere.store(0, Relaxed);
            leased.chunk.store(0, Release);
            leased.dry_until.store(0, Release);
            if leased.ceiling.load(Acquire) != WHOLE {
                leased.ceiling.store(0, Release);
            }
        }
    }

    /// So much was added to the word that is in the database already, or taken away.
    pub(super) fn counted(&self, written: i64) {
        let shift = |value: u64| (value != WHOLE).then(|| value.saturating_add_signed(written));
        if let Some(leased) = self.leased.get() {
            let _ = leased.ceiling.fetch_update(AcqRel, Relaxed, shift);
        }
        let _ = self.written.fetch_update(AcqRel, Relaxed, shift);
    }

    /// How much is used on other nodes, as far as this one knows.
    pub(super) fn elsewhere(&self) -> u64 {
        let leased = self.leased.get();
        leased.map_or(0, |leased| leased.elsewhere.load(Relaxed))
    }

    /// Others are there: from here on only what is leased may be used.
    pub(crate) fn close(&self) {
        let used = self.word.used();
        let leased = self.leased.get_or_init(|| Box::new(Leased::up_to(used)));
        let _ = leased.ceiling.compare_exchange(WHOLE, used, AcqRel, Relaxed);
    }

    /// Whether only what is leased may be used.
    pub(crate) fn is_closed(&self) -> bool {
        self.ceiling() != WHOLE
    }

    fn ceiling(&self) -> u64 {
        let leased = self.leased.get();
        leased.map_or(WHOLE, |leased| leased.ceiling.load(Acquire))
    }

    /// How much was left when it was leased last.
    fn chunk(&self) -> u64 {
        self.leased.get().map_or(0, |leased| leased.chunk.load(Relaxed))
    }

    /// Whether it may be asked for more, by whoever finds too little left.
    pub(crate) fn may_be_claimed(&self, now: Timestamp) -> bool {
        let dry = |leased: &Leased| now.as_micros() < leased.dry_until.load(Relaxed);
        self.is_closed() && !self.leased.get().is_some_and(|leased| dry(leased))
    }

    /// There is nothing to be had before then.
    pub(crate) fn dry_until(&self, then: Timestamp) {
        if let Some(leased) = self.leased.get() {
            leased.dry_until.store(then.as_micros(), Relaxed);
        }
    }

    /// Nobody else is there any more, and so much is used in all.
    pub(crate) fn open(&self, claim: &Claim, used: u64) {
        if let Some(leased) = self.leased_in(claim) {
            leased.elsewhere.store(self.not_here(used), Relaxed);
            leased.ceiling.store(WHOLE, Release);
        }
    }

    /// So much of what was counted at this time is on its way into the database.
    pub(crate) fn wrote(&self, at: Timestamp, amount: u64, calendar: &Calendar) {
        self.keep_up(at, calendar);
        if self.span().contains(at) {
            self.written.fetch_add(amount, AcqRel);
        }
    }

    /// What this node may use without asking.
    pub(crate) fn left(&self) -> u64 {
        self.ceiling().saturating_sub(self.word.used())
    }

    /// To take so much, which is not left: twice as much as was enough the last time.
    pub(crate) fn claim(&self, amount: u64) -> Claim {
        let least_part = self.quota().limit.at_most().unwrap_or(0) / LEAST_PART;
        let twice = self.chunk().saturating_mul(2);
        let ahead = amount.max(least_part).max(twice);
        self.asking(self.unwritten().saturating_add(ahead), amount, false)
    }

    /// At every turn: more, when the next moment might need more than is left; less, when most of it was not needed.
    pub(crate) fn renewal(&self) -> Claim {
        let left = self.left();
        let spent = self.chunk().saturating_sub(left);
        let ahead = spent.saturating_mul(2);
        let before = self.asking(0, 1, false);
        if left < spent {
            return self.asking(self.unwritten().saturating_add(ahead), 1, false);
        }
        match self.leased.get() {
            Some(leased) if left > ahead.saturating_mul(2) => {
                // Whoever decides at this moment may still see the old ceiling, so it is only given up at the next turn.
                let ceiling = self.word.used().saturating_add(ahead);
                leased.ceiling.store(ceiling, Release);
                leased.chunk.store(ahead, Release);
                Claim {
                    given_up: true,
                    ..before
                }
            }
            _ => before,
        }
    }

    fn asking(&self, want: u64, least: u64, given_up: bool) -> Claim {
        let outstanding = self.ceiling().max(self.word.used());
        let keep = outstanding.saturating_sub(self.written.load(Acquire));
        Claim {
            keep,
            want: want.max(keep),
            least,
            starts_at: self.span().starts_at,
            given_up,
        }
    }

    fn unwritten(&self) -> u64 {
        self.word.used().saturating_sub(self.written.load(Acquire))
    }

    /// So much is granted, and so much is written by all nodes. Answers how much is left here.
    pub(crate) fn grant(&self, claim: &Claim, amount: u64, used: u64) -> u64 {
        let Some(leased) = self.leased_in(claim) else {
            return 0;
        };
        leased.elsewhere.store(self.not_here(used), Relaxed);
        if !claim.given_up {
            let ceiling = self.written.load(Acquire).saturating_add(amount);
            leased.ceiling.store(ceiling.min(WHOLE - 1), Release);
            leased.chunk.store(self.left(), Release);
        }
        self.left()
    }

    /// What is leased, unless another period has begun since this was claimed.
    fn leased_in(&self, claim: &Claim) -> Option<&Leased> {
        let leased = self.leased.get()?;
        (claim.starts_at == self.span().starts_at).then_some(leased)
    }

    /// Of what is written by all nodes, what is not of this one.
    fn not_here(&self, used: u64) -> u64 {
        used.saturating_sub(self.written.load(Acquire))
    }
}

#[cfg(test)]
mod tests {
    use tenants::plans::Limit;

    use super::*;
    use crate::amount::Amount;
    use crate::metrics::{Aggregation, BuiltIn};
    use crate::periods::Period;
    use crate::quotas::{Limited, Mode, Quota};

    fn gauge(limit: i64, used: i64) -> (Gauge, impl Fn(&Gauge, u64) -> bool) {
        let now = Timestamp::from_micros(1_800_000_000_000_000);
        let calendar = Calendar::utc();
        let quota = Quota {
            metric: BuiltIn::ApiCalls.into(),
            limit: Limit::new(limit).expect("a limit"),
            period: Period::Daily,
            soft_limit: None,
            mode: Mode::Hard,
        };
        let limited = Limited {
            quota,
            aggregation: Aggregation::Sum,
        };
        let span = calendar.span(Period::Daily, now);
        let gauge = Gauge::new(limited.into(), span, Amount::whole(used));
        (gauge, move |gauge: &Gauge, amount| {
            gauge.take(amount, now, &calendar).is_ok()
        })
    }

    #[test]
    fn only_what_is_leased_may_be_used() {
        let (gauge, take) = gauge(100, 20);
        assert!(take(&gauge, 5));
        gauge.close();
        assert!(!take(&gauge, 1), "five are not written, and nothing is leased");
        let claim = gauge.claim(1);
        assert_eq!((claim.keep, claim.want), (5, 6));
        assert_eq!(gauge.grant(&claim, 6, 50), 1);
        assert!(take(&gauge, 1) && !take(&gauge, 1));
        assert_eq!(gauge.used(), 56, "50 are written, 6 are not");
        // The next time twice as much.
        assert_eq!(gauge.claim(1).want, 8);
        let span = gauge.span();
        gauge.wrote(span.starts_at, 6, &Calendar::utc());
        let claim = gauge.claim(3);
        assert_eq!((claim.keep, claim.want, claim.least), (0, 3, 3));
        assert_eq!(gauge.grant(&claim, 2, 56), 2, "less than it wanted");
        assert!(take(&gauge, 2) && !take(&gauge, 1));
        assert_eq!(gauge.used(), 58);
        // Of a new period nothing is used, and nothing is leased.
        gauge.wrote(span.ends_at, 0, &Calendar::utc());
        assert_eq!((gauge.used(), gauge.left(), gauge.claim(1).keep), (0, 0, 0));
    }

    #[test]
    fn what_is_not_needed_is_given_up_a_turn_before_others_get_it() {
        let (gauge, take) = gauge(100, 0);
        gauge.close();
        let claim = gauge.claim(40);
        gauge.grant(&claim, 40, 0);
        assert!(take(&gauge, 30));
        let more = gauge.renewal();
        assert_eq!((more.keep, more.want), (40, 90));
        gauge.grant(&more, 60, 0);
        gauge.wrote(gauge.span().starts_at, 30, &Calendar::utc());
        let less = gauge.renewal();
        assert_eq!((less.keep, less.want), (30, 30));
        assert_eq!(
            gauge.grant(&less, 30, 30),
            0,
            "given up, but others may not have it yet"
        );
        assert!(!take(&gauge, 1));
        let none = gauge.renewal();
        assert_eq!((none.keep, none.want), (0, 0));
    }

    #[test]
    fn alone_again_it_knows_what_the_others_used() {
        let (gauge, take) = gauge(100, 0);
        gauge.close();
        let claim = gauge.claim(1);
        gauge.open(&claim, 70);
        assert!(take(&gauge, 30) && !take(&gauge, 1));
        assert_eq!(gauge.used(), 100);
    }
}
