//! How a mail leaves the installation: by SMTP, or into a folder where there is no SMTP server.

mod folder;
mod smtp;

use std::path::PathBuf;

pub use folder::FolderTransport;
pub use smtp::{Credentials, SmtpConfig, SmtpTransport, Tls};

use crate::message::Message;

/// Where mail goes.
#[derive(Debug, Clone)]
pub enum TransportConfig {
    /// To an SMTP server.
    Smtp(SmtpConfig),
    /// Into a folder, one `.eml` file per mail.
    Folder(PathBuf),
}

/// The way out. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Transport {
    /// By SMTP.
    Smtp(SmtpTransport),
    /// Into a folder.
    Folder(FolderTransport),
}

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// The next host answers for it now; with what it said.
    Delivered(String),
    /// Not this time; a later attempt may succeed.
    Retry(String),
    /// Refused for good: the address or the mail itself.
    Rejected(String),
}

/// The transport cannot be built from its configuration, or cannot be used at the moment.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TransportError(String);

impl Transport {
    /// Opens the way; nothing is sent yet.
    pub fn open(config: TransportConfig) -> Result<Self, TransportError> {
        match config {
            TransportConfig::Smtp(smtp) => SmtpTransport::open(smtp).map(Self::Smtp),
            TransportConfig::Folder(folder) => FolderTransport::open(folder).map(Self::Folder),
        }
    }

    /// Tries once to deliver this mail.
    pub async fn send(&self, message: &Message) -> Outcome {
        match self {
            Self::Smtp(smtp) => smtp.send(message).await,
            Self::Folder(folder) => folder.send(message).await,
        }
    }

    /// Whether a mail could be sent right now, without sending one.
    pub async fn probe(&self) -> Result<(), TransportError> {
        match self {
            Self::Smtp(smtp) => smtp.probe().await,
            Self::Folder(folder) => folder.probe().await,
        }
    }
}
