//! Inviting people: the person is added, and the letter with his link leaves with the same commit or not at all.
//!
//! The link's secret stands behind the `#`, which browsers do not send, and it leads where [`LinkBase`] says; nothing
//! of a request's headers goes into a letter.

use identity::invitations::{self, Invitation, InvitationError};
use identity::users::{self, NewUser, User};
use isolation::ControlTx;
use kernel::{Grants, Permission, Secret, TenantId, UserId};
use mail::{Draft, Mailbox, Subject};
use tenants::Tenant;

use crate::links::LinkBase;

/// The page that an invitation's link leads to.
const PAGE: &str = "/invitation";

/// What all letters have in common.
#[derive(Debug, Clone)]
pub struct Letters {
    /// The sender.
    pub from: Mailbox,
    /// Where links lead.
    pub links: LinkBase,
}

/// Somebody could not be invited.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// He, or his invitation, could not be made.
    #[error(transparent)]
    Invitation(#[from] InvitationError),
    /// No letter can be written to the address.
    #[error("no letter can be sent to this address")]
    Unreachable,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Adds a person and sends his invitation, for someone who may himself do what `held` says.
pub async fn invite(
    tx: &mut ControlTx,
    letters: &Letters,
    tenant: TenantId,
    held: Grants<Permission>,
    new: NewUser,
) -> Result<User, InviteError> {
    let user = users::add(tx, tenant, held, new)
        .await
        .map_err(InvitationError::from)?;
    send(tx, letters, held, &user).await?;
    Ok(user)
}

/// Sends an invited person a new link, which makes the one before useless.
pub async fn invite_again(
    tx: &mut ControlTx,
    letters: &Letters,
    tenant: TenantId,
    held: Grants<Permission>,
    id: UserId,
) -> Result<Invitation, InviteError> {
    let user = users::reach(tx, tenant, held, id, None)
        .await
        .map_err(InvitationError::from)?;
    send(tx, letters, held, &user).await
}

async fn send(
    tx: &mut ControlTx,
    letters: &Letters,
    held: Grants<Permission>,
    user: &User,
) -> Result<Invitation, InviteError> {
    let tenant = of(tx, user).await?;
    let (invitation, token) = invitations::invite(tx, user.tenant_id, held, user.id).await?;
    let subject = format!("Invitation to {}", tenant.name);
    let text = format!(
        "Hello {},\n\nyou are invited to {}. {}",
        user.name,
        tenant.name,
        how(&letters.link(tx, user, &token).await?)
    );
    post(tx, letters, user, subject, text).await?;
    Ok(invitation)
}

/// Tells the owner of a new tenant that it is ready; one without a password is invited.
pub async fn welcome(tx: &mut ControlTx, letters: &Letters, owner: &User) -> Result<(), InviteError> {
    let tenant = of(tx, owner).await?;
    let how = if owner.status == users::UserStatus::Invited {
        let (_, token) = invitations::invite(tx, owner.tenant_id, Grants::all(), owner.id).await?;
        how(&letters.link(tx, owner, &token).await?)
    } else {
        "You can log in with the password that was set for you.\n".to_owned()
    };
    let text = format!(
        "Hello {},\n\n{} is ready, and you are its owner.\n\n{how}",
        owner.name, tenant.name
    );
    post(tx, letters, owner, format!("Welcome to {}", tenant.name), text).await
}

async fn of(tx: &mut ControlTx, user: &User) -> Result<Tenant, InviteError> {
    let tenant = tenants::get(tx, user.tenant_id).await?;
    Ok(tenant.ok_or(InvitationError::NotFound)?)
}

impl Letters {
    async fn link(
        &self,
        tx: &mut ControlTx,
        to: &User,
        token: &Secret<String>,
    ) -> Result<String, sqlx::Error> {
        let tenant = Some(to.tenant_id);
        self.links.link(tx, tenant, PAGE, token.expose()).await
    }
}

fn how(link: &str) -> String {
    format!("Accept your invitation within seven days:\n\n{link}\n")
}

async fn post(
    tx: &mut ControlTx,
    letters: &Letters,
    to: &User,
    subject: String,
    text: String,
) -> Result<(), InviteError> {
    let (name, address) = (to.name.as_str(), to.email.as_str());
    // A name may be longer than what mailboxes are shown under.
    let mailbox = Mailbox::new(Some(name), address).or_else(|_| Mailbox::new(None, address));
    let draft = Draft {
        tenant: Some(to.tenant_id),
        from: letters.from.clone(),
        to: mailbox.map_err(|_| InviteError::Unreachable)?,
        subject: Subject::try_from(subject).map_err(|_| InviteError::Unreachable)?,
        text,
    };
    mail::delivery::queue(tx, draft).await?;
    Ok(())
}
