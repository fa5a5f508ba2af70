//! Asking for a link, and the job that mails it.

use audit::EventType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use identity::{Email, Person, passwords, token};
use isolation::{ControlTx, PlatformCtx, Tx};
use jobs::{Job, JobError, Queue, Run};
use kernel::{SealingKey, TenantId};
use serde::{Deserialize, Serialize};

use super::{LIFETIME, PasswordResetError, PasswordResets, mails, sql};
use crate::login::ops::about;
use crate::throttle::{Purpose, Refused, Subject};

/// What the address is sealed for.
const SEALED_FOR: &[u8] = b"password reset request";

/// Mails a link by which a password is replaced, if there is somebody to mail it to. Finished jobs are kept for some
/// days; the address that somebody typed is not to be read there.
#[derive(Debug, Serialize, Deserialize)]
pub struct SendResetLink {
    tenant: Option<TenantId>,
    sealed_email: String,
}

impl Job for SendResetLink {
    const KIND: &'static str = "password_resets.send";
    /// A link that comes hours later is none that anybody waits for.
    const MAX_ATTEMPTS: i32 = 4;
    fn tenant(&self) -> Option<TenantId> {
        self.tenant
    }
}

impl PasswordResets {
    /// Takes a request for a link. It is dropped without a word where there were too many.
    pub async fn request(
        &self,
        ctx: &PlatformCtx,
        tenant: Option<TenantId>,
        email: &Email,
    ) -> Result<(), PasswordResetError> {
        let subject = Subject {
            tenant,
            email: email.as_str(),
            ip: ctx.caller().request.ip,
        };
        let mut tx = ctx.control().await?;
        match self.0.throttle.attempt(&mut tx, Purpose::Reset, subject).await {
            Ok(_counts_for_good) => {}
            Err(Refused::Blocked { .. }) => return Ok(()),
            Err(Refused::Database(error)) => return Err(error.into()),
        }
        enqueue(ctx, &mut tx, tenant, email).await?;
        Ok(tx.commit().await?)
    }

    /// The job's handler.
    pub async fn send(&self, run: Run, job: SendResetLink) -> Result<(), JobError> {
        let email = unseal(&run.ctx, &job.sealed_email)
            .ok_or_else(|| JobError::Hopeless("the address cannot be read".to_owned()))?;
        let mut tx = run.ctx.control().await?;
        if let Some(tenant) = job.tenant
            && !is_open(&mut tx, tenant).await?
        {
            return Ok(());
        }
        let account = passwords::find_account(&mut tx, job.tenant, &email).await?;
        let Some(account) = account.filter(|account| account.active) else {
            return Ok(());
        };
        let secret = token::mint(tx.seams(), "");
        let expires_at = tx.now().plus(LIFETIME);
        sql::withdraw(&mut tx, account.person).await?;
        sql::insert(&mut tx, account.person, &token::hash(secret.expose()), expires_at).await?;
        let page = page(account.person);
        let link = self
            .0
            .links
            .link(&mut tx, job.tenant, page, secret.expose())
            .await?;
        mails::send_link(&mut tx, &self.0.mail_from, &account, &link).await?;
        audit::record(&mut tx, about(EventType::PasswordResetRequested, account.person)).await?;
        Ok(tx.commit().await?)
    }
}

/// Has a link sent to this address, if somebody has it once the transaction is committed.
pub(crate) async fn enqueue(
    ctx: &PlatformCtx,
    tx: &mut ControlTx,
    tenant: Option<TenantId>,
    email: &Email,
) -> Result<(), sqlx::Error> {
    let job = SendResetLink {
        tenant,
        sealed_email: seal(ctx, email),
    };
    tx.enqueue(&job).await.map(drop)
}

/// The page that a link leads to.
const fn page(person: Person) -> &'static str {
    match person {
        Person::User(..) => "/password-reset",
        Person::Admin(_) => "/admin/password-reset",
    }
}

async fn is_open(tx: &mut ControlTx, tenant: TenantId) -> Result<bool, sqlx::Error> {
    let known = tenants::get(tx, tenant).await?;
    Ok(known.is_some_and(|known| known.status.lets_in(known.suspension_reason.as_ref())))
}

fn key(ctx: &PlatformCtx) -> SealingKey {
    SealingKey::derive(ctx.databases().master(), "password reset requests")
}

fn seal(ctx: &PlatformCtx, email: &Email) -> String {
    // Padded to the longest, so that its length does not tell either.
    let padded = format!("{:254}", email.as_str());
    STANDARD_NO_PAD.encode(key(ctx).seal(ctx.seams(), SEALED_FOR, padded.as_bytes()))
}

fn unseal(ctx: &PlatformCtx, sealed: &str) -> Option<String> {
    let sealed = STANDARD_NO_PAD.decode(sealed).ok()?;
    let padded = key(ctx).open(SEALED_FOR, &sealed).ok()?;
    Some(String::from_utf8(padded).ok()?.trim_end().to_owned())
}
