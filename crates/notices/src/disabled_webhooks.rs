//! An endpoint was disabled: whoever is in charge of it is written to. The event is published by `webhooks` itself.

use jobs::{JobError, Run};
use kernel::AdminPermission;
use webhooks::EndpointDisabled;
use webhooks::endpoints::Reason;

use crate::people::{Letter, Sender, write_to_operators, write_to_tenant};

/// The job's handler. A repeated job writes again; that takes a crash between its commit and its end.
pub async fn tell(run: Run, job: EndpointDisabled, sender: Sender) -> Result<(), JobError> {
    let mut tx = run.ctx.control().await?;
    let letter = letter(&job);
    match job.tenant {
        Some(tenant) => write_to_tenant(&mut tx, &sender, tenant, &letter).await?,
        None => write_to_operators(&mut tx, &sender, AdminPermission::WebhooksWrite, &letter).await?,
    }
    Ok(tx.commit().await?)
}

fn letter(job: &EndpointDisabled) -> Letter {
    let why = match job.reason {
        Reason::Gone => "It answered 410, which says that it is gone.",
        Reason::Failing | Reason::Owner => "Nothing has got through to it for three days.",
    };
    Letter {
        subject: format!("The webhook at {} was disabled", job.host),
        text: format!(
            "the webhook {} at {} was disabled. {why}\n\n\
             Nothing is delivered to it until it is made active again. What failed can be replayed then.\n",
            job.endpoint, job.host
        ),
    }
}
