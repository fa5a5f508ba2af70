//! Fresh proof: that who holds a session is its person and not somebody who found it open.

use identity::passwords::Account;
use identity::{Person, passwords};
use isolation::PlatformCtx;
use kernel::Secret;

use super::ops::{ip, recognised, refuse};
use super::{Login, LoginError, Means};
use crate::throttle::{Attempt, Purpose, Subject};

impl Login {
    /// Whether this is his password. A wrong one counts like one at the door, so that a session that somebody took does
    /// not serve to guess it.
    pub async fn prove(
        &self,
        ctx: &PlatformCtx,
        person: Person,
        password: Secret<String>,
    ) -> Result<(), LoginError> {
        let ctx = recognised(ctx, person);
        let turn = self.0.hasher.turn().await?;
        let (account, attempt) = self.0.count(&ctx, person).await?;
        let right = turn.verify(password, account.password.clone()).await;
        drop(turn);
        if !right {
            refuse(
                &ctx,
                person.tenant(),
                account.email.as_str(),
                Some(&account),
                &attempt,
            )
            .await?;
            return Err(LoginError::Invalid);
        }
        let mut tx = ctx.control().await?;
        attempt.give_back(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// Whether he has to have a second factor: because his tenant says so, or of an operator the configuration.
    pub async fn demands_second_factor(&self, person: Person) -> Result<bool, sqlx::Error> {
        match person.tenant() {
            Some(tenant) => Ok(self.0.policies.of(tenant).await?.mfa_required),
            None => Ok(self.0.admin_mfa_required),
        }
    }
}

impl Means {
    async fn count(&self, ctx: &PlatformCtx, person: Person) -> Result<(Account, Attempt), LoginError> {
        let mut tx = ctx.control().await?;
        let account = passwords::account_of(&mut tx, person).await?;
        let account = account
            .filter(|account| account.active)
            .ok_or(LoginError::Invalid)?;
        let subject = Subject {
            tenant: person.tenant(),
            email: account.email.as_str(),
            ip: ip(ctx),
        };
        let attempt = self.throttle.attempt(&mut tx, Purpose::Login, subject).await?;
        tx.commit_unhurried().await?;
        Ok((account, attempt))
    }
}
