//! How many failures are too many, and what follows: pure.

use std::time::Duration;

use kernel::Timestamp;

use super::Purpose;

/// What attempts have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The account, and the network they came from.
    AccountFromNetwork,
    /// The account, from wherever.
    Account,
    /// The network they came from, at whichever account.
    Network,
}

impl Scope {
    /// The stable name, for the trail.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountFromNetwork => "account_from_network",
            Self::Account => "account",
            Self::Network => "network",
        }
    }
}

/// Counted failures as of the last one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Count {
    pub(super) failures: f64,
    pub(super) last_failed_at: Timestamp,
    pub(super) blocked_until: Option<Timestamp>,
}

impl Count {
    pub(super) const fn none(now: Timestamp) -> Self {
        Self {
            failures: 0.0,
            last_failed_at: now,
            blocked_until: None,
        }
    }

    /// The count as if the attempt that made it `mine` had not been. Failures that came after it keep their block.
    pub(super) fn without(self, mine: &Self, now: Timestamp) -> Self {
        Self {
            failures: (self.failures - 1.0).max(0.0),
            last_failed_at: self.last_failed_at.min(now),
            blocked_until: self
                .blocked_until
                .filter(|_| self.blocked_until != mine.blocked_until),
        }
    }
}

/// A failure beyond the free ones blocks: the first so long, each further one twice as long, up to the longest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rule {
    free: f64,
    first: Duration,
    longest: Duration,
    /// In this time, one failure is forgiven.
    forgiven_in: Duration,
}

/// More are not told apart: the block is at its longest before, and forgiving ends some day.
const MOST: f64 = 200.0;

impl Rule {
    /// NIST SP 800-63B-4 §3.2.2 allows 100 failures in a row for an account; here the account from one network is
    /// slowed down after five, so that its owner, who is elsewhere, does not notice. The higher limits meet those who
    /// try one account from many networks, and many accounts from one.
    pub(super) const fn of(purpose: Purpose, scope: Scope) -> Self {
        let (free, first, longest, forgiven_in) = match (purpose, scope) {
            (Purpose::Login, Scope::AccountFromNetwork) => (5.0, 15, 15 * 60, 60 * 60),
            (Purpose::Login, Scope::Account) => (50.0, 15, 5 * 60, 10 * 60),
            (Purpose::Login, Scope::Network) => (100.0, 15, 15 * 60, 20),
            (Purpose::Reset, Scope::AccountFromNetwork | Scope::Account) => (3.0, 5 * 60, 60 * 60, 60 * 60),
            (Purpose::Reset, Scope::Network) => (20.0, 60, 15 * 60, 3 * 60),
        };
        Self {
            free,
            first: Duration::from_secs(first),
            longest: Duration::from_secs(longest),
            forgiven_in: Duration::from_secs(forgiven_in),
        }
    }

    /// The count with one more; until when it is blocked, if it is.
    pub(super) fn count(self, before: Count, now: Timestamp) -> Result<Count, Timestamp> {
        if let Some(until) = before.blocked_until.filter(|until| *until > now) {
            return Err(until);
        }
        let passed = seconds_between(before.last_failed_at, now);
        let left = (before.failures - passed / self.forgiven_in.as_secs_f64()).max(0.0);
        let failures = (left + 1.0).min(MOST);
        Ok(Count {
            failures,
            last_failed_at: now,
            blocked_until: self.block(failures).map(|time| now.plus(time)),
        })
    }

    /// How long so many failures block. One that is forgiven in part counts whole.
    fn block(self, failures: f64) -> Option<Duration> {
        let beyond = failures.ceil() - self.free;
        (beyond >= 0.0).then(|| {
            let seconds = self.first.as_secs_f64() * beyond.exp2();
            Duration::from_secs_f64(seconds.min(self.longest.as_secs_f64()))
        })
    }
}

/// None if the later one comes first, as it may on two machines.
fn seconds_between(earlier: Timestamp, later: Timestamp) -> f64 {
    let micros = later.as_micros().saturating_sub(earlier.as_micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or(0)).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: Rule = Rule::of(Purpose::Login, Scope::AccountFromNetwork);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// Fails as soon as it may, so many times; answers how long each failure blocked, in seconds.
    fn delays(rule: Rule, times: usize) -> Vec<u64> {
        let (mut now, mut count) = (at(0), Count::none(at(0)));
        (0..times)
            .map(|_| {
                count = rule.count(count, now).expect("the block is over");
                let until = count.blocked_until.unwrap_or(now);
                let seconds = seconds_between(now, until);
                now = until;
                Duration::from_secs_f64(seconds).as_secs()
            })
            .collect()
    }

    #[test]
    fn delays_grow_to_the_longest_and_no_further() {
        let grown = delays(LOGIN, 20);
        assert_eq!(grown[..5], [0, 0, 0, 0, 15]);
        assert_eq!(grown[5..9], [30, 60, 120, 240]);
        assert!(grown.windows(2).all(|pair| pair[1] >= pair[0]), "{grown:?}");
        assert_eq!(grown.last(), Some(&900), "{grown:?}");
    }

    #[test]
    fn while_it_blocks_nothing_is_counted_and_its_end_is_told() {
        let mut count = Count::none(at(0));
        for _ in 0..5 {
            count = LOGIN.count(count, at(0)).expect("free");
        }
        assert_eq!(LOGIN.count(count, at(14)), Err(at(15)));
        assert!(LOGIN.count(count, at(15)).is_ok());
    }

    #[test]
    fn time_forgives() {
        let mut count = Count::none(at(0));
        for _ in 0..5 {
            count = LOGIN.count(count, at(0)).expect("free");
        }
        let next_day = LOGIN.count(count, at(24 * 3600)).expect("over");
        assert_eq!((next_day.failures, next_day.blocked_until), (1.0, None));
        // One mistake an hour never blocks, however long it goes on.
        let mut count = Count::none(at(0));
        for hour in 0..1000 {
            count = LOGIN.count(count, at(hour * 3600)).expect("never blocked");
            assert_eq!(count.blocked_until, None);
        }
    }

    #[test]
    fn many_failures_are_forgotten_some_day() {
        let rule = Rule::of(Purpose::Login, Scope::Network);
        let mut count = Count::none(at(0));
        for _ in 0..10_000 {
            let now = count.blocked_until.unwrap_or(count.last_failed_at);
            count = rule.count(count, now).expect("the block is over");
        }
        assert!(count.failures <= MOST);
        let later = count.last_failed_at.plus(Duration::from_hours(2));
        assert_eq!(
            rule.count(count, later).map(|count| count.blocked_until),
            Ok(None)
        );
    }

    #[test]
    fn what_is_given_back_takes_its_block_with_it_and_no_other() {
        let mut count = Count::none(at(0));
        for _ in 0..5 {
            count = LOGIN.count(count, at(0)).expect("free");
        }
        let given_back = count.without(&count, at(1));
        assert_eq!((given_back.failures, given_back.blocked_until), (4.0, None));
        let later = LOGIN.count(count, at(20)).expect("the block is over");
        assert_eq!(later.without(&count, at(21)).blocked_until, later.blocked_until);
    }
}
