//! Changing a password that is known.

use audit::EventType;
use identity::passwords::{self, Account};
use identity::{Password, Person};
use isolation::PlatformCtx;
use kernel::Secret;

use super::ops::attempts_of;
use super::{PasswordResetError, PasswordResets, mails, sql};
use crate::login::ops::{about, recognised, refuse};
use crate::sessions::{self, EndReason, SessionId};
use crate::throttle::{Attempt, Purpose};

impl PasswordResets {
    /// Changes the password of somebody who has this session and knows the present one: a session that somebody took
    /// does not suffice, and may not guess. His other sessions end, and links that wait are void.
    pub async fn change(
        &self,
        ctx: &PlatformCtx,
        (person, session): (Person, SessionId),
        present: Secret<String>,
        new: Password,
    ) -> Result<(), PasswordResetError> {
        let ctx = recognised(ctx, person);
        let turn = self.0.hasher.turn().await?;
        let (account, attempt) = self.count(&ctx, person).await?;
        if !turn.verify(present, account.password.clone()).await {
            refuse(
                &ctx,
                person.tenant(),
                account.email.as_str(),
                Some(&account),
                &attempt,
            )
            .await?;
            return Err(PasswordResetError::WrongPassword);
        }
        let hash = turn.hash(new).await;
        drop(turn);
        let mut tx = ctx.control().await?;
        attempt.give_back(&mut tx).await?;
        if !passwords::renew(&mut tx, &account, &hash).await? {
            return Err(PasswordResetError::WrongPassword);
        }
        sql::withdraw(&mut tx, person).await?;
        sessions::end_all(&mut tx, person, Some(session), EndReason::PasswordChanged).await?;
        let event = about(EventType::PasswordChanged, person).meta("how", "changed");
        audit::record(&mut tx, event).await?;
        mails::send_notice(&mut tx, &self.0.mail_from, &account).await?;
        Ok(tx.commit().await?)
    }

    async fn count(
        &self,
        ctx: &PlatformCtx,
        person: Person,
    ) -> Result<(Account, Attempt), PasswordResetError> {
        let mut tx = ctx.control().await?;
        let account = passwords::account_of(&mut tx, person).await?;
        let account = account
            .filter(|account| account.active)
            .ok_or(PasswordResetError::NotFound)?;
        let subject = attempts_of(&account, ctx);
        let attempt = self.0.throttle.attempt(&mut tx, Purpose::Login, subject).await?;
        tx.commit_unhurried().await?;
        Ok((account, attempt))
    }
}
