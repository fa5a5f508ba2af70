//! How often somebody may try: to log in, and to have a link sent by which a password is replaced.
//!
//! An attempt is counted before its password is looked at, in a transaction of its own, and given back when it turns
//! out to be right: so of a hundred guesses at once no more get through than of a hundred in a row. It is counted
//! where the account and the network it came from meet, for the account, and for the network; whichever has too many
//! blocks the next ones for a while that grows with every failure, and no longer than some minutes (module `rule`).
//! While it blocks, the right password is refused too, unlooked at. A block of an account from one network does not
//! shut out its owner, who comes from another.
//!
//! Invariants: the counts are in the control plane, so all nodes honour them; the transaction that counts waits for
//! nothing but other counts; whether an account exists makes no difference here.

mod rule;
mod sql;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use identity::token::Hash;
use isolation::{ControlTx, PlatformCtx, Tx};
use jobs::JobError;
use kernel::{MasterKey, TenantId, Timestamp};

pub use rule::Scope;
use rule::{Count, Rule};

/// What is counted apart from everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Guesses at a password.
    Login,
    /// Requests for a link that replaces a password.
    Reset,
}

/// Whose password, and from where.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Of which tenant; none for operators.
    pub tenant: Option<TenantId>,
    /// The address that identifies the account, in lower case; it need not exist.
    pub email: &'a str,
    /// Where the request came from.
    pub ip: Option<IpAddr>,
}

/// An attempt that was not let through.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There were too many.
    #[error("too many attempts")]
    Blocked {
        /// Seconds until the next one may be let through.
        retry_after: u64,
    },
    /// It could not be counted.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Counts attempts.
#[derive(Debug, Clone)]
pub struct Throttle(MasterKey);

/// An attempt that was let through, and counts as a failure until it is given back.
#[derive(Debug)]
pub struct Attempt {
    counted: Vec<(Scope, Hash, Count)>,
}

impl Throttle {
    /// A throttle whose buckets are named by a key that follows from this one.
    pub fn new(master: &MasterKey) -> Self {
        Self(MasterKey::new(master.derive("login failures")))
    }

    /// Counts an attempt. It counts once the transaction is committed, and when it is refused that must not be.
    pub async fn attempt(
        &self,
        tx: &mut ControlTx,
        purpose: Purpose,
        subject: Subject<'_>,
    ) -> Result<Attempt, Refused> {
        let now = tx.now();
        let buckets = self.buckets(purpose, subject);
        let before = sql::lock(tx, &buckets.map(|(_, bucket)| bucket)).await?;
        let mut counted = Vec::with_capacity(buckets.len());
        let mut blocked = None;
        for (scope, bucket) in buckets {
            let known = before.iter().find(|(known, _)| *known == bucket);
            let count = known.map_or(Count::none(now), |(_, count)| *count);
            match Rule::of(purpose, scope).count(count, now) {
                Ok(count) => counted.push((scope, bucket, count)),
                Err(until) => blocked = blocked.max(Some(until)),
            }
        }
        if let Some(until) = blocked {
            return Err(Refused::Blocked {
                retry_after: seconds_until(until, now),
            });
        }
        sql::write(tx, counted.iter().map(|(_, bucket, count)| (*bucket, *count))).await?;
        Ok(Attempt { counted })
    }

    /// Whether an attempt would be refused now; it counts nothing and waits for nobody. Asked before there is a turn to
    /// look at a password, so that who is refused anyway takes nobody's place.
    pub async fn look(
        &self,
        tx: &mut ControlTx,
        purpose: Purpose,
        subject: Subject<'_>,
    ) -> Result<(), Refused> {
        let now = tx.now();
        let buckets = self.buckets(purpose, subject).map(|(_, bucket)| bucket);
        match sql::blocked_until(tx, &buckets)
            .await?
            .filter(|until| *until > now)
        {
            Some(until) => Err(Refused::Blocked {
                retry_after: seconds_until(until, now),
            }),
            None => Ok(()),
        }
    }

    /// Forgets what was counted for the account and for the account from this network: its owner has proved himself
    /// in another way.
    pub async fn forgive(&self, tx: &mut ControlTx, subject: Subject<'_>) -> Result<(), sqlx::Error> {
        let buckets = self.buckets(Purpose::Login, subject);
        let of_account = buckets.iter().filter(|(scope, _)| *scope != Scope::Network);
        sql::remove(tx, of_account.map(|(_, bucket)| *bucket)).await
    }

    /// In this order they are locked, by everybody.
    fn buckets(&self, purpose: Purpose, subject: Subject<'_>) -> [(Scope, Hash); 3] {
        let plane = subject
            .tenant
            .map_or_else(|| "operators".to_owned(), |tenant| tenant.to_string());
        let (account, network) = (format!("{plane} {}", subject.email), network(subject.ip));
        let named = |text: String| self.0.derive(&format!("{purpose:?} {text}"));
        [
            (
                Scope::AccountFromNetwork,
                named(format!("both {network} {account}")),
            ),
            (Scope::Account, named(format!("account {account}"))),
            (Scope::Network, named(format!("network {network}"))),
        ]
    }
}

impl Attempt {
    /// What the next attempt will find blocked if this one was wrong.
    pub fn blocks(&self) -> Option<Scope> {
        let blocking = |(scope, _, count): &(Scope, Hash, Count)| count.blocked_until.map(|_| *scope);
        self.counted.iter().find_map(blocking)
    }

    /// Gives it back, because it was right; what went wrong before for this account from this network is forgotten.
    pub async fn give_back(self, tx: &mut ControlTx) -> Result<(), sqlx::Error> {
        let now = tx.now();
        let buckets: Vec<Hash> = self.counted.iter().map(|(_, bucket, _)| *bucket).collect();
        let present = sql::lock(tx, &buckets).await?;
        let (mut lowered, mut gone) = (Vec::new(), Vec::new());
        for (scope, bucket, mine) in &self.counted {
            match present.iter().find(|(known, _)| known == bucket) {
                _ if *scope == Scope::AccountFromNetwork => gone.push(*bucket),
                Some((_, count)) => lowered.push((*bucket, count.without(mine, now))),
                None => {}
            }
        }
        sql::write(tx, lowered.into_iter()).await?;
        sql::remove(tx, gone.into_iter()).await
    }
}

/// What one subscriber has to himself: an IPv4 address, of IPv6 a /64 (RFC 6177, RFC 4291 §2.5.1).
fn network(ip: Option<IpAddr>) -> String {
    match ip.map(|ip| ip.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => format!("{:x}/64", address.to_bits() >> 64),
    }
}

fn seconds_until(until: Timestamp, now: Timestamp) -> u64 {
    let micros = until.as_micros().saturating_sub(now.as_micros());
    u64::try_from(micros).unwrap_or(0).div_ceil(1_000_000).max(1)
}

/// Removes counts that say nothing any more.
pub(crate) async fn prune(ctx: PlatformCtx) -> Result<(), JobError> {
    let mut tx = ctx.control().await?;
    sql::prune(&mut tx).await?;
    Ok(tx.commit().await?)
}
