use proptest::prelude::*;

use super::{mailbox, message};
use crate::message::{InvalidMailbox, InvalidSubject, Mailbox, Message, Subject};

fn rendered(message: &Message) -> String {
    String::from_utf8(message.render().formatted()).expect("mail is ASCII")
}

#[test]
fn reads_addresses_with_and_without_a_name() {
    let named = mailbox("Ünal, Öz <o.unal+x@example.com>");
    assert_eq!(
        (named.name(), named.address()),
        (Some("Ünal, Öz"), "o.unal+x@example.com")
    );
    assert_eq!(mailbox("a@localhost").name(), None);
    assert_eq!(
        Mailbox::new(Some("  "), "a@b.test"),
        Mailbox::new(None, "a@b.test")
    );
    assert_eq!(
        Mailbox::new(None, "kunde@bücher.example")
            .map(|m| m.address().to_owned())
            .as_deref(),
        Ok("kunde@xn--bcher-kva.example")
    );
}

#[test]
fn refuses_what_is_no_address_and_what_would_add_a_header() {
    let long = format!("{}@example.com", "a".repeat(65));
    for text in [
        "",
        "a",
        "@b.test",
        "a@",
        "a b@c.test",
        "a@b c.test",
        "a@b.test\r\nBcc: x@y.test",
        "a@b.test\n",
        "\"a\r\nb\"@c.test",
        "a@b.test, c@d.test",
        "a@b@c.test",
        &long,
    ] {
        assert_eq!(Mailbox::new(None, text), Err(InvalidMailbox::Address), "{text:?}");
        assert!(text.parse::<Mailbox>().is_err(), "{text:?}");
    }
    for name in ["a\r\nBcc: x@y.test", "a\nb", "a\u{0}b", &"a".repeat(201)] {
        assert_eq!(
            Mailbox::new(Some(name), "a@b.test"),
            Err(InvalidMailbox::Name),
            "{name:?}"
        );
    }
    for subject in ["a\r\nBcc: x@y.test", "a\rb", "a\nb", &"a".repeat(999)] {
        assert_eq!(subject.parse::<Subject>(), Err(InvalidSubject), "{subject:?}");
    }
}

#[test]
fn is_stored_and_read_back_unchanged() {
    let mail = Message {
        to: mailbox("\"Öz, Ünal\" <o@example.com>"),
        ..message()
    };
    let stored = serde_json::to_string(&mail).expect("it serializes");
    assert_eq!(
        serde_json::from_str::<Message>(&stored).expect("it reads back"),
        mail
    );
    let forged = stored.replace("Your workspace is ready", "a\\r\\nBcc: x@y.test");
    assert!(serde_json::from_str::<Message>(&forged).is_err());
}

#[test]
fn every_attempt_is_the_same_mail() {
    let text = rendered(&message());
    assert_eq!(text, rendered(&message()));
    for header in [
        "Message-ID: <mail_01h455vb4pex5vsknk084sn02q@acme.test>\r\n",
        "Date: Thu, 05 Mar 2026 10:42:00 +0000\r\n",
        "From: \"Acme GmbH\" <no-reply@acme.test>\r\n",
        "To: owner@example.com\r\n",
        "Reply-To: help@acme.test\r\n",
        "Subject: Your workspace is ready\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Type: multipart/alternative;\r\n",
    ] {
        assert!(text.contains(header), "{header:?} in {text}");
    }
}

#[test]
fn writes_to_every_address_that_it_takes() {
    for address in [
        "\"a b\"@example.com",
        "\"a,b\"@example.com",
        "a!#$%&'*+/=?^_`{|}~b@example.com",
    ] {
        let to = Mailbox::new(Some("Ada, Countess <x>"), address).expect(address);
        let mail = Message { to, ..message() }.render();
        let recipients: Vec<&str> = mail.envelope().to().iter().map(AsRef::as_ref).collect();
        assert_eq!(recipients, [address]);
        let text = String::from_utf8(mail.formatted()).expect("mail is ASCII");
        assert!(text.contains(&format!("<{address}>")), "{text}");
    }
}

/// The header names of a mail, its continuation lines folded away.
fn header_names(mail: &str) -> Vec<&str> {
    let (head, _) = mail
        .split_once("\r\n\r\n")
        .expect("an empty line ends the headers");
    head.split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']))
        .filter_map(|line| line.split(':').next())
        .collect()
}

proptest! {
    #[test]
    fn every_mailbox_is_read_back_as_it_was_stored(name in any::<Option<String>>(), address in "[a-zé]{1,9}@[a-zü]{1,9}\\.test") {
        let Ok(mailbox) = Mailbox::new(name.as_deref(), &address) else { return Ok(()) };
        let stored = serde_json::to_string(&mailbox).expect("it serializes");
        prop_assert_eq!(serde_json::from_str::<Mailbox>(&stored).expect("it reads back"), mailbox);
    }

    #[test]
    fn no_text_adds_a_header_or_breaks_a_line(name in ".{0,100}", subject in ".{0,300}", text in any::<String>(), html in any::<Option<String>>()) {
        let plain = message();
        let expected = rendered(&Message { html: html.clone().map(|_| String::new()), ..plain.clone() });
        let (Ok(to), Ok(subject)) = (Mailbox::new(Some(&name), "a@b.test"), subject.parse()) else { return Ok(()) };
        let mail = rendered(&Message { to, subject, text, html, ..plain });
        // How the text is encoded is the one thing that depends on it.
        let fixed = |mail: &str| header_names(mail).into_iter().filter(|n| *n != "Content-Transfer-Encoding").map(str::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(fixed(&mail), fixed(&expected));
        prop_assert!(mail.is_ascii() && mail.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
    }
}
