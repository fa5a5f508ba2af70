//! Mail by SMTP (RFC 5321).
//!
//! Connections are kept for the next mail, but by this room, not by the library's pool: a connection is given back
//! only after a mail went through it from beginning to end. One whose mail was cancelled or timed out half-way is
//! closed, because the next mail on it would read the answers to the last. Connecting and sending are separate
//! steps, so that a refusal of *us* (a wrong password is a 535) is never taken for a refusal of the mail.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::Secret;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials as LettreCredentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::time::timeout;
use url::Host;

use super::{Outcome, TransportError};
use crate::message::Message;

/// How many idle connections are kept.
const MOST_IDLE: usize = 4;
/// The longest wait for one of the server's network addresses before the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TOO_LATE: &str = "the server did not answer in time";
/// The longest reason that is kept of what a server says.
const LONGEST_REASON: usize = 500;

/// An SMTP server and how to speak to it.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Its name, which its certificate must carry.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who we are to it, if it wants to know.
    pub credentials: Option<Credentials>,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// The name we greet with; without one, an address literal.
    pub hello_name: Option<String>,
    /// The longest that connecting may take, and again the longest that one mail may take.
    pub timeout: Duration,
}

/// A name and a password.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret<String>,
}

/// How a connection is encrypted. Certificates are checked against the system's trusted ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte.
    Implicit,
    /// After a greeting in the clear; a server that does not offer it is not used.
    StartTls,
    /// Never: everything, credentials too, goes in the clear.
    None,
}

impl Tls {
    /// What to use where nothing is said: port 465 begins encrypted (RFC 8314); this machine's own server needs
    /// nothing; all else must offer STARTTLS, because a mail may carry an invitation.
    pub fn default_for(host: &str, port: u16) -> Self {
        let local = match Host::parse(host) {
            Ok(Host::Domain(name)) => name == "localhost",
            Ok(Host::Ipv4(address)) => address.is_loopback(),
            Ok(Host::Ipv6(address)) => address.is_loopback(),
            Err(_) => host == "::1",
        };
        match port {
            465 => Self::Implicit,
            _ if local => Self::None,
            _ => Self::StartTls,
        }
    }
}

impl SmtpConfig {
    /// The server at this address with everything else by default.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        let host = host.into();
        let tls = Tls::default_for(&host, port);
        Self {
            host,
            port,
            credentials: None,
            tls,
            hello_name: None,
            timeout: Duration::from_mins(1),
        }
    }
}

/// The way to an SMTP server. Cheap to clone.
#[derive(Clone)]
pub struct SmtpTransport(Arc<Server>);

struct Server {
    config: SmtpConfig,
    /// Present unless the connection stays in the clear.
    tls: Option<TlsParameters>,
    hello: ClientId,
    idle: Mutex<Vec<AsyncSmtpConnection>>,
}

impl SmtpTransport {
    /// Reads the system's certificates; nothing is sent yet.
    pub fn open(config: SmtpConfig) -> Result<Self, TransportError> {
        let tls = match config.tls {
            Tls::None => None,
            _ => Some(
                TlsParameters::new(config.host.clone()).map_err(|error| TransportError(reason(&error)))?,
            ),
        };
        let hello = config
            .hello_name
            .clone()
            .map_or_else(ClientId::default, ClientId::Domain);
        Ok(Self(Arc::new(Server {
            config,
            tls,
            hello,
            idle: Mutex::default(),
        })))
    }

    pub(super) async fn send(&self, message: &Message) -> Outcome {
        let mail = message.render();
        let content = mail.formatted();
        let mut connection = match self.0.connection().await {
            Ok(connection) => connection,
            Err(reason) => return Outcome::Retry(reason),
        };
        // If the time runs out, or the caller goes away, the connection is dropped half-way as it is.
        let sending = timeout(self.0.config.timeout, connection.send(mail.envelope(), &content));
        match sending.await {
            Ok(Ok(response)) => {
                self.0.keep(connection);
                Outcome::Delivered(shorten(&response.message().collect::<Vec<_>>().join(" ")))
            }
            Ok(Err(error)) if is_for_good(&error, mail.envelope().to()) => Outcome::Rejected(reason(&error)),
            Ok(Err(error)) => Outcome::Retry(reason(&error)),
            Err(_) => Outcome::Retry(TOO_LATE.to_owned()),
        }
    }

    pub(super) async fn probe(&self) -> Result<(), TransportError> {
        let connection = self.0.connection().await.map_err(TransportError)?;
        self.0.keep(connection);
        Ok(())
    }
}

impl Server {
    /// A connection that has just answered: a kept one, or a new one. The error is for people.
    async fn connection(&self) -> Result<AsyncSmtpConnection, String> {
        let opening = async {
            while let Some(mut kept) = self.take_idle() {
                if kept.test_connected().await {
                    return Ok(kept);
                }
            }
            self.connect().await
        };
        match timeout(self.config.timeout, opening).await {
            Ok(opened) => opened.map_err(|error| reason(&error)),
            Err(_) => Err(TOO_LATE.to_owned()),
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let address = (self.config.host.as_str(), self.config.port);
        let implicit = self.tls.clone().filter(|_| self.config.tls == Tls::Implicit);
        let patience = Some(CONNECT_TIMEOUT);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, patience, &self.hello, implicit, None).await?;
        if let (Tls::StartTls, Some(tls)) = (self.config.tls, self.tls.clone()) {
            connection.starttls(tls, &self.hello).await?;
        }
        if let Some(Credentials { user, password }) = &self.config.credentials {
            let credentials = LettreCredentials::new(user.clone(), password.expose().clone());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        Ok(connection)
    }

    fn take_idle(&self) -> Option<AsyncSmtpConnection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push(connection);
        }
    }
}

/// Whether another attempt would be refused too: a 5xx, unless it says that we should have authenticated (which is
/// the operator's mistake, not the mail's); or an address outside ASCII that the server cannot take.
fn is_for_good(error: &Error, to: &[lettre::Address]) -> bool {
    let unauthenticated = error
        .status()
        .is_some_and(|code| matches!(u16::from(code), 530 | 534 | 535 | 538));
    let beyond_ascii = to.iter().any(|address| !AsRef::<str>::as_ref(address).is_ascii());
    (error.is_permanent() && !unauthenticated) || (error.is_client() && beyond_ascii)
}

fn reason(error: &Error) -> String {
    shorten(&error.to_string())
}

/// One line of bounded length: the text is a stranger's.
fn shorten(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST_REASON)
        .collect()
}

impl fmt::Debug for SmtpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SmtpTransport").field(&self.0.config).finish()
    }
}
