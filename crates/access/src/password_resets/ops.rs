//! Using a link.

use audit::EventType;
use identity::passwords::{self, Account};
use identity::{Password, Person, token};
use isolation::PlatformCtx;
use kernel::Secret;

use super::{PasswordResetError, PasswordResets, mails, sql};
use crate::login::ops::{about, recognised};
use crate::sessions::{self, EndReason};
use crate::throttle::Subject;

impl PasswordResets {
    /// Whose open link has this token.
    pub async fn find(
        &self,
        ctx: &PlatformCtx,
        token: &Secret<String>,
    ) -> Result<Person, PasswordResetError> {
        let mut tx = ctx.control().await?;
        let person = sql::find(&mut tx, &token::hash(token.expose())).await?;
        person.ok_or(PasswordResetError::NotFound)
    }

    /// Sets the password of whose open link has this token. All his sessions end, and what had blocked him is
    /// forgotten: he proved himself by reading his mail.
    pub async fn redeem(
        &self,
        ctx: &PlatformCtx,
        token: &Secret<String>,
        new: Password,
    ) -> Result<(), PasswordResetError> {
        // Looked up first, so that nothing is hashed for whoever has no link.
        let person = self.find(ctx, token).await?;
        let hash = self.0.hasher.hash(new).await?;
        let mut tx = recognised(ctx, person).control().await?;
        let used_by = sql::redeem(&mut tx, &token::hash(token.expose())).await?;
        if used_by != Some(person) {
            return Err(PasswordResetError::NotFound);
        }
        let account = passwords::account_of(&mut tx, person).await?;
        let account = account.ok_or(PasswordResetError::NotFound)?;
        self.0
            .throttle
            .forgive(&mut tx, attempts_of(&account, ctx))
            .await?;
        if !passwords::set(&mut tx, person, &hash).await? {
            return Err(PasswordResetError::NotFound);
        }
        sql::withdraw(&mut tx, person).await?;
        sessions::end_all(&mut tx, person, None, EndReason::PasswordChanged).await?;
        person.announce(&mut tx).await?;
        let event = about(EventType::PasswordChanged, person).meta("how", "reset");
        audit::record(&mut tx, event).await?;
        mails::send_notice(&mut tx, &self.0.mail_from, &account).await?;
        Ok(tx.commit().await?)
    }
}

/// How the throttle knows his attempts.
pub(super) fn attempts_of<'a>(account: &'a Account, ctx: &PlatformCtx) -> Subject<'a> {
    Subject {
        tenant: account.person.tenant(),
        email: account.email.as_str(),
        ip: ctx.caller().request.ip,
    }
}
