use std::time::Duration;

use kernel::Secret;
use tokio::net::TcpListener;

use super::responder::Responder;
use super::{mailbox, message};
use crate::message::Message;
use crate::transport::{Credentials, Outcome, SmtpConfig, SmtpTransport, Tls, Transport, TransportConfig};

fn config(port: u16) -> SmtpConfig {
    SmtpConfig {
        timeout: Duration::from_secs(5),
        ..SmtpConfig::new("127.0.0.1", port)
    }
}

fn transport(config: SmtpConfig) -> Transport {
    Transport::open(TransportConfig::Smtp(config)).expect("it opens")
}

#[tokio::test]
async fn delivers_several_mails_over_one_connection() {
    let server = Responder::start([]).await;
    let transport = transport(config(server.port));
    transport.probe().await.expect("the server answers");
    for _ in 0..3 {
        assert_eq!(
            transport.send(&message()).await,
            Outcome::Delivered("queued as 42".to_owned())
        );
    }
    let seen = server.seen();
    assert_eq!((seen.connections, seen.mails.len()), (1, 3));
    assert!(
        seen.commands
            .contains(&"MAIL FROM:<no-reply@acme.test>".to_owned()),
        "{seen:?}"
    );
    assert!(
        seen.commands.contains(&"RCPT TO:<owner@example.com>".to_owned()),
        "{seen:?}"
    );
    assert!(
        seen.mails[0].contains("Message-ID: <mail_01h455vb4pex5vsknk084sn02q@acme.test>"),
        "{seen:?}"
    );
    assert!(seen.mails.iter().all(|mail| *mail == seen.mails[0]));
}

#[tokio::test]
async fn tells_a_refused_mail_from_a_refused_attempt() {
    for (stage, answer, rejected) in [
        ("RCPT", "550 no such user", true),
        ("RCPT", "451 greylisted", false),
        ("MAIL", "553 not from you", true),
        ("CONTENT", "554 that is spam", true),
        ("CONTENT", "452 disk full", false),
        ("MAIL", "530 authentication required", false),
        ("GREETING", "554 no service here", false),
        ("GREETING", "421 too busy", false),
        ("EHLO", "550 who are you", false),
        ("RCPT", "nonsense", false),
    ] {
        let server = Responder::start([(stage, answer)]).await;
        let outcome = transport(config(server.port)).send(&message()).await;
        let (Outcome::Rejected(reason) | Outcome::Retry(reason)) = &outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(
            matches!(outcome, Outcome::Rejected(_)),
            rejected,
            "{stage} {answer}: {outcome:?}"
        );
        assert!(
            answer == "nonsense" || reason.contains(&answer[4..]),
            "{stage} {answer}: {reason}"
        );
    }
}

#[tokio::test]
async fn nobody_listening_is_a_reason_to_retry() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listener.local_addr().expect("it is bound").port()
    };
    let transport = transport(config(port));
    assert!(matches!(transport.send(&message()).await, Outcome::Retry(_)));
    assert!(transport.probe().await.is_err());
}

#[tokio::test]
async fn a_silent_server_is_given_up_and_its_connection_not_used_again() {
    for stage in ["GREETING", "RCPT", "CONTENT"] {
        let server = Responder::start([(stage, "")]).await;
        let impatient = SmtpConfig {
            timeout: Duration::from_millis(300),
            ..config(server.port)
        };
        let transport = transport(impatient);
        for attempt in 1..=2 {
            assert!(
                matches!(transport.send(&message()).await, Outcome::Retry(_)),
                "{stage}"
            );
            assert_eq!(server.seen().connections, attempt, "{stage}");
        }
    }
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced() {
    let server = Responder::start([("NOOP", "421 closing")]).await;
    let transport = transport(config(server.port));
    for _ in 0..2 {
        assert!(matches!(transport.send(&message()).await, Outcome::Delivered(_)));
    }
    assert_eq!(server.seen().connections, 2);
}

fn with_credentials(port: u16) -> SmtpConfig {
    let credentials = Credentials {
        user: "app".to_owned(),
        password: Secret::new("hunter2".to_owned()),
    };
    SmtpConfig {
        credentials: Some(credentials),
        ..config(port)
    }
}

#[tokio::test]
async fn authenticates_and_does_not_blame_the_mail_for_a_wrong_password() {
    let server = Responder::start([]).await;
    assert!(matches!(
        transport(with_credentials(server.port)).send(&message()).await,
        Outcome::Delivered(_)
    ));
    // RFC 4616: base64 of NUL app NUL hunter2.
    assert!(
        server
            .seen()
            .commands
            .contains(&"AUTH PLAIN AGFwcABodW50ZXIy".to_owned()),
        "{:?}",
        server.seen()
    );

    let refusing = Responder::start([("AUTH", "535 bad credentials")]).await;
    let outcome = transport(with_credentials(refusing.port)).send(&message()).await;
    let Outcome::Retry(reason) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        reason.contains("bad credentials") && !reason.contains("hunter2"),
        "{reason}"
    );
    assert!(refusing.seen().mails.is_empty());
}

#[tokio::test]
async fn says_nothing_in_the_clear_where_encryption_is_wanted() {
    let server = Responder::start([]).await;
    let encrypted = SmtpConfig {
        tls: Tls::StartTls,
        ..with_credentials(server.port)
    };
    assert!(matches!(
        transport(encrypted).send(&message()).await,
        Outcome::Retry(_)
    ));
    let said = server.seen().commands;
    assert!(
        said.iter().all(|line| line.starts_with("EHLO") || line == "QUIT"),
        "{said:?}"
    );
}

#[tokio::test]
async fn an_address_that_the_server_cannot_take_is_rejected() {
    let server = Responder::start([]).await;
    let mail = Message {
        to: mailbox("öz@example.com"),
        ..message()
    };
    assert!(matches!(
        transport(config(server.port)).send(&mail).await,
        Outcome::Rejected(_)
    ));
}

#[tokio::test]
async fn the_password_does_not_print() {
    let config = with_credentials(25);
    let transport = SmtpTransport::open(config.clone()).expect("it opens");
    let printed = format!(
        "{config:?} {transport:?} {:?}",
        TransportConfig::Smtp(config.clone())
    );
    assert!(
        !printed.contains("hunter2") && printed.contains("app"),
        "{printed}"
    );
}

#[test]
fn encryption_is_the_default_beyond_this_machine() {
    for (host, port, tls) in [
        ("smtp.example.com", 465, Tls::Implicit),
        ("smtp.example.com", 587, Tls::StartTls),
        ("smtp.example.com", 25, Tls::StartTls),
        ("localhost", 1025, Tls::None),
        ("127.0.0.2", 25, Tls::None),
        ("::1", 25, Tls::None),
        ("localhost", 465, Tls::Implicit),
        ("localhost.example.com", 25, Tls::StartTls),
    ] {
        assert_eq!(Tls::default_for(host, port), tls, "{host}:{port}");
    }
}
