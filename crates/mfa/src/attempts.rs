//! Wrong codes in a row, and the row under whose lock a person's second factors are added, removed and passed.
//!
//! A code has six digits and three of them are right at any moment, so what protects it is how often somebody may
//! guess: from the fifth wrong one in a row each shuts the person's codes for twice as long, a quarter of an hour at
//! most. At that pace it takes years to guess one (NIST SP 800-63B-4 §3.2.2). A right one, or a day without wrong
//! ones, begins anew. A passkey cannot be guessed and works meanwhile.

use std::time::Duration;

use audit::EventType;
use identity::Person;
use isolation::{ControlTx, Tx};
use kernel::Timestamp;

use crate::event;
use crate::factors::Method;

const FREE: i32 = 4;
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_mins(15);
const FORGOTTEN_AFTER_DAYS: i64 = 1;

/// How somebody fared who tried to pass. Whichever it is, the transaction is to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It is him.
    Passed,
    /// It was wrong, used or too old; it counts.
    Wrong,
    /// It was not looked at, because of the wrong ones before; until then.
    Blocked(Timestamp),
}

/// A person's wrong codes in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Attempts {
    failures: i32,
    last_failed_at: Option<Timestamp>,
    blocked_until: Option<Timestamp>,
}

impl Attempts {
    fn blocked(&self, now: Timestamp) -> Option<Timestamp> {
        self.blocked_until.filter(|end| *end > now)
    }

    /// One more wrong one.
    fn failed(self, now: Timestamp) -> Self {
        let forgotten = self
            .last_failed_at
            .is_none_or(|last| last.plus_days(FORGOTTEN_AFTER_DAYS) <= now);
        let failures = if forgotten {
            1
        } else {
            self.failures.saturating_add(1)
        };
        Self {
            failures,
            last_failed_at: Some(now),
            blocked_until: pause(failures).map(|pause| now.plus(pause)),
        }
    }
}

/// How long nothing is looked at after so many wrong ones in a row.
fn pause(failures: i32) -> Option<Duration> {
    let doublings = u32::try_from(failures - FREE - 1).ok()?;
    let longer = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(doublings));
    Some(longer.min(LONGEST_PAUSE))
}

/// Waits until nobody else adds, removes or passes a second factor of this person, and keeps others waiting until the
/// transaction ends.
pub(crate) async fn lock(tx: &mut ControlTx, person: Person) -> Result<(), sqlx::Error> {
    row(tx, person).await.map(|_| ())
}

async fn row(tx: &mut ControlTx, person: Person) -> Result<Attempts, sqlx::Error> {
    sqlx::query_as!(
        Attempts,
        r#"insert into control.second_factors as mine (person_id, tenant_id) values ($1, $2)
           on conflict (person_id) do update set failures = mine.failures
           returning failures, last_failed_at as "last_failed_at: Timestamp",
                     blocked_until as "blocked_until: Timestamp""#,
        person.uuid(),
        person.tenant() as _
    )
    .fetch_one(tx.conn())
    .await
}

/// Whether his codes, or his password in their place, are looked at now; nobody else's attempt is, until the
/// transaction ends.
pub async fn allowed(tx: &mut ControlTx, person: Person) -> Result<Option<Verdict>, sqlx::Error> {
    let now = tx.now();
    let blocked = row(tx, person).await?.blocked(now);
    Ok(blocked.map(Verdict::Blocked))
}

/// Counts a wrong one; what it pretended to be goes into the trail.
pub async fn failed(tx: &mut ControlTx, person: Person, method: &str) -> Result<Verdict, sqlx::Error> {
    let attempts = row(tx, person).await?.failed(tx.now());
    store(tx, person, attempts).await?;
    let event = event::of(person, EventType::SecondFactorFailed).meta("method", method);
    audit::record(tx, event.meta("failures", attempts.failures)).await?;
    Ok(Verdict::Wrong)
}

/// Forgets the wrong ones.
pub(crate) async fn passed(
    tx: &mut ControlTx,
    person: Person,
    method: Method,
) -> Result<Verdict, sqlx::Error> {
    let none = Attempts {
        failures: 0,
        last_failed_at: None,
        blocked_until: None,
    };
    store(tx, person, none).await?;
    event::record(tx, person, EventType::SecondFactorPassed, method).await?;
    Ok(Verdict::Passed)
}

async fn store(tx: &mut ControlTx, person: Person, attempts: Attempts) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update control.second_factors set failures = $3, last_failed_at = $4, blocked_until = $5
         where person_id = $1 and tenant_id is not distinct from $2",
        person.uuid(),
        person.tenant() as _,
        attempts.failures,
        attempts.last_failed_at as _,
        attempts.blocked_until as _
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_from_the_fifth_wrong_one_to_a_quarter_of_an_hour() {
        let seconds =
            [1, 4, 5, 6, 7, 9, 10, 11, i32::MAX].map(|failures| pause(failures).map(|pause| pause.as_secs()));
        let expected = [
            None,
            None,
            Some(30),
            Some(60),
            Some(120),
            Some(480),
            Some(900),
            Some(900),
            Some(900),
        ];
        assert_eq!(seconds, expected);
    }

    #[test]
    fn a_day_without_a_wrong_one_begins_anew() {
        let start = Timestamp::from_micros(0);
        let fifth = (0..5).fold(
            Attempts {
                failures: 0,
                last_failed_at: None,
                blocked_until: None,
            },
            |attempts, _| attempts.failed(start),
        );
        assert_eq!(fifth.blocked(start), Some(start.plus(Duration::from_secs(30))));
        assert_eq!(fifth.blocked(start.plus(Duration::from_secs(30))), None);
        assert_eq!(fifth.failed(start.plus(Duration::from_hours(23))).failures, 6);
        assert_eq!(fifth.failed(start.plus_days(1)).failures, 1);
    }
}
