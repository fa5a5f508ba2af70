mod folder;
mod message;
mod responder;
mod smtp;

use crate::message::{MailId, Mailbox, Message};

fn mailbox(text: &str) -> Mailbox {
    text.parse().expect("a mailbox")
}

fn message() -> Message {
    Message {
        id: MailId::from_uuid("01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("a uuid")),
        written_at: "2026-03-05T10:42:00.123Z".parse().expect("a time"),
        from: mailbox("Acme GmbH <no-reply@acme.test>"),
        to: mailbox("owner@example.com"),
        reply_to: Some(mailbox("help@acme.test")),
        subject: "Your workspace is ready".parse().expect("a subject"),
        text: "Hello,\nhere is your link.\n".to_owned(),
        html: Some("<p>Hello, here is your <a href=\"https://acme.test\">link</a>.</p>".to_owned()),
    }
}
