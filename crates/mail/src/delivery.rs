//! The durable outbox of mails: queued in the transaction of what causes it, delivered by a job.
//!
//! A mail is sent at least once: a crash between sending and writing that down sends it again, with the same
//! Message-ID. Once it is delivered its text is blanked, because it may hold a link that is a secret.

use isolation::{ControlTx, Tx};
use jobs::{Job, JobError, Queue, Run};
use kernel::TenantId;
use serde::{Deserialize, Serialize};

use crate::message::{MailId, Mailbox, Message, Subject};
use crate::transport::{Outcome, Transport};

/// A mail before it has an identifier and a date.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The tenant it concerns.
    pub tenant: Option<TenantId>,
    /// The sender.
    pub from: Mailbox,
    /// The one recipient.
    pub to: Mailbox,
    /// What the recipient sees first.
    pub subject: Subject,
    /// The text.
    pub text: String,
}

/// Delivers one queued mail.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeliverMail {
    mail: MailId,
    tenant: Option<TenantId>,
}

impl Job for DeliverMail {
    const KIND: &'static str = "mail.deliver";
    fn tenant(&self) -> Option<TenantId> {
        self.tenant
    }
}

/// Queues the mail: it is sent if and only if the transaction commits.
pub async fn queue(tx: &mut ControlTx, draft: Draft) -> Result<MailId, sqlx::Error> {
    let (id, now, tenant) = (tx.new_id(), tx.now(), draft.tenant);
    let message = Message {
        id,
        written_at: now,
        from: draft.from,
        to: draft.to,
        reply_to: None,
        subject: draft.subject,
        text: draft.text,
        html: None,
    };
    let body = serde_json::to_string(&message).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query!(
        "insert into control.mails (id, tenant_id, recipient, subject, body, status, created_at)
         values ($1, $2, $3, $4, $5, 'queued', $6)",
        id as _,
        tenant as _,
        message.to.address(),
        String::from(message.subject),
        body,
        now as _
    )
    .execute(tx.conn())
    .await?;
    tx.enqueue(&DeliverMail { mail: id, tenant }).await?;
    Ok(id)
}

/// Removes a tenant's mails, sent or not.
pub async fn remove_all(tx: &mut ControlTx, tenant: TenantId) -> Result<u64, sqlx::Error> {
    sqlx::query!("delete from control.mails where tenant_id = $1", tenant as _)
        .execute(tx.conn())
        .await
        .map(|done| done.rows_affected())
}

/// The job's handler.
pub async fn deliver(run: Run, job: DeliverMail, transport: &Transport) -> Result<(), JobError> {
    let Some(message) = load(&run, job.mail).await? else {
        return Ok(());
    };
    let outcome = transport.send(&message).await;
    match outcome {
        Outcome::Delivered(_) => settle(&run, job.mail, "sent", None).await,
        Outcome::Rejected(reason) => {
            settle(&run, job.mail, "failed", Some(&reason)).await?;
            Err(JobError::Hopeless(reason))
        }
        Outcome::Retry(reason) => {
            let status = if run.last { "failed" } else { "queued" };
            settle(&run, job.mail, status, Some(&reason)).await?;
            Err(JobError::Retry(reason))
        }
    }
}

/// The mail, unless it was sent already or removed.
async fn load(run: &Run, mail: MailId) -> Result<Option<Message>, JobError> {
    let mut tx = run.ctx.control().await?;
    let body = sqlx::query_scalar!(
        "select body from control.mails where id = $1 and status = 'queued'",
        mail as _
    )
    .fetch_optional(tx.conn())
    .await?
    .flatten();
    body.map(|text| serde_json::from_str(&text).map_err(|error| JobError::Hopeless(error.to_string())))
        .transpose()
}

async fn settle(run: &Run, mail: MailId, status: &str, error: Option<&str>) -> Result<(), JobError> {
    let mut tx = run.ctx.control().await?;
    let now = tx.now();
    sqlx::query!(
        "update control.mails
         set status = $2, last_error = $3,
             sent_at = case when $2 = 'sent' then $4::timestamptz end,
             body = case when $2 = 'queued' then body end
         where id = $1",
        mail as _,
        status,
        error,
        now as _
    )
    .execute(tx.conn())
    .await?;
    Ok(tx.commit().await?)
}
