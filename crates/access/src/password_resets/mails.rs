//! What is mailed.

use identity::passwords::Account;
use isolation::ControlTx;
use mail::delivery::{self, Draft};
use mail::{Mailbox, Subject};

/// The link, to its person.
pub(super) async fn send_link(
    tx: &mut ControlTx,
    from: &Mailbox,
    account: &Account,
    link: &str,
) -> Result<(), sqlx::Error> {
    let text = format!(
        "Hello {},\n\nsomebody, you we hope, asked for a new password. This link sets it, once, within an hour:\n\n\
         {link}\n\nIf it was not you, do nothing: the password stays as it is.\n",
        account.name
    );
    send(tx, from, account, "Set a new password", text).await
}

/// That the password is another one now, to its person.
pub(super) async fn send_notice(
    tx: &mut ControlTx,
    from: &Mailbox,
    account: &Account,
) -> Result<(), sqlx::Error> {
    let text = format!(
        "Hello {},\n\nyour password was changed just now, and you were logged out everywhere else.\n\nIf it was not \
         you, have a link to set a new one sent to you at once, and tell whoever runs your account.\n",
        account.name
    );
    send(tx, from, account, "Your password was changed", text).await
}

async fn send(
    tx: &mut ControlTx,
    from: &Mailbox,
    account: &Account,
    subject: &'static str,
    text: String,
) -> Result<(), sqlx::Error> {
    let to = Mailbox::new(Some(account.name.as_str()), account.email.as_str());
    let draft = Draft {
        tenant: account.person.tenant(),
        from: from.clone(),
        to: to.map_err(|error| sqlx::Error::Encode(error.into()))?,
        subject: Subject::try_from(subject.to_owned()).map_err(|error| sqlx::Error::Encode(error.into()))?,
        text,
    };
    delivery::queue(tx, draft).await.map(drop)
}
