//! One mail, from one sender to one recipient, and its form on the wire (RFC 5322).

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use kernel::{Entity, Id, Timestamp};
use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox as LettreMailbox, MultiPart, SinglePart};
use serde::{Deserialize, Serialize};

/// Marker of the mail entity.
#[derive(Debug)]
pub enum Mail {}
impl Entity for Mail {
    const PREFIX: &'static str = "mail";
}
/// One mail, through all attempts to deliver it.
pub type MailId = Id<Mail>;

/// A name and an address to write to or from. The address is syntactically valid, its domain in ASCII form; neither
/// holds a control character.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Mailbox(LettreMailbox);

/// The text is no mailbox.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidMailbox {
    /// The address is not `local@domain` as RFC 5321 wants it.
    #[error("not an email address")]
    Address,
    /// The name has a control character or is longer than 200 characters.
    #[error("not a name that a mailbox can have")]
    Name,
}

impl Mailbox {
    /// The mailbox of this address, shown under this name if it is not blank.
    pub fn new(name: Option<&str>, address: &str) -> Result<Self, InvalidMailbox> {
        let name = name.map(str::trim).filter(|name| !name.is_empty());
        if name.is_some_and(|name| !is_line(name, 200)) {
            return Err(InvalidMailbox::Name);
        }
        Ok(Self(LettreMailbox::new(
            name.map(str::to_owned),
            parse_address(address)?,
        )))
    }

    /// The bare address.
    pub fn address(&self) -> &str {
        self.0.email.as_ref()
    }

    /// The name it is shown under.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }
}

fn parse_address(text: &str) -> Result<Address, InvalidMailbox> {
    // 254 octets are what fits into an SMTP path (RFC 5321 §4.5.3.1.3).
    if !is_line(text, 254) {
        return Err(InvalidMailbox::Address);
    }
    let address: Address = text.parse().map_err(|_| InvalidMailbox::Address)?;
    if address.domain().is_ascii() {
        return Ok(address);
    }
    let domain = idna::domain_to_ascii(address.domain()).map_err(|_| InvalidMailbox::Address)?;
    Address::new(address.user(), domain).map_err(|_| InvalidMailbox::Address)
}

/// Whether the text may stand in a header: nothing that ends a line or hides something.
fn is_line(text: &str, longest: usize) -> bool {
    text.len() <= longest && !text.chars().any(char::is_control)
}

/// Reads `address`, `Name <address>` and `"Name" <address>`.
impl FromStr for Mailbox {
    type Err = InvalidMailbox;
    fn from_str(text: &str) -> Result<Self, InvalidMailbox> {
        let Some((name, address)) = text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) else {
            return Self::new(None, text);
        };
        let name = name.trim();
        let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        Self::new(Some(quoted.unwrap_or(name)), address)
    }
}

/// How a mailbox is stored: in its parts, because no text form gives every name back.
#[derive(Serialize, Deserialize)]
struct Parts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    address: String,
}

impl TryFrom<Parts> for Mailbox {
    type Error = InvalidMailbox;
    fn try_from(parts: Parts) -> Result<Self, InvalidMailbox> {
        Self::new(parts.name.as_deref(), &parts.address)
    }
}

impl From<Mailbox> for Parts {
    fn from(mailbox: Mailbox) -> Self {
        Self {
            address: mailbox.address().to_owned(),
            name: mailbox.0.name,
        }
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A subject: one line of at most 998 octets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject(String);

/// The text is no subject.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a subject is one line of at most 998 octets")]
pub struct InvalidSubject;

impl TryFrom<String> for Subject {
    type Error = InvalidSubject;
    fn try_from(text: String) -> Result<Self, InvalidSubject> {
        if is_line(&text, 998) {
            Ok(Self(text))
        } else {
            Err(InvalidSubject)
        }
    }
}

impl FromStr for Subject {
    type Err = InvalidSubject;
    fn from_str(text: &str) -> Result<Self, InvalidSubject> {
        text.to_owned().try_into()
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.0
    }
}

/// One mail. Valid whatever its fields hold, because their types are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Which mail; its Message-ID is made of it.
    pub id: MailId,
    /// When it was written; every attempt shows this date.
    pub written_at: Timestamp,
    /// The sender, in the header and in the envelope.
    pub from: Mailbox,
    /// The one recipient.
    pub to: Mailbox,
    /// Where answers should go, if not to the sender.
    pub reply_to: Option<Mailbox>,
    /// What the recipient sees first.
    pub subject: Subject,
    /// The text.
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
}

/// RFC 3834: tells vacation responders and other robots not to answer.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Message {
    /// The Message-ID, the same for every attempt: `<mail_…@sender's domain>`.
    pub fn message_id(&self) -> String {
        format!("<{}@{}>", self.id, self.from.0.email.domain())
    }

    /// The mail as it travels, with its envelope.
    pub(crate) fn render(&self) -> lettre::Message {
        // Named outright: lettre would read it back from the headers, and cannot read every address that it writes.
        let envelope = Envelope::new(Some(self.from.0.email.clone()), vec![self.to.0.email.clone()])
            .expect("it has a recipient");
        let mut builder = lettre::Message::builder()
            .envelope(envelope)
            .message_id(Some(self.message_id()))
            .date(SystemTime::from(self.written_at.inner()))
            .from(self.from.0.clone())
            .to(self.to.0.clone())
            .subject(self.subject.0.clone())
            .header(AutoSubmitted);
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(reply_to.0.clone());
        }
        let text = SinglePart::plain(self.text.clone());
        let built = match &self.html {
            None => builder.singlepart(text),
            Some(html) => builder.multipart(
                // A random boundary would make each attempt another mail.
                MultiPart::alternative()
                    .boundary(format!("alternative-{}", self.id.hex()))
                    .singlepart(text)
                    .singlepart(
                        SinglePart::builder()
                            .header(ContentType::TEXT_HTML)
                            .body(html.clone()),
                    ),
            ),
        };
        built.expect("an envelope is all that a mail must have")
    }
}
