//! The people in charge, and writing to them.

use identity::admins::{self, AdminStatus};
use identity::users::{self, User, UserFilter, UserStatus};
use identity::{BuiltinRole, Email, Name};
use isolation::ControlTx;
use jobs::JobError;
use kernel::{AdminPermission, TenantId};
use mail::{Draft, Mailbox, Subject};

/// People of one role who are written to.
const MOST: i64 = 100;

/// Whom mails are from.
#[derive(Debug, Clone)]
pub struct Sender(pub Mailbox);

/// What is written.
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) text: String,
}

/// Writes to a tenant's owners and admins who have come.
pub(crate) async fn write_to_tenant(
    tx: &mut ControlTx,
    sender: &Sender,
    tenant: TenantId,
    letter: &Letter,
) -> Result<(), JobError> {
    for role in [BuiltinRole::Owner, BuiltinRole::Admin] {
        for person in of_role(tx, tenant, role).await? {
            queue(tx, sender, Some(tenant), (&person.name, &person.email), letter).await?;
        }
    }
    Ok(())
}

async fn of_role(tx: &mut ControlTx, tenant: TenantId, role: BuiltinRole) -> Result<Vec<User>, JobError> {
    let filter = UserFilter {
        role: Some(role.into()),
        status: Some(UserStatus::Active),
        ..UserFilter::default()
    };
    let found = users::list(tx, tenant, &filter, None, MOST).await;
    found.map_err(|error| JobError::Retry(error.to_string()))
}

/// Writes to the platform's active operators who may do this.
pub(crate) async fn write_to_operators(
    tx: &mut ControlTx,
    sender: &Sender,
    permission: AdminPermission,
    letter: &Letter,
) -> Result<(), JobError> {
    let found = admins::list(tx, Some(AdminStatus::Active), None, MOST).await?;
    for admin in found {
        if admin.authority().grants.contains(permission) {
            queue(tx, sender, None, (&admin.name, &admin.email), letter).await?;
        }
    }
    Ok(())
}

async fn queue(
    tx: &mut ControlTx,
    sender: &Sender,
    tenant: Option<TenantId>,
    (name, email): (&Name, &Email),
    letter: &Letter,
) -> Result<(), JobError> {
    let subject: Result<Subject, _> = letter.subject.parse();
    let (Ok(to), Ok(subject)) = (Mailbox::new(Some(name.as_str()), email.as_str()), subject) else {
        // Somebody who cannot be written to keeps nobody else from it.
        return Ok(());
    };
    let draft = Draft {
        tenant,
        from: sender.0.clone(),
        to,
        subject,
        text: format!("Hello {name},\n\n{}", letter.text),
    };
    mail::delivery::queue(tx, draft).await?;
    Ok(())
}
